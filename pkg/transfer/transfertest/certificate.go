package transfertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"

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
	authority, authorityKey := s.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test server"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for last := byte(1); last <= lastProxy; last++ {
		leaf.IPAddresses = append(leaf.IPAddresses, net.IPv4(127, 0, 0, last))
	}
	leaf, leafKey := s.sign(leaf, authority, authorityKey)

	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	s.must(err)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s.write(certificateFile, certificate)
	s.write(keyFile, key)
	s.write(bothFile, key+certificate)
	s.write(authorityFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})))
	s.CAFile = s.path(authorityFile)
	s.Authorities = x509.NewCertPool()
	s.Authorities.AddCert(authority)
	s.Pin = trust.PinOf(leaf)
}

// sign makes a key and a certificate for it, signed by the parent, or by itself.
func (s *Server) sign(template, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, crypto.Signer) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	if parent == nil {
		parent, parentKey = template, key
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	s.must(err)
	certificate, err := x509.ParseCertificate(der)
	s.must(err)
	return certificate, key
}
