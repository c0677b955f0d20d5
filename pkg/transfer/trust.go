package transfer

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Pin is the SHA-256 of a public key (SubjectPublicKeyInfo, DER).
type Pin [32]byte

// pinPrefix is how a pin begins when it is written.
const pinPrefix = "sha256:"

// ParsePin reads sha256:HEX; colons between the digits and capitals, as other programs write them, are taken too.
func ParsePin(s string) (Pin, error) {
	digits, ok := strings.CutPrefix(strings.ToLower(s), pinPrefix)
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if !ok || err != nil || len(raw) != sha256.Size {
		return Pin{}, errors.New("a pin is sha256: and 64 hexadecimal digits")
	}
	return Pin(raw), nil
}

// String returns the pin as [ParsePin] reads it.
func (p Pin) String() string { return pinPrefix + hex.EncodeToString(p[:]) }

// PinOf returns the pin of a certificate's key.
func PinOf(certificate *x509.Certificate) Pin {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// A TrustError is a server whose certificate is not to be trusted. Presented is the pin of the key it showed.
type TrustError struct {
	Presented Pin
	Pinned    bool  // it was compared with pins
	Err       error // why the authorities do not vouch for it; nil if only the pins speak against it
}

func (e *TrustError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%v (the server's key is %s)", e.Err, e.Presented)
	case e.Pinned:
		return fmt.Sprintf("the server's key is %s, which is not the pinned one", e.Presented)
	}
	return fmt.Sprintf("the server's key is %s", e.Presented)
}

func (e *TrustError) Unwrap() error { return e.Err }

// config returns what TLS connections to the host need. One config serves one control connection and its data
// connections: servers want the data connection to resume the control connection's session.
func (t Trust) config(host string) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		RootCAs:            t.Authorities,
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
		NextProtos:         nil,
	}
	if len(t.Pins) == 0 {
		return c
	}
	// The pins decide in VerifyConnection, on every handshake, resumed ones too. The standard check has to stand
	// aside for that, since what is pinned is as a rule signed by nobody; with authorities it is made there as well.
	c.InsecureSkipVerify = true //nolint:gosec // VerifyConnection verifies
	c.VerifyConnection = func(state tls.ConnectionState) error { return t.verify(host, state) }
	return c
}

// verify holds a server's certificate against the pins, and against the authorities if there are any.
func (t Trust) verify(host string, state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	leaf := state.PeerCertificates[0]
	presented := PinOf(leaf)
	if !slices.Contains(t.Pins, presented) {
		return &TrustError{Presented: presented, Pinned: true}
	}
	if t.Authorities == nil {
		return nil
	}
	others := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: t.Authorities, Intermediates: others, DNSName: host}); err != nil {
		return &TrustError{Presented: presented, Err: err}
	}
	return nil
}

// trustError returns the TrustError in what a handshake failed with, or nil.
func trustError(err error) *TrustError {
	if e := (*TrustError)(nil); errors.As(err, &e) {
		return e
	}
	e := (*tls.CertificateVerificationError)(nil)
	if !errors.As(err, &e) || len(e.UnverifiedCertificates) == 0 {
		return nil
	}
	return &TrustError{Presented: PinOf(e.UnverifiedCertificates[0]), Err: e.Err}
}
