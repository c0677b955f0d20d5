package serve_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// inMemory serves a file on a network, and returns a client's connection and the file's offer.
func inMemory(t *testing.T, network *memnet.Network, size int64) (*tls.Conn, *serve.Offer) {
	t.Helper()
	const here = "192.0.2.1:8443"
	client := netip.MustParseAddr("192.0.2.50")
	certificate, err := serve.MakeCertificate([]string{"192.0.2.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l, err := network.Listen(t.Context(), "tcp", here)
	if err != nil {
		t.Fatal(err)
	}
	s, err := serve.New(serve.Options{Listener: l, Certificate: certificate, Stall: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if s.Addr() != netip.MustParseAddrPort(here) {
		t.Errorf("it listens on %s", s.Addr())
	}
	raw, err := network.DialFrom(t.Context(), client, "tcp", here)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	c := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "192.0.2.1", MinVersion: tls.VersionTLS12})
	t.Cleanup(func() { _ = c.Close() })
	return c, s.Offer(serve.Offering{Name: name, Content: io.NewSectionReader(zeros{}, 0, size), Clients: []netip.Addr{client}})
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

// A client that pauses for nine minutes again and again gets the whole file, and one that pauses for eleven is cut. In
// memory that takes no time.
func TestServeInMemory(t *testing.T) {
	t.Parallel()
	for pause, whole := range map[time.Duration]bool{9 * time.Minute: true, 11 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			const size = 16 << 20
			c, offer := inMemory(t, memnet.New(), size)
			if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", offer.Path()); err != nil {
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
