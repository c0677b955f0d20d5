package trust

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
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
	// Legacy also accepts peers that support nothing newer than TLS 1.0 or 1.1, RSA key exchange, CBC, 3DES or RC4, and
	// peers with an RSA key of less than 2048 bits.
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

// An Error is a peer whose certificate is not trusted.
type Error struct {
	Presented   Pin               // the pin of the presented key
	Certificate *x509.Certificate // the presented certificate; its texts are untrusted
	Pinned      bool              // it was compared with stated keys
	Known       []Known           // it was compared with these and is not one of them: the key has changed
	Err         error             // why the certificate is not trusted; nil if only the keys differ
}

func (e *Error) Error() string {
	switch {
	case len(e.Known) > 0:
		return fmt.Sprintf("its key has changed: it is now %s, and was %s", e.Presented, knownText(e.Known))
	case e.Err != nil:
		// The key comes first: the text after it may quote the certificate, which may name another key.
		return fmt.Sprintf("its key is %s: %s", e.Presented, e.Reason())
	case e.Pinned:
		return fmt.Sprintf("its key is %s, which is not the pinned one", e.Presented)
	}
	return fmt.Sprintf("its key is %s", e.Presented)
}

func (e *Error) Unwrap() error { return e.Err }

// knownText returns the first known keys, the newest first.
func knownText(known []Known) string {
	var words []string
	for _, k := range slices.Backward(known[max(len(known)-maxKnown, 0):]) {
		word := k.Pin.String()
		if !k.Since.IsZero() {
			word += ", first seen on " + k.Since.UTC().Format(time.DateOnly)
		}
		words = append(words, word)
	}
	text := strings.Join(words, "; or ")
	if more := len(known) - len(words); more > 0 {
		text += fmt.Sprintf("; or one of %d more", more)
	}
	return text
}

// Reason returns why the certificate is not trusted, in at most 400 bytes; "" if only the keys differ. Texts of the
// certificate are in quotes.
func (e *Error) Reason() string {
	if e.Err == nil {
		return ""
	}
	if host := (x509.HostnameError{}); errors.As(e.Err, &host) && host.Certificate != nil {
		return "its certificate is for " + namesText(host.Certificate) + ", and not for " + quoted(host.Host, maxReason/2)
	}
	return secret.Cut(e.Err.Error(), maxReason)
}

const (
	maxReason = 300 // maximum bytes of a reason from a library
	maxKnown  = 3   // maximum number of known keys in a message
	maxNames  = 3   // maximum number of certificate names in a message
	maxName   = 40  // maximum bytes of one name
)

// namesText returns the first names of a certificate.
func namesText(c *x509.Certificate) string {
	var names []string
	for _, name := range c.DNSNames[:min(len(c.DNSNames), maxNames)] {
		names = append(names, quoted(name, maxName))
	}
	for _, ip := range c.IPAddresses[:min(len(c.IPAddresses), maxNames-len(names))] {
		names = append(names, ip.String())
	}
	text := strings.Join(names, ", ")
	if more := len(c.DNSNames) + len(c.IPAddresses) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if text == "" {
		return "no name"
	}
	return text
}

func quoted(text string, most int) string { return strconv.Quote(secret.Cut(text, most)) }

// UnknownPeer reports whether the peer is only unknown: no authority has signed its certificate, but nothing else is
// wrong. A person may then be prompted to accept it.
func (e *Error) UnknownPeer() bool { return !e.Pinned && len(e.Known) == 0 }

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
		if err := checkStrength(state.PeerCertificates[0]); err != nil && !p.Legacy {
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

func checkStrength(c *x509.Certificate) error {
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
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	if _, e.Err = leaf.Verify(x509.VerifyOptions{Roots: p.Authorities, Intermediates: others, DNSName: host}); e.Err != nil {
		return e
	}
	return nil
}

// verifyKnown checks the key in the error against the known keys, if there are any.
func (p Policy) verifyKnown(e *Error) error {
	if len(p.Known) == 0 || slices.ContainsFunc(p.Known, func(k Known) bool { return k.Pin == e.Presented }) {
		return nil
	}
	e.Known = p.Known
	return e
}

// AsError returns the Error within a handshake error, or nil.
func AsError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return nil
}
