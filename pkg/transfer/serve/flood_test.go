package serve_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A scale is a listener that counts the bytes that were read from the connections which are open.
type scale struct {
	net.Listener
	held, most, conns atomic.Int64
}

func (s *scale) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.conns.Add(1)
	return &weighed{Conn: c.(*memnet.Conn), scale: s}, nil //nolint:forcetypeassert // the network has no others
}

type weighed struct {
	*memnet.Conn
	scale *scale

	mu     sync.Mutex
	read   int64
	closed bool
}

func (w *weighed) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return n, err
	}
	w.read += int64(n)
	for held := w.scale.held.Add(int64(n)); ; {
		most := w.scale.most.Load()
		if held <= most || w.scale.most.CompareAndSwap(most, held) {
			return n, err
		}
	}
}

func (w *weighed) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		w.scale.held.Add(-w.read)
		w.scale.conns.Add(-1)
	}
	return w.Conn.Close()
}

// longHello is a ClientHello of which the last byte is missing.
func longHello(size int) []byte {
	var hello []byte
	for n := 0; n < size; n += 16 << 10 {
		record := make([]byte, 5+16<<10)
		record[0], record[1], record[2] = 22, 3, 1
		binary.BigEndian.PutUint16(record[3:], 16<<10)
		hello = append(hello, record...)
	}
	hello[5] = 1
	binary.BigEndian.PutUint16(hello[7:], uint16(size-4)) //nolint:gosec // a test's own number
	return hello[:len(hello)-1]
}

// A flood has 8,192 connections, each of which sends something that does not end.
type flood struct {
	network *memnet.Network
	address string
	plain   bool
}

// TestServeFlood opens 8,192 connections from three addresses that are waited for: the memory for what they send is bounded, a
// client of another address is served, and it is said who has too many.
func TestServeFlood(t *testing.T) {
	t.Parallel()
	const most = 64 << 20 / 3 // what the budget is, by what a byte costs
	for method, plain := range map[string]bool{"https": false, "ftp": true} {
		network := memnet.New()
		l, err := network.Listen(t.Context(), "tcp", "192.0.2.1:8443")
		if err != nil {
			t.Fatal(err)
		}
		s := &scale{Listener: l}
		full := make(chan netip.Addr, 10)
		o := serve.Options{
			Listener: s, Timeout: time.Hour, Certificate: *testca.New(t, testca.Options{}),
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				fmt.Fprintf(w, "%d %v", n, err)
			}),
			OnError: func(remote netip.Addr, err error) {
				if errors.Is(err, serve.ErrFull) {
					full <- remote
				}
			},
		}
		server := start(t, o, plain)
		f := &flood{network, "192.0.2.1:8443", plain}
		conns := f.open(t, 8192)
		f.good(t)
		if got := s.most.Load(); got > most {
			t.Errorf("%s: %d bytes were held at a time, more than %d", method, got, most)
		}
		if got := s.conns.Load(); got > 2800 {
			t.Errorf("%s: %d connections are held", method, got)
		}
		select {
		case remote := <-full:
			if !strings.HasPrefix(remote.String(), "192.0.2.10") {
				t.Errorf("%s: %s is said to have too many", method, remote)
			}
		case <-time.After(patience):
			t.Errorf("%s: nothing is said", method)
		}
		if len(full) > 0 {
			t.Errorf("%s: it is said %d times more", method, len(full))
		}
		for _, c := range conns {
			_ = c.Close()
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if s.held.Load() != 0 || s.conns.Load() != 0 {
			t.Errorf("%s: %d bytes and %d connections are left", method, s.held.Load(), s.conns.Load())
		}
	}
}

func start(t *testing.T, o serve.Options, plain bool) io.Closer {
	t.Helper()
	if plain {
		s, err := serve.NewFTP(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, err := serve.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens connections from three addresses, one after the other of each kind, and waits until all have sent what they do.
func (f *flood) open(t *testing.T, count int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, count)
	var all sync.WaitGroup
	turn := make(chan struct{}, 64)
	for i := range conns {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i%3)})
			c, err := f.network.DialFrom(context.Background(), from, "tcp", f.address)
			if err != nil { // reset at once
				c = closedConn{}
			}
			conns[i] = c
			f.send(c, i)
		})
	}
	all.Wait()
	return conns
}

