package netconn

import (
	"os"
	"syscall"
	"time"
)

// Written returns how many bytes the kernel took.
func (c *Conn) Written() int64 { return c.written.Load() }

// Confirmed looks how many bytes the peer's system has confirmed, and returns it. Of a connection that is closed on this
// side it returns what was seen last. It is safe for concurrent use: the largest number that was seen stands.
func (c *Conn) Confirmed() int64 {
	written := c.written.Load()
	unsent, known := c.unsent()
	for {
		before := c.confirmed.Load()
		confirmed := written - int64(unsent)
		if !known || confirmed <= before {
			return before
		}
		if c.confirmed.CompareAndSwap(before, confirmed) {
			return confirmed
		}
	}
}

// Unconfirmed returns how many of the written bytes were not confirmed at the last look.
func (c *Conn) Unconfirmed() int64 { return c.written.Load() - c.confirmed.Load() }

// Sending reports whether bytes are still on their way to the peer.
func (c *Conn) Sending() bool {
	unsent, _ := c.unsent()
	return unsent > 0
}

// WaitConfirmed waits until the peer has confirmed everything, as long as it goes on doing so within the idle limit. gone
// is closed when the peer ends its side: if it has closed, it confirms nothing any more; if it has only sent its last
// byte, it goes on. The error is [os.ErrDeadlineExceeded], or [os.ErrClosed] if the connection is closed on this side.
func (c *Conn) WaitConfirmed(gone <-chan struct{}) error {
	c.touch()
	const longest = 50 * time.Millisecond
	for pause := 100 * time.Microsecond; c.left() > 0; pause = min(2*pause, longest) {
		if c.Unconfirmed() <= 0 {
			return nil
		}
		if _, known := c.unsent(); !known {
			return os.ErrClosed
		}
		begun := time.Now()
		timer := time.NewTimer(pause)
		select {
		case <-gone:
			timer.Stop()
			gone = nil
			c.closing.Store(true)
		case <-timer.C:
			c.forgive(begun, pause)
		}
	}
	c.timedOut.Store(true)
	return os.ErrDeadlineExceeded
}

// unsent returns how many of the written bytes are not confirmed. It is not known of a connection that is closed.
func (c *Conn) unsent() (n int, known bool) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0, true
	}
	return unsentBytes(socket)
}
