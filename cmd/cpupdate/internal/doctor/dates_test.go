package doctor

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
)

// leafAt is a certificate of a time, with the names.
func leafAt(begin, end time.Time, names ...string) *x509.Certificate {
	return &x509.Certificate{NotBefore: begin, NotAfter: end, DNSNames: names}
}

// TestSeenCertificate checks the finding about a certificate: valid, expired, not yet valid, or about to expire.
func TestSeenCertificate(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, test := range []struct {
		begin, end time.Duration
		want       state
		dates      string
	}{
		{-day, 98 * day, stateOK, "expires 2027-03-07, in 98 days"},
		{-day, 30 * day, stateOK, "expires 2026-12-29, in 30 days"},
		{-day, 29 * day, stateWarn, "expires 2026-12-28, in 29 days"},
		{-day, time.Hour, stateWarn, "expires 2026-11-29 13:00 UTC"},
		{-2 * day, -day, stateWarn, "expired 2026-11-28"},
		{day, 98 * day, stateWarn, "valid from 2026-11-30"},
	} {
		c := seenCertificate{"server", leafAt(now.Add(test.begin), now.Add(test.end), "files.example")}
		f := c.finding(now)
		if f.State != test.want || c.dates(now) != test.dates || !strings.HasPrefix(f.Text, "files.example, "+test.dates) || (len(f.Hints) > 0) != (test.want == stateWarn) {
			t.Errorf("%+v, want %s", f, test.dates)
		}
	}
}

// TestCertificateName checks which name of a certificate is shown.
func TestCertificateName(t *testing.T) {
	for _, test := range []struct {
		leaf x509.Certificate
		want string
	}{
		{x509.Certificate{DNSNames: []string{"a", "b"}, Subject: pkix.Name{CommonName: "c"}}, "a"},
		{x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, Subject: pkix.Name{CommonName: "c"}}, "192.0.2.1"},
		{x509.Certificate{Subject: pkix.Name{CommonName: "c"}}, "c"},
	} {
		if got := (seenCertificate{"server", &test.leaf}).name(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	if name := (seenCertificate{"server", &x509.Certificate{}}).name(); name == "" {
		t.Error("a certificate without a name has none")
	}
}

// TestCertificatesSeen checks that each certificate is recorded once, and that expired ones are found.
func TestCertificatesSeen(t *testing.T) {
	x := &diagnosis{now: time.Now()}
	if f := clockValidity(t.Context(), x, -1); f.State != stateSkip {
		t.Errorf("%+v", f)
	}
	if f := certificatesSeen(t.Context(), x, -1); f.State != stateOK {
		t.Errorf("%+v", f)
	}
	if f := x.shownBy("server"); f.State != stateWarn {
		t.Errorf("%+v", f)
	}
	good, ended := leafAt(x.now.Add(-time.Hour), x.now.Add(9999*time.Hour), "good"), leafAt(x.now.Add(-2*time.Hour), x.now.Add(-time.Hour), "old")
	good.Raw, ended.Raw = []byte("1"), []byte("2")
	for range 2 {
		x.certificateOf("server")(good)
	}
	if f := clockValidity(t.Context(), x, -1); f.State != stateOK || len(x.seen) != 1 {
		t.Errorf("%+v", f)
	}
	x.certificateOf("page of a")(ended)
	f := clockValidity(t.Context(), x, -1)
	if seen := certificatesSeen(t.Context(), x, -1); f.State != stateWarn || !strings.Contains(f.Text, "page of a") || strings.Count(seen.Text, "expired")+strings.Count(seen.Text, "expires") != 2 {
		t.Errorf("%+v, %+v", f, seen)
	}
	if f := x.shownBy("page of a"); f.State != stateWarn {
		t.Errorf("%+v", f)
	}
}

// TestClockDate checks that a clock that is earlier than the build of the program is an error.
func TestClockDate(t *testing.T) {
	for at, want := range map[time.Time]state{time.Now(): stateOK, builtAt().Add(-48 * time.Hour): stateFailed} {
		if f := clockDate(t.Context(), &diagnosis{now: at}, -1); f.State != want || (len(f.Hints) > 0) != (want == stateFailed) {
			t.Errorf("%v: %+v", at, f)
		}
	}
}

// TestCertificateService checks the certificate that phones are shown.
func TestCertificateService(t *testing.T) {
	x, _, err := newExamination(t, nil, "--serve")
	if err != nil {
		t.Fatal(err)
	}
	x.now = time.Now()
	certificate, _, err := x.o.Listen.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := leafOf(certificate)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]state{
		leaf.NotBefore.Add(time.Hour): stateOK, leaf.NotAfter.Add(-time.Hour): stateWarn, leaf.NotAfter.Add(time.Hour): stateFailed, leaf.NotBefore.Add(-time.Hour): stateFailed,
	} {
		x.now = at
		if f := certificateService(t.Context(), x, -1); want == stateFailed && f.State != want || want != stateFailed && f.State == stateFailed {
			t.Errorf("%v: %+v", at, f)
		}
	}
	x.o.Listen.Cert = clitest.File(t, "broken.pem", []byte("x"))
	if f := certificateService(t.Context(), x, -1); f.State != stateFailed {
		t.Errorf("%+v", f)
	}
	x.o.Listen.Cert = ""
	if f := certificateService(t.Context(), x, -1); f.State != stateOK {
		t.Errorf("%+v", f)
	}
}
