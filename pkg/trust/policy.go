package trust

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Policy decides whether a peer is trusted. The zero value trusts certificates that the system's authorities have
// signed.
type Policy struct {
	Authorities *x509.CertPool // trusted authorities; nil: those of the system
	Pins        []Pin          // stated keys: the peer's must be one of these; without Authorities and Known nothing else is checked
	// Known holds keys that this peer presented before and that were accepted. Its key must be one of these, even if an
	// authority has signed another one, and also one of the Pins if there are any. Known counts only without
	// Authorities.
	Known []Known
	// Legacy also accepts peers that support nothing newer than TLS 1.0 or 1.1, RSA key exchange, 3DES or RC4, and peers
	// with an RSA key of less than 2048 bits.
	Legacy bool
	// Seen, if not nil, is called with the peer's certificate at each handshake, before it is checked: the certificate
	// is untrusted. Seen must not block.
	Seen func(*x509.Certificate)
}

// Known is a key that was accepted.
type Known struct {
	Pin   Pin
	Since time.Time // when it was first seen; zero if that is unknown
}

// TLS returns the configuration for TLS connections to a host: a name, or an IP address without brackets. Use one
// configuration for connections that belong together: it stores the sessions that later ones resume.
func (p Policy) TLS(host string) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		RootCAs:            p.Authorities,
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
		NextProtos:         nil,
	}
	if p.Legacy {
		weaken(c)
	}
	// VerifyConnection checks the keys on every handshake, including resumed ones. The standard check must be off for
	// that, because a pinned key is usually not signed by an authority; where authorities count, VerifyConnection makes
	// that check as well.
	c.InsecureSkipVerify = true //nolint:gosec // VerifyConnection verifies
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("it presents no certificate")
		}
		if p.Seen != nil {
			p.Seen(state.PeerCertificates[0])
		}
		if err := CheckStrength(state.PeerCertificates[0]); err != nil && !p.Legacy {
			return err
		}
		return p.verify(host, state.PeerCertificates)
	}
	return c
}

// weaken allows everything that Go still supports and no longer offers. Listing the suites enables RSA key exchange,
// 3DES and RC4; the curves are those of old implementations, without the large post-quantum key share.
func weaken(c *tls.Config) {
	c.MinVersion = tls.VersionTLS10
	for _, suites := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range suites {
			c.CipherSuites = append(c.CipherSuites, s.ID)
		}
	}
	c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
}

// minRSA is the minimum length of an RSA key in bits without Legacy.
const minRSA = 2048

// A WeakKeyError is a peer whose key is so short that others may have broken it: it proves nothing. Only
// [Policy.Legacy] accepts it.
type WeakKeyError struct{ Bits int }

func (e *WeakKeyError) Error() string {
	return fmt.Sprintf("its RSA key has %d bits, but at least %d are required", e.Bits, minRSA)
}

// CheckStrength returns a [*WeakKeyError] if the key of a certificate is too short.
func CheckStrength(c *x509.Certificate) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
		return &WeakKeyError{key.N.BitLen()}
	}
	return nil
}

// verify checks a peer's certificate, which is the first of the chain, against the keys and the authorities.
func (p Policy) verify(host string, chain []*x509.Certificate) error {
	leaf := chain[0]
	e := &Error{Presented: PinOf(leaf), Certificate: leaf}
	switch {
	case len(p.Pins) > 0:
		e.Pinned = !slices.Contains(p.Pins, e.Presented)
		if e.Pinned {
			return e
		}
		if p.Authorities == nil {
			return p.verifyKnown(e)
		}
	case p.Authorities == nil && len(p.Known) > 0:
		return p.verifyKnown(e)
	}
	return p.verifyChain(host, chain, e)
}

// verifyChain checks a certificate against the authorities.
func (p Policy) verifyChain(host string, chain []*x509.Certificate, e *Error) error {
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	leaf, options := chain[0], x509.VerifyOptions{Roots: p.Authorities, Intermediates: others, DNSName: host}
	if _, e.Err = leaf.Verify(options); e.Err == nil {
		return nil
	}
	e.Host, e.Authorities, e.KeyStated = host, p.Authorities != nil, len(p.Pins) > 0
	// The first fault is in the way of the others: is it signed at all?
	options.DNSName, options.KeyUsages = "", []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		options.CurrentTime = leaf.NotAfter
	case now.Before(leaf.NotBefore):
		options.CurrentTime = leaf.NotBefore
	}
	_, err := leaf.Verify(options)
	e.Signed = err == nil
	return e
}

// verifyKnown checks the key in the error against the known keys, if there are any.
func (p Policy) verifyKnown(e *Error) error {
	if len(p.Known) == 0 || slices.ContainsFunc(p.Known, func(k Known) bool { return k.Pin == e.Presented }) {
		return nil
	}
	e.Known = p.Known
	return e
}
