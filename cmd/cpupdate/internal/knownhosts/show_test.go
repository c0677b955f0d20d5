package knownhosts_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestTrustHints checks that a hint leads out: none names an authority where that would not help, or one that was given and
// is right.
func TestTrustHints(t *testing.T) {
	t.Parallel()
	bare := x509.HostnameError{Certificate: &x509.Certificate{}, Host: "host"}
	address := x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"192.0.2.1"}}, Host: "192.0.2.1"}
	usage := x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}
	early := x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: time.Now().Add(time.Hour)}}
	for name, c := range map[string]struct {
		err    trust.Error
		has    []string // of all hints together
		hasNot string
	}{
		"unknown authority":            {trust.Error{Err: x509.UnknownAuthorityError{}}, []string{"--pin", "or name the authority"}, "those that were given"},
		"another than the stated one":  {trust.Error{Err: x509.UnknownAuthorityError{}, Authorities: true}, []string{"--pin", "those that were given did not"}, "or name"},
		"no name":                      {trust.Error{Err: bare, Signed: true, Authorities: true}, []string{"subjectAltName", "--pin"}, "--ca"},
		"no name, self-signed":         {trust.Error{Err: bare}, []string{"subjectAltName", "--pin", "--ca"}, ""},
		"an address as a name":         {trust.Error{Err: address, Signed: true}, []string{"iPAddress", "--pin"}, "--ca"},
		"not for servers":              {trust.Error{Err: usage, Signed: true}, []string{"serverAuth", "--pin"}, "--ca"},
		"not yet valid":                {trust.Error{Err: early, Signed: true}, []string{"not valid yet", "--pin"}, "renew"},
		"pinned, and no authority":     {trust.Error{Err: x509.UnknownAuthorityError{}, Authorities: true, KeyStated: true}, []string{"leave out the authorities"}, "--pin"},
		"pinned, and the name is none": {trust.Error{Err: bare, Authorities: true, KeyStated: true, Signed: true}, []string{"subjectAltName", "leave out the authorities"}, "--pin"},
	} {
		got := strings.Join(knownhosts.TrustHints("host:443", &c.err), "\n")
		for _, part := range c.has {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q, want %q", name, got, part)
			}
		}
		if c.hasNot != "" && strings.Contains(got, c.hasNot) {
			t.Errorf("%s: %q, want no %q", name, got, c.hasNot)
		}
	}
}

// TestCertificateHints checks that a certificate that cannot be read gets no hint about the method.
func TestCertificateHints(t *testing.T) {
	t.Parallel()
	malformed := fmt.Errorf("connecting: %w", errors.New("tls: failed to parse certificate from server: x509: malformed"))
	if got := strings.Join(knownhosts.CertificateHints(malformed), "\n"); !strings.Contains(got, "malformed") {
		t.Errorf("%q", got)
	}
	if got := knownhosts.CertificateHints(errors.New("tls: handshake failure")); got != nil {
		t.Errorf("%q", got)
	}
	if got := strings.Join(knownhosts.CertificateHints(&trust.WeakKeyError{Bits: 1024}), "\n"); !strings.Contains(got, "--legacy-tls") {
		t.Errorf("%q", got)
	}
}
