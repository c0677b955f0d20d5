package transfer

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A link is one TCP connection with an idle limit: a read or write fails with [os.ErrDeadlineExceeded] when nothing
// moved in either direction for that long. What still drains from the kernel's send buffer is movement too: on a slow
// line that takes longer than any limit.
//
// As long as it is armed the link closes with a reset, also when the process is killed. To FTP a normal close is the
// end of the file, and the server would keep half of one as complete.
type link struct {
	net.Conn // *net.TCPConn; kept as an interface so that its ReadFrom stays hidden
	tcp      *net.TCPConn
	idle     time.Duration
	stall    atomic.Int64 // stands for idle if it is not 0; nanoseconds
	patient  atomic.Bool  // reads may wait for ever: somebody else holds the watch
	enough   atomic.Bool  // reads need not wait any more
	hasty    atomic.Bool  // silence may last for two seconds only
	moved    atomic.Int64
	silent   atomic.Bool  // the limit was reached
	written  atomic.Int64 // bytes that the kernel took
	arrived  atomic.Int64 // bytes that the other side had confirmed when last looked
}

// dial connects to an address; connecting counts as silence.
func (o Options) dial(ctx context.Context, address string) (*link, error) {
	dialer := net.Dialer{Timeout: o.Timeout, KeepAlive: 15 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn, tcp: conn.(*net.TCPConn), idle: o.Timeout} //nolint:forcetypeassert // network "tcp" gives no other
	tuneSocket(l.tcp)
	l.touch()
	return l, nil
}

// arm makes the link close with a reset, and disarm as usual.
func (l *link) arm()    { _ = l.tcp.SetLinger(0) }
func (l *link) disarm() { _ = l.tcp.SetLinger(-1) }

// isIPv4 reports whether the other side was reached by IPv4.
func (l *link) isIPv4() bool {
	address, ok := l.tcp.RemoteAddr().(*net.TCPAddr)
	return ok && address.IP.To4() != nil
}

// reset ends the connection so that the other side sees that it was not meant to end. What has arrived is not known
// afterwards any more.
func (l *link) reset() {
	l.look()
	l.arm()
	_ = l.tcp.Close()
}

// limit is how long nothing may move.
func (l *link) limit() time.Duration {
	if stall := l.stall.Load(); stall > 0 {
		return time.Duration(stall)
	}
	return l.idle
}

func (l *link) touch() { l.moved.Store(time.Now().UnixNano()) }

// stopReading ends a read that waits, and all later ones that would.
func (l *link) stopReading() {
	l.enough.Store(true)
	_ = l.tcp.SetReadDeadline(time.Unix(1, 0))
}

// left is how long the silence may last from now on; 0 or less if it has lasted too long.
func (l *link) left() time.Duration {
	if before := l.arrived.Load(); l.look() > before {
		l.touch()
	}
	limit := l.limit()
	if l.hasty.Load() {
		limit = min(limit, hasteLimit)
	}
	return limit - time.Since(time.Unix(0, l.moved.Load()))
}

// look notes how many bytes have arrived. Of a connection that is closed already it is not known: then it is what was
// seen last. Several may look at a time: what one has seen stands.
func (l *link) look() int64 {
	written := l.written.Load()
	unsent, known := unsentBytes(l.tcp)
	for {
		before := l.arrived.Load()
		arrived := written - int64(unsent)
		if !known || arrived <= before {
			return before
		}
		if l.arrived.CompareAndSwap(before, arrived) {
			return arrived
		}
	}
}

// glance is how long to wait before the next look: bytes that the other side takes meanwhile are only seen then.
func (l *link) glance(wait time.Duration) time.Duration {
	return min(wait, max(l.limit()/8, time.Millisecond), 250*time.Millisecond)
}

// hasteLimit is how long the silence may last after the other side has said that it leaves.
const hasteLimit = 2 * time.Second

// hasten shortens the limit from now on.
func (l *link) hasten() {
	l.hasty.Store(true)
	soon := time.Now().Add(min(l.limit(), hasteLimit))
	_ = l.tcp.SetWriteDeadline(soon)
	_ = l.tcp.SetReadDeadline(soon)
}

func (l *link) Read(p []byte) (int, error) {
	if l.patient.Load() {
		if err := l.tcp.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		n, err := l.tcp.Read(p)
		l.touch()
		return n, err
	}
	l.look()
	for wait := l.limit(); ; wait = l.left() {
		if wait <= 0 {
			l.silent.Store(true)
			return 0, os.ErrDeadlineExceeded
		}
		if err := l.tcp.SetReadDeadline(time.Now().Add(l.glance(wait))); err != nil {
			return 0, err
		}
		if l.enough.Load() { // asked after the deadline is set, so that stopReading is never missed
			return 0, os.ErrDeadlineExceeded
		}
		n, err := l.tcp.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			l.touch()
			return n, err
		}
	}
}

func (l *link) Write(p []byte) (int, error) {
	l.touch()
	l.look()
	written := 0
	for wait := l.limit(); ; wait = l.left() {
		if wait <= 0 {
			l.silent.Store(true)
			return written, os.ErrDeadlineExceeded
		}
		if err := l.tcp.SetWriteDeadline(time.Now().Add(l.glance(wait))); err != nil {
			return written, err
		}
		n, err := l.tcp.Write(p[written:])
		written += n
		l.written.Add(int64(n))
		if n > 0 {
			l.touch()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// SetDeadline and its sisters do nothing: the link keeps its own time.
func (l *link) SetDeadline(time.Time) error      { return nil }
func (l *link) SetReadDeadline(time.Time) error  { return nil }
func (l *link) SetWriteDeadline(time.Time) error { return nil }

// drain says that no more will be sent, and waits until the other side has taken everything and closed, or until
// stopReading.
func (l *link) drain() error {
	if err := l.tcp.CloseWrite(); err != nil {
		return err
	}
	const enough = 1 << 20 // nobody sends anything on an upload's connection but TLS tickets
	buffer := make([]byte, 4096)
	for total := 0; total < enough; {
		n, err := l.Read(buffer)
		total += n
		switch {
		case l.enough.Load() || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}
