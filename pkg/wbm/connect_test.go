package wbm_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestNobody checks the kinds of errors where there is no phone.
func TestNobody(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	var listen net.ListenConfig
	silent, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for _, c := range []struct {
		name, address string
		kind          wbm.Kind
	}{
		{"no TLS", plain.Listener.Addr().String(), wbm.KindTLS},
		{"nobody", ports.Address(t), wbm.KindUnreachable},
		{"no address", "127.0.0.1", wbm.KindUnreachable},
		{"no port", "127.0.0.1:", wbm.KindUnreachable},
		{"no connection in time", silent.Addr().String(), wbm.KindUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := wbm.Options{Timeout: 10 * time.Second}
			if c.name == "no connection in time" {
				o.Timeout = time.Nanosecond
			}
			if _, err := wbm.Open(t.Context(), c.address, o); kind(err) != c.kind {
				t.Errorf("%v, want %q", err, c.kind)
			}
		})
	}
}

// TestSilence checks that a peer that is silent from the beginning has the time of one page.
func TestSilence(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, n network) {
		silent, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		begun := time.Now()
		if _, err := wbm.Open(t.Context(), silent.Addr().String(), wbm.Options{Dial: n.Dial}); kind(err) != wbm.KindTimeout || time.Since(begun) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// TestTrust checks that an untrusted certificate ends the visit before anything is sent, on every connection.
func TestTrust(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pin := trust.PinOf(s.Certificate())
	own := trust.Policy{Pins: []trust.Pin{pin}}
	for _, c := range []struct {
		name   string
		config *tls.Config
	}{
		{"no authority", nil},
		{"another authority", &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}},
		{"another pin", trust.Policy{Pins: []trust.Pin{{1}}}.TLS("127.0.0.1")},
		{"another name", func() *tls.Config {
			c := s.options(t).TLS
			c.ServerName = "phone.example.org"
			return c
		}()},
	} {
		if _, err := wbm.Open(t.Context(), s.address, wbm.Options{TLS: c.config, Timeout: 10 * time.Second}); kind(err) != wbm.KindTrust || errors.Unwrap(err) == nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if len(s.seen) != 0 {
		t.Errorf("it was asked for %q", s.seen)
	}
	if _, err := wbm.Open(t.Context(), s.address, wbm.Options{TLS: trust.Policy{Pins: []trust.Pin{{1}}}.TLS("127.0.0.1")}); trust.AsError(err) == nil {
		t.Errorf("%v does not say what was presented", err)
	}
	v, err := wbm.Open(t.Context(), s.address, wbm.Options{TLS: own.TLS("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	// From now on somebody else answers at the address.
	s.swap.Store(testca.New(t, testca.Options{}))
	if err := v.Login(t.Context(), secret.New(password)); kind(err) != wbm.KindTrust || len(s.logins) != 0 {
		t.Errorf("%v, %q", err, s.logins)
	}
}

// TestInterrupted checks that the end of the context ends a visit, with its cause.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked := make(chan struct{})
	s.raw("/index.cmd", func(conn net.Conn, _ *bufio.ReadWriter) {
		close(asked)
		_, _ = conn.Read(make([]byte, 1))
	})
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(why)
	}()
	if _, err := wbm.Open(ctx, s.address, s.options(t)); !errors.Is(err, why) || kind(err) != "" {
		t.Errorf("%v", err)
	}
	if _, err := wbm.Open(ctx, s.address, s.options(t)); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// TestDial checks that nothing is sent but over the dialer that the caller gives.
func TestDial(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t)
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != "phone.test:443" {
			return nil, errors.New("unexpected")
		}
		return (&net.Dialer{}).DialContext(ctx, network, s.address)
	}
	v, err := wbm.Open(t.Context(), "phone.test:443", o)
	if err != nil || len(s.seen) != 1 {
		t.Fatalf("%v, seen %q", err, s.seen)
	}
	_ = v.Close()
	if _, err := wbm.Open(t.Context(), "other.test:443", o); kind(err) != wbm.KindUnreachable {
		t.Errorf("%v", err)
	}
}
