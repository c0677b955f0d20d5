package callback

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A Doubt is why a phone that verifies the certificate of --service-cert may reject it. What phones verify is not published:
// each is assumed.
type Doubt struct{ Text, Hint string }

// Doubts returns what speaks against a certificate. authorities are those of --phone-ca, or nil.
func Doubts(certificate tls.Certificate, authorities *x509.CertPool, now time.Time) []Doubt {
	chain := parsed(certificate)
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	var doubts []Doubt
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case now.After(leaf.NotAfter):
		doubts = append(doubts, Doubt{"it expired on " + day(leaf.NotAfter), "have the certificate renewed, and check this machine's clock"})
	case now.Before(leaf.NotBefore):
		doubts = append(doubts, Doubt{"it is valid from " + day(leaf.NotBefore) + " on", "check this machine's clock"})
	}
	if uses := leaf.ExtKeyUsage; len(uses) > 0 && !slices.Contains(uses, x509.ExtKeyUsageServerAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		doubts = append(doubts, Doubt{"its extended key usage does not allow a TLS server", "have a certificate for a TLS server issued"})
	}
	return append(doubts, chainDoubts(chain, authorities, now)...)
}

// chainDoubts returns what speaks against the order of the certificates in a file, and against who signed them.
func chainDoubts(chain []*x509.Certificate, authorities *x509.CertPool, now time.Time) []Doubt {
	const hint = "put the authorities in between into the same file, each after the certificate that it signed"
	for i, c := range chain[1:] {
		if chain[i].CheckSignatureFrom(c) != nil {
			return []Doubt{{fmt.Sprintf("certificate %d in the file did not sign the one before it", i+2), hint}}
		}
	}
	if authorities == nil {
		return nil
	}
	options := x509.VerifyOptions{Roots: authorities, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: now}
	if leaf := chain[0]; now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		options.CurrentTime = leaf.NotAfter // that it is not valid is another doubt
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return []Doubt{{"no authority of --phone-ca signed it, or one in between is missing in the file", hint + "; or check that phones trust the authority that signed it"}}
	}
	return nil
}

// NameDoubt returns a doubt if a certificate does not name a host that phones are told to call.
func NameDoubt(certificate tls.Certificate, host string) (Doubt, bool) {
	chain := parsed(certificate)
	if len(chain) == 0 || chain[0].VerifyHostname(host) == nil {
		return Doubt{}, false
	}
	leaf := chain[0]
	if old := leaf.Subject.CommonName; len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 && sameHost(old, host) {
		return Doubt{}, false // as certificates for phones were made (observed: Gemeinschaft)
	}
	return Doubt{
		fmt.Sprintf("it does not name %s, which phones are told to call", host),
		"have a certificate for " + host + " issued; or set a host that it names with --advertise",
	}, true
}

// sameHost reports whether a common name is a host.
func sameHost(name, host string) bool {
	one, err := netip.ParseAddr(name)
	other, otherErr := netip.ParseAddr(host)
	if err == nil && otherErr == nil {
		return one.Unmap() == other.Unmap()
	}
	return strings.EqualFold(name, host)
}

// parsed returns the certificates of a file.
func parsed(certificate tls.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for _, der := range certificate.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		chain = append(chain, c)
	}
	return chain
}

// warnCertificate warns if phones may reject the certificate of --service-cert, before any of them is contacted.
func (s *Server) warnCertificate() {
	if s.Options.Cert == "" {
		return
	}
	for _, d := range Doubts(s.Certificate, s.authorities, time.Now()) {
		s.warn(d)
	}
	if host, _, _ := s.Options.Advertised(); host != "" { // the other hosts are known when a phone is reached
		s.warnName(host)
	}
}

// warnName warns, once, if the certificate of --service-cert does not name a host that phones are told to call.
func (s *Server) warnName(host string) {
	if s.Options.Cert == "" {
		return
	}
	if _, twice := s.named.LoadOrStore(host, true); twice {
		return
	}
	if d, found := NameDoubt(s.Certificate, host); found {
		s.warn(d)
	}
}

func (s *Server) warn(d Doubt) {
	s.con.NoteAbout("warning", s.Options.Cert, secret.Cut(d.Text, 300)+"; a phone that verifies this certificate may reject it (assumed)")
}
