package serve_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A memoryListener takes connections in memory.
type memoryListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr("192.0.2.1:8443") }

func (l *memoryListener) Close() error {
	close(l.done)
	return nil
}

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

// A memoryConn is the server's end of a connection in memory.
type memoryConn struct{ net.Conn }

func (memoryConn) RemoteAddr() net.Addr { return memoryAddr("192.0.2.50:40000") }

// dial connects, and makes the handshake.
func (l *memoryListener) dial(t *testing.T, pool *x509.CertPool) *tls.Conn {
	t.Helper()
	here, there := net.Pipe()
	l.conns <- memoryConn{there}
	c := tls.Client(here, &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12})
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// inMemory serves a file to 192.0.2.50 on a listener in memory.
func inMemory(t *testing.T, size int) (*memoryListener, *x509.CertPool, *serve.Offer) {
	t.Helper()
	certificate, err := serve.MakeCertificate([]string{"localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	l := &memoryListener{conns: make(chan net.Conn), done: make(chan struct{})}
	s, err := serve.New(serve.Options{Listener: l, Certificate: certificate, Stall: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if s.Addr() != netip.MustParseAddrPort("192.0.2.1:8443") {
		t.Errorf("it listens on %s", s.Addr())
	}
	file := io.NewSectionReader(zeros{}, 0, int64(size))
	return l, pool, s.Offer(serve.Offering{Name: name, Content: file, Clients: []netip.Addr{netip.MustParseAddr("192.0.2.50")}})
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

// A client that pauses for nine minutes again and again gets the whole file, and one that pauses for eleven is cut. In
// memory that takes no time.
func TestServeInMemory(t *testing.T) {
	t.Parallel()
	for pause, whole := range map[time.Duration]bool{9 * time.Minute: true, 11 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			const size = 1 << 20
			l, pool, offer := inMemory(t, size)
			c := l.dial(t, pool)
			defer c.Close()
			if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", offer.Path()); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var got int64
			for err == nil {
				time.Sleep(pause)
				var n int64
				n, err = io.CopyN(io.Discard, response.Body, size/8)
				got += n
			}
			synctest.Wait()
			f := offer.State()
			switch {
			case whole && (got != size || !errors.Is(err, io.EOF) || !f.Complete || f.Cut):
				t.Errorf("%d bytes, %v, %+v", got, err, f)
			case !whole && (got == size || f.Complete || !f.Cut):
				t.Errorf("%d bytes, %v, %+v", got, err, f)
			}
		})
	}
}
