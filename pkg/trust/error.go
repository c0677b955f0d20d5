package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// An Error is a peer whose certificate is not trusted.
type Error struct {
	Presented   Pin               // the pin of the presented key
	Certificate *x509.Certificate // the presented certificate; its texts are untrusted
	Pinned      bool              // it was compared with stated keys
	Known       []Known           // it was compared with these and is not one of them: the key has changed
	Err         error             // why the certificate is not trusted; nil if only the keys differ

	// The following say more of Err.
	Host        string // what the certificate has to be for
	Signed      bool   // a trusted authority has signed it: only its names, dates or use are wrong
	Authorities bool   // Policy.Authorities are the trusted authorities, and not those of the system
	KeyStated   bool   // the key is one of Policy.Pins
}

// A Fault says what is wrong with a certificate.
type Fault int

// The faults.
const (
	FaultOther     Fault = iota // Err says it
	FaultNone                   // nothing: only the keys differ
	FaultNoName                 // it has no name and no address; a common name does not count
	FaultOtherName              // it is for others
	FaultNoAddress              // it has the address as a name, which does not count
	FaultExpired                // its time has ended
	FaultEarly                  // its time has not begun
	FaultWeakSign               // it is signed with a broken algorithm
	FaultUsage                  // it is not for servers
	FaultNotSigned              // no trusted authority has signed it
)

// Fault returns what is wrong with the certificate.
func (e *Error) Fault() Fault {
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		weak    x509.InsecureAlgorithmError
		unknown x509.UnknownAuthorityError
	)
	switch {
	case e.Err == nil:
		return FaultNone
	case errors.As(e.Err, &name) && name.Certificate != nil:
		return nameFault(name)
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		if c := invalid.Cert; c != nil && time.Now().Before(c.NotBefore) {
			return FaultEarly
		}
		return FaultExpired
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return FaultUsage
	case errors.As(e.Err, &weak), errors.As(e.Err, &unknown) && strings.Contains(e.Err.Error(), "insecure algorithm"):
		return FaultWeakSign // the authority is known, and crypto/x509 keeps the reason to itself
	case errors.As(e.Err, &unknown):
		return FaultNotSigned
	}
	return FaultOther
}

// nameFault returns what is wrong with the names of a certificate.
func nameFault(e x509.HostnameError) Fault {
	c := e.Certificate
	switch {
	case len(c.DNSNames)+len(c.IPAddresses) == 0:
		return FaultNoName
	case net.ParseIP(e.Host) != nil && slices.Contains(c.DNSNames, e.Host):
		return FaultNoAddress
	}
	return FaultOtherName
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
	name := x509.HostnameError{}
	switch fault := e.Fault(); fault {
	case FaultNone:
		return ""
	case FaultNoName, FaultNoAddress, FaultOtherName:
		errors.As(e.Err, &name)
		return nameReason(fault, name)
	case FaultWeakSign:
		if e.Certificate != nil {
			return "its certificate is signed with " + e.Certificate.SignatureAlgorithm.String() + ", which is broken"
		}
	case FaultUsage:
		return "its certificate is not for servers: it names other uses only"
	case FaultExpired, FaultEarly, FaultNotSigned, FaultOther:
	}
	text, _, _ := strings.Cut(e.Err.Error(), " (possibly because of ") // an authority of the same name, which did not sign it
	return secret.Cut(text, maxReason)
}

// nameReason returns why the names of a certificate do not fit.
func nameReason(fault Fault, e x509.HostnameError) string {
	c, host := e.Certificate, quoted(e.Host, maxReason/2)
	switch common := c.Subject.CommonName; {
	case fault == FaultNoAddress:
		return "its certificate has " + host + " as a name, and not as an address (iPAddress in subjectAltName)"
	case fault == FaultOtherName:
		return "its certificate is for " + namesText(c) + ", and not for " + host
	case common != "":
		return "its certificate has no name in it, so it is not for " + host + ": its common name " + quoted(common, maxName) + " does not count"
	}
	return "its certificate has no name in it, so it is not for " + host
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
	return text
}

func quoted(text string, most int) string { return strconv.Quote(secret.Cut(text, most)) }

// UnknownPeer reports whether the peer is only unknown: no authority has signed its certificate, but nothing else is
// wrong. A person may then be prompted to accept it.
func (e *Error) UnknownPeer() bool { return !e.Pinned && len(e.Known) == 0 }

// AsError returns the Error within a handshake error, or nil.
func AsError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return nil
}
