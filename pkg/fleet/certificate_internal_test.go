package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

func macCases() map[string]string {
	return map[string]string{
		"001AE8000001":                                       "00:1A:E8:00:00:01",
		"001ae8000001":                                       "00:1A:E8:00:00:01",
		"00:1a:e8:00:00:01":                                  "00:1A:E8:00:00:01",
		"00-1A-E8-00-00-01":                                  "00:1A:E8:00:00:01",
		"CP600-001AE8000001":                                 "00:1A:E8:00:00:01",
		"cp600_001AE8000001.example":                         "00:1A:E8:00:00:01",
		"CN=OpenScape 00:1A:E8:00:00:01 (2)":                 "00:1A:E8:00:00:01",
		"phone 00-1a-e8-00-00-01, lobby":                     "00:1A:E8:00:00:01",
		"00:1A:E8:00:00:01/00:1A:E8:00:00:02 001AE8000003 x": "00:1A:E8:00:00:01 00:1A:E8:00:00:02 00:1A:E8:00:00:03",
		"00:01:02:03:04:05":                                  "00:01:02:03:04:05",
		"":                                                   "",
		"lobby":                                              "",
		"00:1A:E8:00:00":                                     "",
		"00:1A-E8:00-00:01":                                  "",
		"00:1A:E8:00:00:01:02":                               "", // seven pairs
		"001AE8000001:5":                                     "00:1A:E8:00:00:01",
		"urn:mac:00:1A:E8:00:00:05":                          "00:1A:E8:00:00:05",
		"x001AE8000001z":                                     "00:1A:E8:00:00:01",
		"mac00:1A:E8:00:00:05":                               "",
		"001AE80000012":                                      "", // thirteen digits
		"0001AE8000001":                                      "",
		"498912345678":                                       "", // a telephone number
		"004989123456":                                       "",
		"550e8400-e29b-41d4-a716-44665544000a":               "", // a UUID
		"001a.e800.0001":                                     "00:1A:E8:00:00:01",
		"cp600.001A.E800.0001.example":                       "00:1A:E8:00:00:01",
		"001a.e800.0001.0002":                                "",
		"0.9.2342.1920.0300.1001.1":                          "",
		"deadbeef":                                           "",
		"S30817-S7720-A101-4":                                "",
		"\u0660\u0660:1A:E8:00:00:01":                        "",
	}
}

// TestMACsIn finds MAC addresses in texts, and takes nothing else for one.
func TestMACsIn(t *testing.T) {
	t.Parallel()
	for text, want := range macCases() {
		if got := strings.Join(macsIn(text, true), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzMACsIn(f *testing.F) {
	for text := range macCases() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range macsIn(text, true) {
			if parsed, err := hwcheck.ParseMAC(found); err != nil || parsed != found {
				t.Errorf("%q of %q, %v", found, text, err)
			}
			digits := strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToUpper(text))
			if !strings.Contains(digits, strings.ReplaceAll(found, ":", "")) {
				t.Errorf("%q is not in %q", found, text)
			}
		}
	})
}

// TestCertificateMACs looks where a certificate says what it is for, and nowhere else.
func TestCertificateMACs(t *testing.T) {
	t.Parallel()
	name := func(id int, value any) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, id}, Value: value}
	}
	link, err := url.Parse("urn:mac:00:1A:E8:00:00:05")
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{
			name(3, "001AE8000001"), name(3, "00-1A-E8-00-00-01"), name(5, "001AE8000002"), name(11, "001AE80000AA"), name(3, 5), name(10, "00:1A:E8:00:00:06"), {Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "001AE8000007"},
		}},
		Issuer:   pkix.Name{Names: []pkix.AttributeTypeAndValue{name(3, "001AE80000AC")}},
		DNSNames: []string{"a.001ae8000003.example"}, EmailAddresses: []string{"001ae8000004@example"}, URIs: []*url.URL{link},
	}
	want := []string{"00:1A:E8:00:00:03", "00:1A:E8:00:00:04", "00:1A:E8:00:00:05", "00:1A:E8:00:00:01", "00:1A:E8:00:00:02", "00:1A:E8:00:00:06", "00:1A:E8:00:00:07"}
	if got := certificateMACs(c); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := newIdentity(c).mustBe(); got == nil || len(got.Error()) > 300 {
		t.Errorf("several: %v", got)
	}
	if identityOf(&http.Request{}) != nil || identityOf(&http.Request{TLS: &tls.ConnectionState{}}) != nil {
		t.Error("there is an identity without a certificate")
	}
}

// TestAccepts decides about a fetch by the certificate that came with it.
func TestAccepts(t *testing.T) {
	t.Parallel()
	const mine, others = "00:1A:E8:00:00:01", "00:1A:E8:00:00:02"
	for name, row := range map[string]struct {
		stated, said, shown string
		other               string // MAC address of another phone of the plan
		want                bool
	}{
		"no MAC address in it":     {mine, mine, "lobby", "", true},
		"the stated one":           {mine, "", mine, "", true},
		"the reported one":         {"", mine, mine, others, true},
		"nothing known":            {"", "", mine, "", true},
		"not the stated one":       {mine, "", others, "", false},
		"not the reported one":     {"", mine, others, "", false},
		"that of another phone":    {"", "", others, others, false},
		"nothing known of another": {"", "", mine, others, true},
	} {
		_, p := lone(t)
		p.target.MAC, p.place.mac = row.stated, row.said
		p.plan.Phones = []Target{p.target, {MAC: row.other}}
		c := &x509.Certificate{Subject: pkix.Name{CommonName: row.shown, Names: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: row.shown}}}}
		if got := p.accepts(c); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
		if err := p.problems.first(false, problemOtherCertificate); (err == nil) != row.want {
			t.Errorf("%s: noted %v", name, err)
		}
	}
}

// TestCertificateProblems translates what the server reports into how a phone fails, at once a note and later a failure.
func TestCertificateProblems(t *testing.T) {
	t.Parallel()
	here, elsewhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	for name, row := range map[string]struct {
		err  error
		want Kind
		says string
	}{
		"alert":       {&serve.HandshakeError{Err: &serve.AlertError{Alert: 48}}, KindNotTrusted, "does not trust the certificate of this machine: TLS alert: unknown certificate authority"},
		"certificate": {&serve.HandshakeError{Err: &serve.CertificateError{Subject: "\x1bx", Err: errors.New("why")}}, KindCertificate, `is not accepted: "\x1bx": why`},
		"unreadable":  {&serve.HandshakeError{Err: &serve.CertificateError{Err: errors.New("why")}}, KindCertificate, "is not accepted: why"},
		"none":        {serve.ErrNoCertificate, KindNoCertificate, "shows no certificate"},
		"other":       {&serve.HandshakeError{Err: io.ErrUnexpectedEOF}, "", ""},
	} {
		f, p := lone(t)
		p.place.remote = netip.AddrPortFrom(here, 1)
		p.runner.registry.byIP[here] = append(p.runner.registry.byIP[here], p)
		var events []Event
		p.runner.events = newEvents(func(e Event) { events = append(events, e) })
		p.runner.OnError(elsewhere, row.err)
		if failure := p.problems.failure(true, false); failure != nil || len(events) > 0 {
			t.Errorf("%s: a stranger makes it fail: %v %v", name, failure, events)
		}
		p.runner.OnError(here, row.err)
		if len(events) != 1 || events[0].Phone != p.index || events[0].Step != StepCallError || !strings.Contains(events[0].Err.Error(), row.err.Error()) {
			t.Errorf("%s: %+v", name, events)
		}
		if failure := p.problems.failure(false, false); failure != nil {
			t.Errorf("%s: after one contact: %v", name, failure)
		}
		p.runner.OnError(here, row.err)
		failure := (*Failure)(nil)
		if err := p.problems.failure(false, false); errors.As(err, &failure) != (row.want != "") || failure != nil && (failure.Kind != row.want || !strings.HasSuffix(fmt.Sprint(failure), row.says)) {
			t.Errorf("%s: %v", name, err)
		}
		if row.want != "" && f.because(failf(KindNeverFetch, "")).Err == nil {
			t.Errorf("%s: it is no cause why the phone does not fetch", name)
		}
		if p.problems.failure(true, true) != nil {
			t.Errorf("%s: a neighbour's", name)
		}
	}
}
