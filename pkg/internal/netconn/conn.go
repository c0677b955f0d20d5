package netconn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a connection with an idle limit: a read or write fails with [os.ErrDeadlineExceeded] when no byte moved in
// either direction for that long. Bytes that drain from the kernel's send buffer count as movement: on a slow network
// that takes longer than any limit. Deadlines that callers set have no effect.
//
// The embedded Conn is the connection without the limit. Where it is no TCP connection, nothing is known of its send
// buffer: what was written counts as confirmed.
type Conn struct {
	net.Conn // an interface, so that the ReadFrom of a TCP connection stays hidden

	idle      atomic.Int64 // the longest silence in nanoseconds
	unlimited atomic.Bool  // reads may wait for ever: the caller keeps the time
	stopped   atomic.Bool  // reads return instead of waiting
	closing   atomic.Bool  // the peer has said that it leaves: silence may last for closingLimit only
	born      time.Time    // by the monotonic clock, which nobody can set back
	moved     atomic.Int64 // when a byte moved last; nanoseconds since born
	timedOut  atomic.Bool  // the limit was reached
	written   atomic.Int64 // bytes that the kernel took
	confirmed atomic.Int64 // bytes that the peer had confirmed at the last look
	takes     takePace

	grace  atomic.Int64 // how long a failed write is held back; nanoseconds
	closed chan struct{}
	once   sync.Once
}

const (
	keepAlive    = 15 * time.Second
	closingLimit = 2 * time.Second
)

// Dial connects to HOST:PORT by TCP. Connecting may take as long as the idle limit.
func Dial(ctx context.Context, address string, idle time.Duration) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	raw, err := DialContext(ctx, net.Dialer{KeepAlive: keepAlive}, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := New(raw, idle)
	c.LimitUnsent()
	return c, nil
}

// New puts an idle limit on a connection. The limit runs from now on.
func New(raw net.Conn, idle time.Duration) *Conn {
	c := &Conn{Conn: raw, born: time.Now(), closed: make(chan struct{})}
	c.SetIdle(idle)
	c.touch()
	return c
}

// SetIdle changes the idle limit.
func (c *Conn) SetIdle(limit time.Duration) { c.idle.Store(int64(limit)) }

// Idle returns the idle limit.
func (c *Conn) Idle() time.Duration { return time.Duration(c.idle.Load()) }

// LimitUnsent bounds the bytes that wait in the kernel: what counts as written is then nearly sent, and a write that
// waits is a network that stands still.
func (c *Conn) LimitUnsent() {
	if socket, ok := c.Conn.(syscall.Conn); ok {
		limitUnsent(socket)
	}
}

// LimitUnconfirmed bounds how much the system takes beyond what the peer has confirmed, where only the first can be known: there
// what the system took counts as confirmed.
func (c *Conn) LimitUnconfirmed() {
	if socket, ok := c.Conn.(syscall.Conn); ok {
		limitUnconfirmed(socket)
	}
}

// ResetOnClose makes the connection close with a reset, also when the process is killed. To FTP a normal close is the
// end of the file, and the server would keep half of one as complete.
func (c *Conn) ResetOnClose() { setLinger(c.Conn, 0) }

// CloseNormally ends the effect of ResetOnClose.
func (c *Conn) CloseNormally() { setLinger(c.Conn, -1) }

func setLinger(c net.Conn, seconds int) {
	if tcp, ok := c.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(seconds)
	}
}

// Reset closes the connection with a reset, so that the peer sees that it was not meant to end. How many bytes have
// arrived is not known afterwards any more.
func (c *Conn) Reset() {
	c.Confirmed()
	c.ResetOnClose()
	_ = c.Close()
}

