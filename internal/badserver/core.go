package badserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What logs in everywhere.
const (
	User     = "admin"
	Password = "Sesam-7731-open" //nolint:gosec // of no real server
	Account  = "floor-2"
	Folder   = "/phones" // is there on every server
)

// core is what both servers have: a listener, connections that end with the test, files, and a log.
type core struct {
	t        testing.TB
	listener net.Listener
	done     chan struct{} // closed when the test ends
	released chan struct{} // closed when nobody need wait any more: by WaitClosed, or when the test ends

	mu      sync.Mutex
	idle    *sync.Cond // told when a goroutine ends
	active  int
	ended   bool
	conns   int
	closers map[io.Closer]bool
	files   map[string][]byte
	log     []Entry
}

// start listens, and hands each connection to serve in a goroutine of its own.
func (c *core) start(t testing.TB, serve func(id int, conn *net.TCPConn)) {
	t.Helper()
	c.t, c.done, c.released = t, make(chan struct{}), make(chan struct{})
	c.idle = sync.NewCond(&c.mu)
	var err error
	if c.listener, err = c.listen(); err != nil {
		t.Fatal(err)
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := c.listener.Accept()
			if err != nil {
				return
			}
			tcp := conn.(*net.TCPConn)
			c.mu.Lock()
			c.conns++
			id := c.conns
			c.mu.Unlock()
			c.record(Entry{Kind: Connected, Conn: id, Text: tcp.RemoteAddr().String()})
			c.spawn(func() { serve(id, tcp) }, tcp)
		}
	}()
	t.Cleanup(func() {
		c.stop()
		<-accepting
		if !c.waitClosed() {
			t.Error("badserver: a connection does not end")
		}
	})
}

// listen opens a port that is closed when the test ends.
func (c *core) listen() (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err == nil {
		c.keep(l)
	}
	return l, err
}

// keep has something closed when the test ends; now, if it has.
func (c *core) keep(closer io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		_ = closer.Close()
		return
	}
	if c.closers == nil {
		c.closers = map[io.Closer]bool{}
	}
	c.closers[closer] = true
}

// drop closes something that was kept.
func (c *core) drop(closer io.Closer) {
	c.mu.Lock()
	delete(c.closers, closer)
	c.mu.Unlock()
	_ = closer.Close()
}

// spawn runs work in a goroutine and then closes conn.
func (c *core) spawn(work func(), conn io.Closer) {
	c.keep(conn)
	c.mu.Lock()
	c.active++
	c.mu.Unlock()
	go func() {
		defer func() {
			c.drop(conn)
			c.mu.Lock()
			c.active--
			c.idle.Broadcast()
			c.mu.Unlock()
		}()
		work()
	}()
}

// release lets those read on who have stopped reading.
func (c *core) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.released:
	default:
		close(c.released)
	}
}

// stop ends everything.
func (c *core) stop() {
	c.release()
	c.mu.Lock()
	closers := c.closers
	c.closers = nil
	if !c.ended {
		close(c.done)
	}
	c.ended = true
	c.mu.Unlock()
	for closer := range closers {
		_ = closer.Close()
	}
}

// waitClosed waits for the goroutines of all connections, and reports whether they ended.
func (c *core) waitClosed() bool {
	late := false
	timer := time.AfterFunc(10*time.Second, func() {
		c.mu.Lock()
		late = true
		c.idle.Broadcast()
		c.mu.Unlock()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.active > 0 && !late {
		c.idle.Wait()
	}
	return c.active == 0
}

// WaitClosed waits until every connection has ended, so that the log is complete; the client has to be done. One that
// keeps a connection open for ten seconds more fails the test.
func (c *core) WaitClosed() {
	c.t.Helper()
	c.release()
	if !c.waitClosed() {
		c.t.Error("badserver: the client keeps a connection open")
	}
}

// Addr is host:port.
func (c *core) Addr() string { return c.listener.Addr().String() }

func (c *core) port() int { return c.listener.Addr().(*net.TCPAddr).Port }

// Files returns the files that are there, by their whole path.
func (c *core) Files() map[string][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.files)
}

// Put lays a file down.
func (c *core) Put(path string, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string][]byte{}
	}
	c.files[path] = bytes.Clone(content)
}

func (c *core) file(path string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content, ok := c.files[path]
	return content, ok
}

// remove reports whether there was such a file.
func (c *core) remove(path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.files[path]
	delete(c.files, path)
	return ok
}

// reset closes a connection with a RST.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// drain reads at most limit bytes, or everything if it is negative, and tells how it ended: "" at the limit.
func drain(r io.Reader, limit int64) ([]byte, End) {
	if limit >= 0 {
		r = io.LimitReader(r, limit)
	}
	content, err := io.ReadAll(r)
	switch {
	case err == nil && limit >= 0 && int64(len(content)) == limit:
		return content, ""
	case err == nil:
		return content, EndEOF
	}
	return content, endOf(err)
}

func endOf(err error) End {
	switch {
	case errors.Is(err, io.EOF):
		return EndEOF
	case errors.Is(err, syscall.ECONNRESET):
		return EndReset
	case errors.Is(err, net.ErrClosed):
		return EndOurs
	}
	return EndBroken
}

// serverConfig returns what a server with one certificate needs.
func serverConfig(c tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}}
}
