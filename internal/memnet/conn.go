package memnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// defaultBuffer is how many bytes each side of a connection holds in each direction, if it is not told otherwise.
const defaultBuffer = 64 << 10

// A Conn is one end of a connection. It is safe for concurrent use.
type Conn struct {
	mu            *sync.Mutex // one for both ends
	changed       *sync.Cond  // anything of either end
	peer          *Conn
	local, remote *net.TCPAddr

	received    []byte // by this end and not read yet, and what waits at the peer because this end has no room
	readBuffer  int    // bytes that this end takes before they are read
	writeBuffer int    // bytes that this end keeps until the peer has room
	reading     deadline
	writing     deadline
	busy        bool  // a Write is under way
	failure     error // a reset that nobody was told of yet
	wasReset    bool
	finished    bool // the peer sends no more
	readEnd     bool // nothing is read any more
	writeEnd    bool // nothing is written any more
	closed      bool
	abort       bool // Close is a reset
}

// newPair returns both ends of a connection.
func newPair(from, to netip.AddrPort) (client, server *Conn) {
	mu := &sync.Mutex{}
	changed := sync.NewCond(mu)
	end := func(local, remote netip.AddrPort) *Conn {
		return &Conn{
			mu: mu, changed: changed, local: net.TCPAddrFromAddrPort(local), remote: net.TCPAddrFromAddrPort(remote),
			readBuffer: defaultBuffer, writeBuffer: defaultBuffer, reading: deadline{changed: changed}, writing: deadline{changed: changed},
		}
	}
	client, server = end(from, to), end(to, from)
	client.peer, server.peer = server, client
	return client, server
}

// fail makes an error that of an operation.
func (c *Conn) fail(op string, err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		err = os.NewSyscallError(op, err)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Read reads what has arrived. After the peer's end of sending it is io.EOF; after its reset it is once
// [syscall.ECONNRESET], when all that arrived before is read.
func (c *Conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case len(b) == 0:
			return 0, nil
		case c.reading.passed:
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(c.received) > 0:
			n := copy(b, c.received)
			c.received = c.received[n:]
			c.changed.Broadcast()
			return n, nil
		case c.failure != nil:
			return 0, c.fail("read", c.takeFailure())
		case c.finished || c.wasReset || c.readEnd:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// takeFailure returns the reset, which is reported once. The lock is held.
func (c *Conn) takeFailure() error {
	err := c.failure
	c.failure = nil
	return err
}

// Write hands bytes to the network, and waits while neither side has room for them.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitTurn(); err != nil {
		return 0, err
	}
	c.busy = true
	defer func() {
		c.busy = false
		c.changed.Broadcast()
	}()
	written := 0
	for {
		if err := c.writeError(); err != nil {
			return written, err
		}
		if c.peer.closed { // which answers data with a reset
			c.reset()
			return len(b), nil
		}
		n := min(max(c.peer.readBuffer+c.writeBuffer-len(c.peer.received), 0), len(b)-written)
		c.peer.received = append(c.peer.received, b[written:written+n]...)
		if written += n; n > 0 {
			c.changed.Broadcast()
		}
		if written == len(b) {
			return written, nil
		}
		c.changed.Wait()
	}
}

// awaitTurn waits for another Write to end. The lock is held.
func (c *Conn) awaitTurn() error {
	for {
		if !c.busy {
			return nil
		}
		if err := c.writeError(); err != nil {
			return err
		}
		c.changed.Wait()
	}
}

// writeError says why nothing can be written now. The lock is held.
func (c *Conn) writeError() error {
	switch {
	case c.closed:
		return c.fail("write", net.ErrClosed)
	case c.writing.passed:
		return c.fail("write", os.ErrDeadlineExceeded)
	case c.failure != nil:
		return c.fail("write", c.takeFailure())
	case c.writeEnd || c.wasReset:
		return c.fail("write", syscall.EPIPE)
	}
	return nil
}

// reset takes over the peer's reset. The lock is held.
func (c *Conn) reset() {
	if c.closed || c.wasReset {
		return
	}
	c.wasReset, c.failure = true, syscall.ECONNRESET
	if c.finished { // who was told of the end has nothing to lose but what it sends
		c.failure = syscall.EPIPE
	}
	c.changed.Broadcast()
}

// SetLinger makes Close a reset if it is 0, which drops what the peer has no room for. Any other number ends that.
func (c *Conn) SetLinger(seconds int) error {
	return c.set(func() { c.abort = seconds == 0 })
}

// SetReadBuffer sets how many bytes this end takes before they are read.
func (c *Conn) SetReadBuffer(bytes int) error { return c.set(func() { c.readBuffer = bytes }) }

// SetWriteBuffer sets how many bytes this end keeps that the peer has no room for.
func (c *Conn) SetWriteBuffer(bytes int) error { return c.set(func() { c.writeBuffer = bytes }) }

// set changes the connection unless it is closed.
func (c *Conn) set(change func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	change()
	c.changed.Broadcast()
	return nil
}

// Unsent returns how many bytes of what was written the peer's side has not taken yet.
func (c *Conn) Unsent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(len(c.peer.received)-c.peer.readBuffer, 0)
}

// CloseWrite says to the peer that nothing more comes.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return c.fail("close", net.ErrClosed)
	case c.wasReset:
		return &net.OpError{Op: "close", Net: "tcp", Source: c.local, Addr: c.remote, Err: os.NewSyscallError("shutdown", syscall.ENOTCONN)}
	}
	c.writeEnd, c.peer.finished = true, true
	c.changed.Broadcast()
	return nil
}

// CloseRead makes Read io.EOF after what has arrived.
func (c *Conn) CloseRead() error { return c.set(func() { c.readEnd = true }) }

// Close ends the connection. The peer reads what was written before, and then io.EOF; it is reset if something is left
// unread here, or after SetLinger(0).
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.reading.set(time.Time{})
	c.writing.set(time.Time{})
	switch {
	case c.abort || len(c.received) > 0:
		if kept := c.peer.readBuffer; len(c.peer.received) > kept {
			c.peer.received = c.peer.received[:kept]
		}
		c.peer.reset()
	default:
		c.peer.finished = true
	}
	c.received = nil
	c.changed.Broadcast()
	return nil
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets the deadlines of Read and Write.
func (c *Conn) SetDeadline(at time.Time) error {
	return c.set(func() {
		c.reading.set(at)
		c.writing.set(at)
	})
}

// SetReadDeadline ends every Read that waits at that time; the zero time is never.
func (c *Conn) SetReadDeadline(at time.Time) error { return c.set(func() { c.reading.set(at) }) }

// SetWriteDeadline ends every Write that waits at that time; the zero time is never.
func (c *Conn) SetWriteDeadline(at time.Time) error { return c.set(func() { c.writing.set(at) }) }
