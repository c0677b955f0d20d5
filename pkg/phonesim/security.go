package phonesim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"
)

// clientTLS returns what the phone calls and fetches with. In default mode it takes any certificate (the guide, p. 12).
// TLS 1.2 is what current firmware is expected to know; the old suites are there for old services.
func (p *Phone) clientTLS(host string) *tls.Config {
	p.mu.Lock()
	secure := p.secure
	p.mu.Unlock()
	c := &tls.Config{
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         tls.VersionTLS12,
		ServerName:         host,
		InsecureSkipVerify: !secure,
		ClientSessionCache: p.traits.sessions,
	}
	if p.traits.tlsVersion != 0 {
		c.MaxVersion = p.traits.tlsVersion
	}
	for _, suite := range tls.CipherSuites() {
		c.CipherSuites = append(c.CipherSuites, suite.ID)
	}
	c.CipherSuites = append(c.CipherSuites, rsaSuites()...)
	if p.traits.rsaOnly {
		c.CipherSuites = rsaSuites()
	}
	if secure {
		c.RootCAs = p.c.Authorities
		if c.RootCAs == nil {
			c.RootCAs = x509.NewCertPool()
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.shown() }
	}
	return c
}

// shown returns the certificate that the phone shows in secure mode, an empty one for none.
func (p *Phone) shown() (*tls.Certificate, error) {
	given := p.c.Certificate
	switch p.traits.shows {
	case showsNone:
		given = nil
	case showsOther:
		if given = p.c.OtherCertificate; given != nil {
			break
		}
		fallthrough
	case showsOwn:
		own, err := ownCertificate(p.c.MAC, nil, false)
		return &own, err
	}
	if given == nil {
		given = &tls.Certificate{}
	}
	return given, nil
}

// rsaSuites returns the suites of old phones: RSA key exchange and CBC.
func rsaSuites() []uint16 {
	return []uint16{tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
}

// pageTLS returns what the phone serves its web page with, as long as it has one: the same over restarts.
func (p *Phone) pageTLS(at addresses) (*tls.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.page != nil || at.secure == "" && at.web == "" {
		return p.page, nil
	}
	t := &p.traits.web
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.tls10 {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	}
	if t.rsaOnly {
		c.MaxVersion = min(tls.VersionTLS12, max(c.MaxVersion, c.MinVersion))
		c.CipherSuites = rsaSuites()
	}
	if given := p.c.WebCertificate; given != nil && (p.state.Restarts == 0 || !t.otherKey) {
		c.Certificates = []tls.Certificate{*given}
	} else {
		own, err := ownCertificate(p.c.MAC, []string{at.web, at.secure}, t.tls10 || t.rsaOnly)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{own}
	}
	p.page = c
	return c, nil
}

// ownCertificate returns a self-signed certificate in the name of a phone, for the hosts of the addresses where it listens.
// Old phones have RSA keys.
func ownCertificate(name string, addresses []string, old bool) (tls.Certificate, error) {
	var key crypto.Signer
	var err error
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); old {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the phone's own key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	for _, address := range addresses {
		host, _, _ := net.SplitHostPort(address)
		switch ip, err := netip.ParseAddr(host); {
		case err == nil:
			template.IPAddresses = append(template.IPAddresses, ip.Unmap().WithZone("").AsSlice())
		case host != "":
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the phone's own certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