// closedConn is a connection that was refused.
type closedConn struct{ net.Conn }

func (closedConn) Close() error                { return nil }
func (closedConn) Write(b []byte) (int, error) { return len(b), nil }

// send sends what does not end; the server may reset the connection at any time.
func (f *flood) send(c net.Conn, i int) {
	if _, refused := c.(closedConn); refused {
		return
	}
	if f.plain {
		_, _ = c.Write([]byte("USER " + strings.Repeat("x", 900)))
		return
	}
	switch kind := i % 32; {
	case kind < 20: // nothing
	case kind < 28:
		_, _ = c.Write(longHello(16 << 10))
	case kind < 30:
		_, _ = c.Write(longHello(48 << 10))
	default:
		secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is hostile
		text := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", 32<<10)
		if kind == 31 {
			text = "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 60<<10)
		}
		_, _ = secure.Write([]byte(text))
	}
}

// good is a client from another address.
func (f *flood) good(t *testing.T) {
	t.Helper()
	c, err := f.network.DialFrom(t.Context(), netip.MustParseAddr("192.0.2.50"), "tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if f.plain {
		greeting := make([]byte, 4)
		if _, err := io.ReadFull(c, greeting); err != nil || string(greeting) != "220 " {
			t.Errorf("greeted with %q, %v", greeting, err)
		}
		return
	}
	secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // whose certificate it is counts elsewhere
	reader := bufio.NewReader(secure)
	for range 2 {
		if _, err := fmt.Fprintf(secure, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n%s", strings.Repeat("x", 50000)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if _ = answer.Body.Close(); err != nil || string(text) != "50000 <nil>" {
			t.Fatalf("answered %q, %v", text, err)
		}
	}
}

// A client that fetches keeps its connection, however many others have one, and goes on with it afterwards.
func TestServeFloodDuringFetch(t *testing.T) {
	t.Parallel()
	network := memnet.New()
	c, offer := inMemory(t, network, 1<<20)
	get := func() *http.Response {
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", offer.Path()); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	response := get()
	f := &flood{network: network, address: "192.0.2.1:8443"}
	for _, hostile := range f.open(t, 3000) {
		defer hostile.Close()
	}
	if n, err := io.Copy(io.Discard, response.Body); n != 1<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	_ = response.Body.Close()
	response = get()
	if n, err := io.Copy(io.Discard, response.Body); n != 1<<20 || err != nil {
		t.Errorf("%d bytes the second time, %v", n, err)
	}
	_ = response.Body.Close()
}

// One phone needs few requests for its file at a time, and gets no more; by FTP it gets no more data connections either.
func TestServeManyRequests(t *testing.T) {
	t.Parallel()
	const most = 64
	file := content(64 << 20)                                                          // more than buffers of the system take
	d := open(t, func(o *serve.Options) { o.Timeout, o.Stall = time.Hour, time.Hour }) // none of them is cut off meanwhile
	o, _ := d.offer(file)
	conns := make([]*tls.Conn, most)
	for i := range conns {
		conns[i] = d.dial()
		d.get(conns[i], o.Path(), 1)
	}
	if a, _, err := d.ask(loopback, http.MethodGet, o.Path()); err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d, %v", a.status, err)
	}
	if a, _, err := d.ask(loopback, http.MethodHead, o.Path()); err != nil || a.status != http.StatusOK {
		t.Errorf("HEAD: %d, %v", a.status, err)
	}
	_ = conns[0].NetConn().Close()
	w := time.After(patience)
	for a := (answer{}); a.status != http.StatusPartialContent; {
		var err error
		if a, _, err = d.ask(loopback, http.MethodGet, o.Path(), "Range", "bytes=0-0"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-w:
			t.Fatal("the room of one that has left stays taken")
		default:
		}
	}
}