// Reset closes any connection with a reset.
func Reset(c net.Conn) {
	setLinger(c, 0)
	_ = c.Close()
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// IsIPv4 reports whether the peer was reached by IPv4.
func (c *Conn) IsIPv4() bool {
	address, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && address.IP.To4() != nil
}

// TimedOut reports whether a read or write has reached the idle limit.
func (c *Conn) TimedOut() bool { return c.timedOut.Load() }

// LimitError returns the error of the limit that was reached; nil if none was.
func (c *Conn) LimitError() error {
	switch {
	case c.takes.slow.Load():
		return ErrSlow
	case c.TimedOut():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// WaitForReads takes the limit off reads: the caller keeps the time.
func (c *Conn) WaitForReads() { c.unlimited.Store(true) }

// StopReading ends a read that waits, and all later ones that would.
func (c *Conn) StopReading() {
	c.stopped.Store(true)
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
}

// ExpectClose shortens the limit to two seconds, also for calls that wait: the peer has said that it leaves.
func (c *Conn) ExpectClose() {
	c.closing.Store(true)
	soon := time.Now().Add(min(c.Idle(), closingLimit))
	_ = c.Conn.SetWriteDeadline(soon)
	_ = c.Conn.SetReadDeadline(soon)
}

func (c *Conn) touch() { c.moved.Store(int64(time.Since(c.born))) }

// Standstill is how late a timer has to be for this machine to have stood still: a laptop that slept, or a process that was
// stopped. A busy machine is not that late.
const Standstill = 3 * time.Second

// forgive takes the time for which this machine stood still from the silence: the peer may have answered meanwhile, and that is
// looked for once more. begun is when a wait began.
func (c *Conn) forgive(begun time.Time, wait time.Duration) {
	if late := time.Since(begun) - wait; late > Standstill {
		c.moved.Add(int64(late))
	}
}

// left returns how long the silence may last from now on; 0 or less if it has lasted too long.
func (c *Conn) left() time.Duration {
	if before := c.confirmed.Load(); c.Confirmed() > before {
		c.touch()
	}
	limit := c.Idle()
	if c.closing.Load() {
		limit = min(limit, closingLimit)
	}
	return limit - (time.Since(c.born) - time.Duration(c.moved.Load()))
}

// interval returns how long to wait before the next look: bytes that the peer takes meanwhile are only seen then.
func (c *Conn) interval(wait time.Duration) time.Duration {
	return min(wait, max(c.Idle()/8, time.Millisecond), 250*time.Millisecond)
}

// Read reads within the idle limit.
func (c *Conn) Read(p []byte) (int, error) {
	if c.unlimited.Load() {
		if err := c.Conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		c.touch()
		return n, err
	}
	c.Confirmed()
	for wait := c.Idle(); ; wait = c.left() {
		if wait <= 0 {
			c.timedOut.Store(true)
			return 0, os.ErrDeadlineExceeded
		}
		begun := time.Now()
		wait = c.interval(wait)
		if err := c.Conn.SetReadDeadline(begun.Add(wait)); err != nil {
			return 0, err
		}
		if c.stopped.Load() { // looked at after the deadline is set, so that StopReading is never missed
			return 0, os.ErrDeadlineExceeded
		}
		n, err := c.Conn.Read(p)
		slow := c.leavesTooMuch(begun)
		switch {
		case slow:
			return n, c.tooSlow()
		case n > 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			c.touch()
			return n, err
		}
		c.forgive(begun, wait)
	}
}

// write writes within the idle limit.
func (c *Conn) write(p []byte) (int, error) {
	c.touch()
	c.Confirmed()
	c.takes.writing.Store(true)
	defer c.takes.writing.Store(false)
	written := 0
	for wait := c.Idle(); ; wait = c.left() {
		if wait <= 0 {
			c.timedOut.Store(true)
			return written, os.ErrDeadlineExceeded
		}
		begun := time.Now()
		wait = c.interval(wait)
		if err := c.Conn.SetWriteDeadline(begun.Add(wait)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		c.written.Add(int64(n))
		if n > 0 {
			c.touch()
		}
		slow := c.takesTooLittle(begun)
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return written, err
		case slow:
			return written, c.tooSlow()
		}
		c.forgive(begun, wait)
	}
}

// SetDeadline does nothing: the connection keeps its own time.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, as SetDeadline.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, as SetDeadline.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Drain says that no more will be sent, and waits until the peer has taken everything and closed, or until StopReading.
// What the peer sends meanwhile is dropped.
func (c *Conn) Drain() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	c.takes.draining.Store(true)
	const most = 1 << 20 // on an upload's connection nothing is sent back but TLS tickets
	buffer := make([]byte, 4096)
	for total := 0; total < most; {
		n, err := c.Read(buffer)
		total += n
		switch {
		case c.stopped.Load() || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}
