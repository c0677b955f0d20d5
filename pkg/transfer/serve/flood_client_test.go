package serve_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A cutConn sends so many bytes, and claims to send the others.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if n > 0 {
		if _, err := c.Conn.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// TestServeFloodOfCertificates opens many connections that each send nearly all of a long chain of certificates, by both versions
// of TLS: what is held of them is bounded as everything that is not finished, and a phone is served.
func TestServeFloodOfCertificates(t *testing.T) {
	t.Parallel()
	const (
		count = 900
		most  = 64 << 20 / 3 // what the budget is, by what a byte costs
	)
	network := memnet.New()
	l, err := network.Listen(t.Context(), "tcp", "192.0.2.1:8443")
	if err != nil {
		t.Fatal(err)
	}
	a, weigher := testca.NewAuthority(t), &scale{Listener: l}
	full := make(chan netip.Addr, 10)
	server := start(t, serve.Options{
		Listener: weigher, Timeout: time.Hour, Certificate: *testca.New(t, testca.Options{}), ClientAuthorities: a.Pool(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, len(r.TLS.PeerCertificates)) }),
		OnError: func(remote netip.Addr, err error) {
			if errors.Is(err, serve.ErrFull) {
				full <- remote
			}
		},
	}, false)
	chain := a.Issue(forClient("phone"))
	for leaf := chain.Certificate[0]; len(chain.Certificate)*len(leaf) < 30<<10; {
		chain.Certificate = append(chain.Certificate, leaf)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var hostile sync.WaitGroup
	turn, sent := make(chan struct{}, 32), make(chan struct{}, count)
	for i := range count {
		hostile.Go(func() {
			turn <- struct{}{}
			done := sync.OnceFunc(func() { <-turn; sent <- struct{}{} })
			defer done()
			raw, err := network.DialFrom(ctx, netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i%3)}), "tcp", "192.0.2.1:8443")
			if err != nil { // reset at once
				return
			}
			defer raw.Close()
			shown := chain
			c := tls.Client(&cutConn{raw, 29 << 10}, &tls.Config{
				InsecureSkipVerify: true, MaxVersion: []uint16{tls.VersionTLS12, tls.VersionTLS13}[i%2], //nolint:gosec // it is hostile
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					done()
					return &shown, nil
				},
			})
			_ = c.HandshakeContext(ctx)
			done() // if it was reset before
			_, _ = c.Read(make([]byte, 1))
		})
	}
	for range count {
		<-sent
	}
	raw, err := network.DialFrom(t.Context(), netip.MustParseAddr("192.0.2.50"), "tcp", "192.0.2.1:8443")
	if err != nil {
		t.Fatal(err)
	}
	good := a.Issue(forClient("phone"))
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{good}}) //nolint:gosec // whose certificate it is counts elsewhere
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(answer.Body); string(text) != "1" || err != nil {
		t.Errorf("the phone is answered %q, %v", text, err)
	}
	_ = answer.Body.Close()
	if held := weigher.most.Load(); held > most {
		t.Errorf("%d bytes were held at a time, more than %d", held, most)
	}
	select {
	case <-full:
	case <-time.After(patience):
		t.Error("nothing is said")
	}
	cancel()
	_ = c.Close()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	hostile.Wait()
	if weigher.held.Load() != 0 || weigher.conns.Load() != 0 {
		t.Errorf("%d bytes and %d connections are left", weigher.held.Load(), weigher.conns.Load())
	}
}
