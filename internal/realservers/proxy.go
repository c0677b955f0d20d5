package realservers

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// lastProxy is the last byte of the last address that a proxy may have: 127.0.0.2 and so on.
const lastProxy = 9

// remembered is how much of what passes a proxy keeps.
const remembered = 4 << 20

// A Proxy stands in front of a server, at another address of loopback with the same ports, and forwards what it is not
// told to spoil. It listens on the ports for data connections as well and changes nothing that passes, so it works
// for TLS too. A client must connect data connections to the address of the control connection.
type Proxy struct {
	Access transfer.Access // the server, through the proxy

	t       testing.TB
	server  *Server
	address string
	workers sync.WaitGroup
	line    atomic.Pointer[rate.Limiter] // nil: as fast as it goes

	mu        sync.Mutex // guards the fields below
	listeners []net.Listener
	conns     map[*proxyConn]bool
	fault     Fault
	fails     int // how often Fail was called
	control   int
	data      int
	seen      []byte
	closed    bool
}

// NewProxy returns a proxy in front of a server, until the test ends.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	p := &Proxy{t: t, server: s, conns: map[*proxyConn]bool{}}
	if s.options.IPv6 {
		t.Fatal("there is no second address of loopback by IPv6")
	}
	for last := 2; last <= lastProxy && p.address == ""; last++ {
		if address := fmt.Sprintf("127.0.0.%d", last); p.listen(address) == nil {
			p.address = address
		}
	}
	if p.address == "" {
		t.Fatal("no address for a proxy is free")
	}
	t.Cleanup(func() {
		p.Refuse(true)
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Cut()
		p.workers.Wait()
	})
	p.Access = s.Access
	if s.Kind == Nginx {
		p.Access.BaseURL = "https://" + net.JoinHostPort(p.address, strconv.Itoa(s.block.control())) + "/"
	} else {
		p.Access.Server = p.address
	}
	return p
}

// Refuse makes the proxy refuse new connections, or take them again.
func (p *Proxy) Refuse(refuse bool) {
	p.t.Helper()
	p.mu.Lock()
	listeners := p.listeners
	if refuse {
		p.listeners = nil
	}
	p.mu.Unlock()
	if refuse {
		for _, l := range listeners {
			_ = l.Close()
		}
		return
	}
	if len(listeners) > 0 {
		return
	}
	// A process that is being started at the moment may have copies of the listeners that were closed.
	for tries := 1; ; tries++ {
		err := p.listen(p.address)
		if err == nil {
			return
		}
		if tries == 500 {
			p.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Limit makes the way to the server a line of so many bytes a second, for connections that come from now on.
func (p *Proxy) Limit(bytesPerSecond int64) {
	p.line.Store(rate.NewLimiter(rate.Limit(bytesPerSecond), 8*pieceSize))
}

// Cut resets all connections, those that a fault has stalled as well.
func (p *Proxy) Cut() { p.strike(Reset) }

// Connections returns how many connections there have been: to the server's own port, and for data.
func (p *Proxy) Connections() (control, data int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.control, p.data
}

// Seen returns what has passed on all connections in both directions, in its order, up to 4 MiB.
func (p *Proxy) Seen() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]byte{}, p.seen...)
}

// listen takes connections on the ports of the server at the address.
func (p *Proxy) listen(address string) error {
	b := p.server.block
	last := b.lastData()
	if p.server.Kind == Nginx {
		last = b.control()
	}
	var listeners []net.Listener
	for port := b.control(); port <= last; port++ {
		l, err := listen(p.t, address, port)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return err
		}
		listeners = append(listeners, l)
	}
	p.mu.Lock()
	p.listeners = listeners
	p.mu.Unlock()
	for i, l := range listeners {
		p.workers.Go(func() { p.accept(l, b.control()+i) })
	}
	return nil
}

// accept forwards the connections to one port.
func (p *Proxy) accept(l net.Listener, port int) {
	for {
		accepted, err := l.Accept()
		if err != nil {
			return
		}
		client, ok := accepted.(*net.TCPConn)
		if !ok {
			continue
		}
		server, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			reset(client)
			continue
		}
		isFirst := port == p.server.block.control()
		isFTP := p.server.Kind != Nginx
		k := &proxyConn{client: client, server: server, control: isFirst && isFTP, payload: !isFirst || !isFTP, done: make(chan struct{})}
		p.mu.Lock()
		k.fails = p.fails
		p.conns[k] = true
		if isFirst {
			p.control++
		} else {
			p.data++
		}
		if p.closed {
			p.cut(k, true)
		}
		p.mu.Unlock()
		p.workers.Go(func() { p.forward(k) })
	}
}
