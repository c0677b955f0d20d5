// Package testca makes keys and certificates for tests.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Options say how a certificate differs from the default: an ECDSA key, signed by itself, for 127.0.0.1 and localhost,
// valid from an hour ago for a day.
type Options struct {
	Parent *tls.Certificate        // who signs it; nil: it signs itself
	RSA    int                     // the bits of an RSA key; 0: ECDSA on P-256
	Change func(*x509.Certificate) // changes what is signed; may be nil
}

// New makes a key and a certificate.
func New(t testing.TB, o Options) *tls.Certificate {
	t.Helper()
	key, err := newKey(o.RSA)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "Test Server"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(23 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"localhost"},
	}
	if o.Change != nil {
		o.Change(template)
	}
	parent, signer := template, any(key)
	if o.Parent != nil {
		parent, signer = o.Parent.Leaf, o.Parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newKey(bits int) (crypto.Signer, error) {
	if bits > 0 {
		return rsa.GenerateKey(rand.Reader, bits)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// Expired changes a certificate for [Options] to one that ended a day ago.
func Expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
}

// OtherName changes a certificate for [Options] to one for another host.
func OtherName(c *x509.Certificate) {
	c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"}
}

// SigningOthers changes a certificate for [Options] to that of an authority.
func SigningOthers(c *x509.Certificate) {
	c.Subject.CommonName = "Test Authority"
	c.IPAddresses, c.DNSNames, c.ExtKeyUsage = nil, nil, nil
	c.NotBefore, c.NotAfter = c.NotBefore.AddDate(0, -1, 0), c.NotAfter.AddDate(0, 1, 0) // longer than those that it signs
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

// Authority signs certificates.
type Authority struct {
	t           testing.TB
	certificate *tls.Certificate
}

// NewAuthority returns a new authority.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	return &Authority{t, New(t, Options{Change: SigningOthers})}
}

// Issue makes a certificate that the authority signs. change may be nil.
func (a *Authority) Issue(change func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	return *New(a.t, Options{Parent: a.certificate, Change: change})
}

// Pool returns the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate.Leaf)
	return pool
}

// PEM returns the authority's certificate as a file holds it.
func (a *Authority) PEM() []byte { return CertificatePEM(a.certificate) }

// CertificatePEM returns a certificate as a file holds it.
func CertificatePEM(c *tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

// KeyPEM returns a certificate's key as a file holds it.
func KeyPEM(t testing.TB, c *tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
