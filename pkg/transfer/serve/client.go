package serve

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// ErrNoCertificate is passed to [Options.OnError] when a client shows no certificate and [Options.ClientAuthorities] demand one.
var ErrNoCertificate = errors.New("it shows no certificate")

// ErrNoRequest is passed to [Options.OnError] when a client ends the connection after the handshake and before any request,
// where [Options.ClientAuthorities] are set: some programs compare the name in a certificate only then.
var ErrNoRequest = errors.New("it ended the connection after the TLS handshake, before any request")

// An AlertError says that a client rejects the certificate of this machine.
type AlertError struct{ Alert tls.AlertError }

func (e *AlertError) Error() string {
	return "it does not trust the certificate of this machine (TLS alert: " + e.Name() + ")"
}

// Name returns what the alert is called.
func (e *AlertError) Name() string { return strings.TrimPrefix(e.Alert.Error(), "tls: ") }

// A CertificateError says why the certificate that a client shows is not accepted.
type CertificateError struct {
	Subject string // what the certificate says it is for: bounded, not escaped; "" if it cannot be read
	Err     error
}

func (e *CertificateError) Error() string {
	if e.Subject == "" {
		return "its certificate is not accepted: " + e.Err.Error()
	}
	return fmt.Sprintf("its certificate, for %q, is not accepted: %v", e.Subject, e.Err)
}

func (e *CertificateError) Unwrap() error { return e.Err }

// maxClientHandshake is how much a client may send before the end of the handshake where it may show certificates. Chains of
// phones are expected to have a few kilobytes, and crypto/tls takes 256 KiB.
const maxClientHandshake = 32 << 10

// errLongHandshake ends the handshake of a client that sends more.
var errLongHandshake = errors.New("the handshake is too long")

// maxSubject bounds what is shown of a client's certificate, in bytes.
const maxSubject = 100

// SubjectOf returns what a certificate says it is for: bounded, not escaped.
func SubjectOf(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" && len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	if name == "" {
		name = c.Subject.String()
	}
	return secret.Cut(name, maxSubject)
}

// verifyClient checks the certificate that a client shows. What it is for is not checked: nothing is published of what the
// certificates of phones say about their use. A client without one is refused when it requests something else than a file.
func (o Options) verifyClient(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	err := o.verifyChain(state.PeerCertificates)
	if err == nil && !o.Legacy {
		err = trust.CheckStrength(leaf)
	}
	if err == nil {
		return nil
	}
	return &CertificateError{SubjectOf(leaf), err}
}

// verifyChain checks that an authority signed the first certificate of a chain, and that it is valid now.
func (o Options) verifyChain(chain []*x509.Certificate) error {
	now, leaf := time.Now(), chain[0]
	options := x509.VerifyOptions{Roots: o.ClientAuthorities, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(options)
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case err == nil:
		return nil
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it expired on %s, and this machine's clock shows %s", day(leaf.NotAfter), day(now))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it is valid from %s on, and this machine's clock shows %s", day(leaf.NotBefore), day(now))
	case isExpired(err):
		return errors.New("an authority that signed it has expired, or is not valid yet")
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return unsigned(chain)
	}
	return errors.New(secret.Cut(err.Error(), maxSent))
}

// unsigned returns why no authority vouches for a chain: crypto/x509 takes a weak signature for that of an unknown authority.
func unsigned(chain []*x509.Certificate) error {
	for i, c := range chain {
		switch c.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		default:
			continue
		}
		if i == 0 {
			return fmt.Errorf("it is signed with %s, which is too weak", c.SignatureAlgorithm)
		}
		if !bytes.Equal(c.RawSubject, c.RawIssuer) { // nobody relies on what an authority signs for itself
			return fmt.Errorf("the certificate of an authority in between, %q, is signed with %s, which is too weak", SubjectOf(c), c.SignatureAlgorithm)
		}
	}
	if bytes.Equal(chain[0].RawSubject, chain[0].RawIssuer) {
		return errors.New("it is not signed by an authority for clients, but by itself")
	}
	issuer := chain[0].Issuer.CommonName
	if issuer == "" {
		issuer = chain[0].Issuer.String()
	}
	return fmt.Errorf("it is not signed by an authority for clients; it names %q as its issuer", secret.Cut(issuer, maxSubject))
}

// isExpired reports whether a certificate is not valid because of the time.
func isExpired(err error) bool {
	invalid := x509.CertificateInvalidError{}
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// certificateAlerts are the alerts by which a client rejects a certificate (RFC 8446, 6.2).
func certificateAlerts() []tls.AlertError {
	const badCertificate, unsupported, revoked, expired, unknown, unknownCA = 42, 43, 44, 45, 46, 48
	return []tls.AlertError{badCertificate, unsupported, revoked, expired, unknown, unknownCA}
}

// rejection returns the alert by which a client rejects this machine's certificate, or nil. last is the end of what the client
// sent. With TLS 1.3 some clients send the alert without encryption (RFC 8446, 6), which crypto/tls cannot read.
func rejection(err error, last []byte) error {
	op := (*net.OpError)(nil)
	if !errors.As(err, &op) {
		return nil
	}
	for _, alert := range certificateAlerts() {
		received := op.Op == "remote error" && op.Err.Error() == alert.Error()
		plain := op.Op == "local error" && len(last) == alertSize && last[0] == recordAlert && last[1] == 3 && last[3] == 0 && last[4] == 2 && last[6] == byte(alert)
		if received || plain {
			return &AlertError{alert}
		}
	}
	return nil
}

// An alert as a record of TLS: a header of five bytes, the level and the alert.
const (
	alertSize   = 7
	recordAlert = 21
)

// handshakeError returns why no TLS connection to a client came about.
func (s *Server) handshakeError(err error, below *batchConn) error {
	const unreadable = "tls: failed to parse client certificate: "
	reason, odd := strings.CutPrefix(err.Error(), unreadable)
	switch plain := plainRequest(err, below.begin); {
	case plain != nil:
		return plain
	case odd:
		err = &CertificateError{Err: errors.New(secret.Cut(reason, maxSent))}
	case below.tooLong, s.options.ClientAuthorities != nil && strings.HasPrefix(err.Error(), "tls: handshake message of length "):
		err = &CertificateError{Err: fmt.Errorf("it sends more than %d KiB before the handshake ends", maxClientHandshake>>10)}
	default:
		if alert := rejection(err, below.last); alert != nil {
			err = alert
		}
	}
	return &HandshakeError{err}
}

// unheard returns what to report of a client that ended the connection after the handshake and before any request, or nil. err
// is that of reading.
func (s *Server) unheard(c *requestConn, err error) error {
	if alert := rejection(err, c.below().last); alert != nil {
		return &HandshakeError{alert}
	}
	switch {
	case s.options.ClientAuthorities == nil || !c.below().client.known || !errors.Is(err, io.EOF):
		return nil
	case len(c.ConnectionState().PeerCertificates) == 0:
		return ErrNoCertificate
	}
	return ErrNoRequest
}

// note keeps the end of what a client sends, and reports whether it may send more before the handshake ends.
func (b *batchConn) note(p []byte) bool {
	b.last = append(b.last, p[max(len(p)-alertSize, 0):]...)
	b.last = slices.Delete(b.last, 0, max(len(b.last)-alertSize, 0))
	b.tooLong = b.begin != nil && b.client.listener.options.ClientAuthorities != nil && b.client.came.Load() > maxClientHandshake
	return !b.tooLong
}
