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

// A Policy is whom to believe that it is one peer. The zero value believes whom the system's authorities vouch for.
type Policy struct {
	Authorities *x509.CertPool // who signs certificates; nil: those of the system
	Pins        []Pin          // stated keys: the peer's must be one of these; without Authorities and Known that alone decides
	// Known are keys that this peer showed before, and that somebody said yes to: its key must be one of these, whoever
	// vouches for another, and besides one of the Pins if there are any. They count if there are no Authorities.
	Known []Known
	// Legacy also talks to peers that know nothing newer than TLS 1.0 or 1.1, RSA key exchange, CBC, 3DES or RC4, and to
	// those with an RSA key of less than 2048 bits.
	Legacy bool
	// Seen, if not nil, is told the certificate that the peer shows at each handshake, before anybody says whether it is
	// believed: it is hostile. It must not wait.
	Seen func(*x509.Certificate)
}

// Known is a key that somebody said yes to.
type Known struct {
	Pin   Pin
	Since time.Time // when; zero if that is not known
}

// An Error is a peer whose certificate is not to be trusted.
type Error struct {
	Presented   Pin               // of the key it showed
	Certificate *x509.Certificate // what it showed; its texts are hostile
	Pinned      bool              // it was compared with stated keys
	Known       []Known           // it was compared with these, and is none of them: the key has changed
	Err         error             // why the authorities do not vouch for it; nil if only keys speak against it
}

func (e *Error) Error() string {
	switch {
	case len(e.Known) > 0:
		return fmt.Sprintf("its key has changed: it is %s now, and was %s", e.Presented, knownText(e.Known))
	case e.Err != nil:
		// The key comes first: what follows may quote the certificate, which may speak of another key.
		return fmt.Sprintf("its key is %s, which nobody vouches for: %s", e.Presented, e.Reason())
	case e.Pinned:
		return fmt.Sprintf("its key is %s, which is not the pinned one", e.Presented)
	}
	return fmt.Sprintf("its key is %s", e.Presented)
}

func (e *Error) Unwrap() error { return e.Err }

// knownText are keys that are known, the newest first, or the first of them.
func knownText(known []Known) string {
	var words []string
	for _, k := range slices.Backward(known[max(len(known)-maxKnown, 0):]) {
		word := k.Pin.String()
		if !k.Since.IsZero() {
			word += ", seen first on " + k.Since.UTC().Format(time.DateOnly)
		}
		words = append(words, word)
	}
	text := strings.Join(words, "; or ")
	if more := len(known) - len(words); more > 0 {
		text += fmt.Sprintf("; or one of %d more", more)
	}
	return text
}

// Reason is why the authorities do not vouch, in at most 400 bytes; "" if only keys speak against the peer. What it quotes
// of the certificate stands in quotes.
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
	maxReason = 300 // bytes of a reason that is not our own
	maxKnown  = 3   // known keys that are told
	maxNames  = 3   // names of a certificate that are told
	maxName   = 40  // bytes of one
)

// namesText are the first names that a certificate is for.
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

// Stranger reports whether nothing speaks against the peer but that nobody vouches for it: then somebody may be asked.
func (e *Error) Stranger() bool { return !e.Pinned && len(e.Known) == 0 }

// TLS returns what TLS connections to a host need: a name, or an IP address without brackets. One config serves the
// connections that belong together: it remembers the sessions that later ones resume.
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
	// The keys decide in VerifyConnection, on every handshake, resumed ones too. The standard check has to stand aside for
	// that, since what is pinned is as a rule signed by nobody; where authorities count it is made there as well.
	c.InsecureSkipVerify = true //nolint:gosec // VerifyConnection verifies
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("it shows no certificate")
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

// weaken lets a connection have what Go can still do and does not offer any more. Naming the suites is what brings back
// RSA key exchange, 3DES and RC4; the curves are those of old stacks, without the large post-quantum share.
func weaken(c *tls.Config) {
	c.MinVersion = tls.VersionTLS10
	for _, suites := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range suites {
			c.CipherSuites = append(c.CipherSuites, s.ID)
		}
	}
	c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
}

// minRSA is the length of the shortest RSA key in bits that is not legacy.
const minRSA = 2048

// A WeakKeyError is a peer whose key is so short that others may have found it out: whoever it belongs to, it proves
// nothing. Only [Policy.Legacy] takes it.
type WeakKeyError struct{ Bits int }

func (e *WeakKeyError) Error() string {
	return fmt.Sprintf("its RSA key has %d bits, and %d are the least", e.Bits, minRSA)
}

func checkStrength(c *x509.Certificate) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
		return &WeakKeyError{key.N.BitLen()}
	}
	return nil
}

// verify holds a peer's certificate, which is the first of the chain, against the keys and the authorities.
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

// verifyKnown holds a peer's key, which the error has, against those that are known, if any are.
func (p Policy) verifyKnown(e *Error) error {
	if len(p.Known) == 0 || slices.ContainsFunc(p.Known, func(k Known) bool { return k.Pin == e.Presented }) {
		return nil
	}
	e.Known = p.Known
	return e
}

// AsError returns the Error in what a handshake failed with, or nil.
func AsError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return nil
}
