package netconn

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// EarlyAnswer is an http.RoundTripper that hears an answer which comes before the whole request is sent. A server that
// refuses a file half way answers and closes, and net/http would report the broken connection rather than the answer.
// So its Transport has to dial connections that Hold returns. It sends one request at a time.
type EarlyAnswer struct {
	*http.Transport
	answered atomic.Pointer[chan struct{}] // closed when the last request has its answer, or will have none
}

// RoundTrip sends a request as Transport does.
func (e *EarlyAnswer) RoundTrip(request *http.Request) (*http.Response, error) {
	answered := make(chan struct{})
	e.answered.Store(&answered)
	defer close(answered)
	return e.Transport.RoundTrip(request)
}

// Hold returns the connection with writes that fail late: a failed write returns when the request has its answer, when
// there is nothing more to read, or after grace. A write that reached the idle limit returns at once: an answer would
// have come by then. When a request fails over silence, its error is that of whichever of reading and writing ended
// first; [Conn.TimedOut] tells.
func (e *EarlyAnswer) Hold(c *Conn, grace time.Duration) net.Conn {
	return &heldConn{Conn: c, early: e, grace: grace, ended: make(chan struct{})}
}

// A heldConn is a connection with writes that fail late.
type heldConn struct {
	*Conn
	early *EarlyAnswer
	grace time.Duration
	ended chan struct{} // closed when there is no more to read
	once  sync.Once
}

// readGrace is how long net/http may take to understand what was read before the connection ended.
const readGrace = 50 * time.Millisecond

// Read reads, and notes the end.
func (c *heldConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() { close(c.ended) })
	}
	return n, err
}

// Write writes, and holds a failure back.
func (c *heldConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	answered := c.early.answered.Load()
	if err == nil || answered == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	timer := time.NewTimer(c.grace)
	defer timer.Stop()
	select {
	case <-*answered:
		return n, err
	case <-c.ended:
		timer.Reset(readGrace)
	case <-timer.C:
		return n, err
	}
	select {
	case <-*answered:
	case <-timer.C:
	}
	return n, err
}
