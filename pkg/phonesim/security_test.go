package phonesim_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// named changes a certificate to that of a phone.
func named(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.CommonName = name }
}

// testSecureShows returns the test of a fault: the phone shows a certificate with this common name, "" for none.
func testSecureShows(name string) func(t *world, fault string) {
	return func(t *world, fault string) {
		a := testca.NewAuthority(t)
		seen := make(chan []*x509.Certificate, 10)
		s := newServiceTLS(t, &tls.Config{
			Certificates: []tls.Certificate{a.Issue(nil)}, ClientAuth: tls.RequestClientCert, ClientCAs: testca.NewAuthority(t).Pool(),
			VerifyConnection: func(state tls.ConnectionState) error {
				seen <- state.PeerCertificates
				return nil
			},
		})
		c := cp600()
		own, other := a.Issue(named("own")), a.Issue(named("other"))
		c.Authorities, c.Certificate, c.OtherCertificate = a.Pool(), &own, &other
		p := start(t, c, fault)
		s.say(solicit(t, p.Address(), s), "CleanUp")
		p.await(phonesim.Ended)
		shown := <-seen
		switch {
		case name == "" && len(shown) > 0:
			t.Errorf("it shows %s", shown[0].Subject)
		case name == "":
		case len(shown) != 1 || shown[0].Subject.CommonName != name:
			t.Errorf("it shows %d certificates, want that of %s", len(shown), name)
		case (shown[0].CheckSignatureFrom(a.Pair().Leaf) == nil) != (name == "other"):
			t.Errorf("who signed the certificate of %s?", name)
		}
	}
}

// TestSecureShowsOwn shows the phone's certificate, whichever authorities the service names.
func TestSecureShowsOwn(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		a := testca.NewAuthority(t)
		s := newServiceTLS(t, &tls.Config{Certificates: []tls.Certificate{a.Issue(nil)}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: testca.NewAuthority(t).Pool()})
		c := cp600()
		own := a.Issue(named("own"))
		c.Authorities, c.Certificate = a.Pool(), &own
		p := start(t, c, "secure-mode")
		s.say(solicit(t, p.Address(), s), "CleanUp")
		p.await(phonesim.Ended)
	})
}
