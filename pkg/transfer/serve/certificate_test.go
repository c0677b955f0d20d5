package serve_test

import (
	"crypto/tls"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// TestServeCertificateFor checks that a client is shown the address that it connected to, and no other of the machine, with
// a host name or without.
func TestServeCertificateFor(t *testing.T) {
	t.Parallel()
	all, err := serve.NewCertificates(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		for _, here := range []string{"192.0.2.1:8443", "[2001:db8::1]:8443"} {
			l, err := network.Listen(t.Context(), "tcp", here)
			if err != nil {
				t.Fatal(err)
			}
			s, err := serve.New(serve.Options{Listener: l, CertificateFor: all.For, Legacy: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"", "phones.example"} {
				raw, err := network.Dial(t.Context(), "tcp", here)
				if err != nil {
					t.Fatal(err)
				}
				c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: name}) //nolint:gosec // what it shows is the question
				if err := c.HandshakeContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				leaf, want := c.ConnectionState().PeerCertificates[0], netip.MustParseAddrPort(here).Addr().String()
				if len(leaf.IPAddresses) != 1 || leaf.IPAddresses[0].String() != want || len(leaf.DNSNames) > 0 || leaf.Subject.CommonName != want {
					t.Errorf("%s is shown %v, %v and %q", here, leaf.IPAddresses, leaf.DNSNames, leaf.Subject.CommonName)
				}
				_ = c.Close()
			}
			_ = s.Close()
		}
	})
}
