package natstest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A Proxy stands between a ledger and a server, which may be replaced.
type Proxy struct {
	t        testing.TB
	listener net.Listener
	workers  sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  map[net.Conn]bool
	mute   bool // what the server says is lost
	deaf   bool // what the client says is lost
	delay  time.Duration
	most   int // bytes of a connection in one direction; 0 is any number
	cuts   int // connections that were cut after so many
}

// NewProxy returns a proxy in front of a server.
func NewProxy(t testing.TB, s *server.Server) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of the test
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{t: t, listener: listener, conns: map[net.Conn]bool{}}
	p.Lead(s)
	p.workers.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		p.workers.Wait()
	})
	return p
}

// URL returns the address for a client.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Lead makes new connections go to a server; nil is to nobody.
func (p *Proxy) Lead(s *server.Server) {
	if s == nil {
		p.LeadTo("")
	} else {
		p.LeadTo(s.Addr().String())
	}
}

// LeadTo is Lead for an address; "" is nobody.
func (p *Proxy) LeadTo(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = address
}

// Lose makes what the server or the client says be lost, from now on.
func (p *Proxy) Lose(ofServer, ofClient bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute, p.deaf = ofServer, ofClient
}

// Worsen delays what new connections carry, in either direction, and cuts each of them after a number of bytes.
func (p *Proxy) Worsen(delay time.Duration, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.most = delay, most
}

// Cuts returns how many connections were cut after too many bytes.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Cut closes all connections. What was lost stays lost; nothing more is.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute, p.deaf = false, false
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
}

// accept takes connections.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		if target == "" {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", target) //nolint:noctx // of the test
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.workers.Go(func() { p.forward(client, server, &p.mute) })
		p.workers.Go(func() { p.forward(server, client, &p.deaf) })
	}
}

// forward copies from one connection to the other, unless it is to be lost.
func (p *Proxy) forward(to, from net.Conn, lost *bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	p.mu.Lock()
	delay, most := p.delay, p.most
	p.mu.Unlock()
	out := io.Writer(to)
	if delay > 0 {
		late := &lateWriter{out: to, delay: delay, chunks: make(chan chunk, 1<<10)}
		p.workers.Go(late.run)
		defer close(late.chunks)
		out = late
	}
	buffer := make([]byte, 64<<10)
	for sum := 0; most == 0 || sum < most; {
		n, err := from.Read(buffer)
		sum += n
		p.mu.Lock()
		skip := *lost || !p.conns[from]
		p.mu.Unlock()
		if !skip && n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts++
}

// A chunk is bytes on their way.
type chunk struct {
	due  time.Time
	data []byte
}

// A lateWriter writes everything after a delay. What is on its way when the connection is closed is lost.
type lateWriter struct {
	out    io.Writer
	delay  time.Duration
	chunks chan chunk
}

func (w *lateWriter) Write(data []byte) (int, error) {
	w.chunks <- chunk{time.Now().Add(w.delay), bytes.Clone(data)}
	return len(data), nil
}

// run writes what is due, until there is no more.
func (w *lateWriter) run() {
	for c := range w.chunks {
		time.Sleep(time.Until(c.due))
		_, _ = w.out.Write(c.data) // who reads notices that the connection is closed
	}
}
