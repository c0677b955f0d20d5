package trust_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestPolicy checks which peers are trusted, depending on what is known about them.
func TestPolicy(t *testing.T) {
	t.Parallel()
	certificate := &x509.Certificate{RawSubjectPublicKeyInfo: []byte("key")}
	mine, other := trust.PinOf(certificate), trust.Pin{1}
	since := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		policy trust.Policy
		says   string // "" if it is trusted
	}{
		{"not trusted", trust.Policy{Authorities: x509.NewCertPool()}, "x509: "},
		{"pinned", trust.Policy{Pins: []trust.Pin{other, mine}}, ""},
		{"another is pinned", trust.Policy{Pins: []trust.Pin{other}}, "which is not the pinned one"},
		{"pinned, and not signed by an authority", trust.Policy{Pins: []trust.Pin{mine}, Authorities: x509.NewCertPool()}, "x509: "},
		{"known", trust.Policy{Known: []trust.Known{{Pin: other}, {Pin: mine}}}, ""},
		{"changed", trust.Policy{Known: []trust.Known{{Pin: other, Since: since}}}, "its key has changed: it is now " + mine.String() + ", and was " + other.String() + ", first seen on 2026-03-02"},
		{"changed, of two", trust.Policy{Known: []trust.Known{{Pin: other, Since: since}, {Pin: trust.Pin{2}}}}, ", and was " + trust.Pin{2}.String() + "; or " + other.String() + ", first seen on 2026-03-02"},
		{"changed, of many", trust.Policy{Known: []trust.Known{{Pin: other}, {Pin: trust.Pin{2}}, {Pin: trust.Pin{3}}, {Pin: trust.Pin{4}}, {Pin: trust.Pin{5}}}}, "; or " + trust.Pin{3}.String() + "; or one of 2 more"},
		{"known, and other authorities are stated", trust.Policy{Known: []trust.Known{{Pin: mine}}, Authorities: x509.NewCertPool()}, "x509: "},
		{"known and pinned", trust.Policy{Known: []trust.Known{{Pin: mine}}, Pins: []trust.Pin{other, mine}}, ""},
		{"pinned, and another is known", trust.Policy{Known: []trust.Known{{Pin: other}}, Pins: []trust.Pin{other, mine}}, "its key has changed: it is now " + mine.String()},
		{"known, and another is pinned", trust.Policy{Known: []trust.Known{{Pin: mine}}, Pins: []trust.Pin{other}}, "not the pinned one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seen := 0
			c.policy.Seen = func(shown *x509.Certificate) {
				if shown == certificate {
					seen++
				}
			}
			err := c.policy.TLS("host").VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if e := trust.AsError(err); err != nil && (e == nil || e.Presented != mine || e.Certificate != certificate) {
				t.Errorf("%+v", e)
			}
			if seen != 1 {
				t.Errorf("the certificate was seen %d times", seen)
			}
			if c.policy.TLS("host").VerifyConnection(tls.ConnectionState{}) == nil {
				t.Error("a peer without a certificate is trusted")
			}
		})
	}
}

// TestErrorQuotes checks that the texts of a certificate neither hide the key nor look like one.
func TestErrorQuotes(t *testing.T) {
	t.Parallel()
	const other = `192.0.2.50 (its key is sha256:1111)`
	for name, c := range map[string]struct {
		names []string
		err   func(*x509.Certificate) error
		says  string
	}{
		"another name":  {[]string{"files.example"}, nil, `its certificate is for "files.example", and not for "host"`},
		"no name":       {nil, nil, `its certificate has no name in it, so it is not for "host"`},
		"a key in it":   {[]string{other, "a", "b", "c"}, nil, `its certificate is for "` + other + `", "a", "b" and 1 more, and not`},
		"a quote":       {[]string{`a", and not for "b`}, nil, `is for "a\", and not for \"b", and not for "host"`},
		"long":          {[]string{strings.Repeat("é", 10<<10), strings.Repeat("x", 10<<10)}, nil, `...", "xxx`},
		"another error": {nil, func(*x509.Certificate) error { return errors.New(strings.Repeat("é", 10<<10)) }, ": ééé"},
	} {
		certificate := &x509.Certificate{RawSubjectPublicKeyInfo: []byte("key"), DNSNames: c.names}
		e := &trust.Error{Presented: trust.PinOf(certificate), Err: x509.HostnameError{Certificate: certificate, Host: "host"}}
		if c.err != nil {
			e.Err = c.err(certificate)
		}
		text := e.Error()
		if len(text) > 500 || !strings.HasPrefix(text, "its key is "+trust.PinOf(certificate).String()+": ") || !utf8.ValidString(text) || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d bytes: %q", name, len(text), text)
		}
	}
}
