package memnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A Listener takes the connections to one address.
type Listener struct {
	network *Network
	at      netip.AddrPort

	// Guarded by the network's lock.
	changed sync.Cond
	waiting []*Conn
	limit   deadline
	closed  bool
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	for {
		switch {
		case l.closed:
			return nil, l.fail(net.ErrClosed)
		case l.limit.passed:
			return nil, l.fail(os.ErrDeadlineExceeded)
		case len(l.waiting) > 0:
			conn := l.waiting[0]
			l.waiting = l.waiting[1:]
			l.network.wake()
			return conn, nil
		}
		l.changed.Wait()
	}
}

func (l *Listener) fail(err error) error {
	return &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: err}
}

// SetDeadline ends every Accept that waits at that time; the zero time is never.
func (l *Listener) SetDeadline(at time.Time) error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "set", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.limit.set(at)
	return nil
}

// Close refuses connections from now on, and resets those that nobody accepted.
func (l *Listener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.closed = true
	l.limit.set(time.Time{})
	delete(l.network.listeners, l.at)
	for _, conn := range l.waiting {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
	l.waiting = nil
	l.changed.Broadcast()
	l.network.wake()
	return nil
}

// Addr returns the address, with the port that was taken.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }
