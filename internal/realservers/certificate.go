package realservers

import (
	"crypto/x509"
	"net"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// The files of the server's key and certificate.
const (
	certificateFile = "certificate.pem"
	keyFile         = "key.pem"
	bothFile        = "both.pem"
	authorityFile   = "authority.pem"
)

// identify makes an authority, and a certificate that it signs for every address that the server or a proxy has.
func (s *Server) identify() {
	s.t.Helper()
	authority := testca.NewAuthority(s.t)
	leaf := authority.Issue(func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{net.IPv6loopback}
		for last := byte(1); last <= lastProxy; last++ {
			c.IPAddresses = append(c.IPAddresses, net.IPv4(127, 0, 0, last))
		}
	})
	certificate, key := string(testca.CertificatePEM(&leaf)), string(testca.KeyPEM(s.t, &leaf))
	s.write(certificateFile, certificate)
	s.write(keyFile, key)
	s.write(bothFile, key+certificate)
	s.write(authorityFile, string(authority.PEM()))
	s.CAFile = s.path(authorityFile)
	s.Authorities = authority.Pool()
	s.Pin = trust.PinOf(leaf.Leaf)
}
