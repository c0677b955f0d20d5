package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A seenCertificate is a certificate that a peer presented. Its texts are untrusted.
type seenCertificate struct {
	of   string // "server", "this machine", a phone
	leaf *x509.Certificate
}

// certificateOf returns a function that records a presented certificate, once.
func (x *diagnosis) certificateOf(who string) func(*x509.Certificate) {
	return func(leaf *x509.Certificate) {
		for _, c := range x.seen {
			if c.of == who && c.leaf.Equal(leaf) {
				return
			}
		}
		x.seen = append(x.seen, seenCertificate{who, leaf})
	}
}

// shownBy returns the finding for the certificate that a trusted peer presented.
func (x *diagnosis) shownBy(who string) finding {
	for _, c := range x.seen {
		if c.of == who {
			return c.finding(x.now)
		}
	}
	return warn("no certificate was presented")
}

// soon is the time before expiry from which a certificate is reported as a warning.
const soon = 30 * 24 * time.Hour

// finding reports the certificate's name and when it expires. Whether it is trusted was decided before.
func (c seenCertificate) finding(now time.Time) finding {
	text := c.name() + ", " + c.dates(now)
	switch {
	case now.After(c.leaf.NotAfter), now.Before(c.leaf.NotBefore):
		return warn(text+"; accepted because its key is known", "have the certificate renewed, and check this machine's clock")
	case c.leaf.NotAfter.Sub(now) < soon:
		return warn(text, "have the certificate renewed before it expires")
	}
	return passed(text)
}

// name returns the name that the certificate is issued for.
func (c seenCertificate) name() string {
	name := c.leaf.Subject.CommonName
	if len(c.leaf.DNSNames) > 0 {
		name = c.leaf.DNSNames[0]
	} else if len(c.leaf.IPAddresses) > 0 {
		name = c.leaf.IPAddresses[0].String()
	}
	return cmp.Or(name, "a certificate without a name")
}

// dates returns text such as "expires 2027-03-01, in 98 days".
func (c seenCertificate) dates(now time.Time) string {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch left := c.leaf.NotAfter.Sub(now); {
	case now.Before(c.leaf.NotBefore):
		return "valid from " + day(c.leaf.NotBefore)
	case left < 0:
		return "expired " + day(c.leaf.NotAfter)
	case left < 24*time.Hour:
		return "expires " + c.leaf.NotAfter.UTC().Format("2006-01-02 15:04 UTC")
	default:
		return fmt.Sprintf("expires %s, in %s", day(c.leaf.NotAfter), display.Plural(int(left/(24*time.Hour)), "day"))
	}
}

// builtAt returns when this program was built, as far as it is known: never before its first year.
func builtAt() time.Time {
	built := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return built
	}
	for _, setting := range info.Settings {
		if at, err := time.Parse(time.RFC3339, setting.Value); setting.Key == "vcs.time" && err == nil && at.After(built) {
			return at
		}
	}
	return built
}

// clockDate checks that the date is plausible: without it no certificate can be checked.
func clockDate(_ context.Context, x *diagnosis, _ int) finding {
	text := x.now.UTC().Format("2006-01-02 15:04 UTC")
	if built := builtAt(); x.now.Before(built.Add(-24 * time.Hour)) {
		return failed(exit.Errorf(exit.CodeSettings, "set this machine's clock, preferably by NTP",
			"this clock shows %s, but this cpupdate was built on %s", text, built.UTC().Format(time.DateOnly)))
	}
	return passed(text)
}

func (x *diagnosis) byHTTPS() bool { return x.d != nil && x.d.Access.Method == transfer.HTTPS }

// clockServer compares the clock with the server's.
func clockServer(ctx context.Context, x *diagnosis, _ int) finding {
	const most = 5 * time.Minute
	date, err := x.serverDate(ctx)
	if err != nil {
		return skipped("skipped: the server sends no date")
	}
	apart := x.clock().Sub(date) // waiting for phones may have taken a while
	if apart.Abs() > most {
		word := "ahead of"
		if apart < 0 {
			word = "behind"
		}
		return warn(fmt.Sprintf("this clock is %s %s the server's", display.Span(apart.Abs()), word), "set the clock that is wrong, preferably by NTP")
	}
	return passed("the same as this machine's")
}

// serverDate requests the folder without a login, and reads only the date of the answer.
func (x *diagnosis) serverDate(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, x.o.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, x.d.Access.FileURL(""), nil)
	if err != nil {
		return time.Time{}, err
	}
	transport := &http.Transport{
		TLSClientConfig: x.d.Trust.TLS(credentials.HostOf(x.d.Access)), DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return time.Time{}, err
	}
	_ = answer.Body.Close() // the body of a HEAD is empty
	return http.ParseTime(answer.Header.Get("Date"))
}

// clockValidity checks that the presented certificates are valid now.
func clockValidity(_ context.Context, x *diagnosis, _ int) finding {
	if len(x.seen) == 0 {
		return skipped("skipped: no server or web page presented a certificate")
	}
	for _, c := range x.seen {
		if x.now.Before(c.leaf.NotBefore) || x.now.After(c.leaf.NotAfter) {
			return warn(fmt.Sprintf("by this clock, the certificate of the %s is not valid: %s", c.of, c.dates(x.now)), "find out which is wrong, the clock or the certificate")
		}
	}
	return passed("the presented certificates are valid now")
}

// certificateService checks the certificate that is presented to phones.
func certificateService(ctx context.Context, x *diagnosis, _ int) finding {
	switch {
	case x.o.Listen.Cert == "" && x.o.Listen.PhoneCA != "":
		return warn("a new one is made for each run: phones in secure mode do not trust it", "use --service-cert and --service-key with a certificate that the phones' authority signed")
	case x.o.Listen.Cert == "":
		return passed("a new one is made for each run")
	}
	certificate, _, err := x.o.Listen.Certificate(ctx)
	if err != nil {
		return failed(err)
	}
	leaf, err := leafOf(certificate)
	if err != nil {
		return failed(exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", x.o.Listen.Cert, err), "use a certificate and its key, in two PEM files as openssl writes them"))
	}
	c := seenCertificate{groupMachine, leaf}
	text := c.name() + ", " + c.dates(x.now)
	if x.now.After(leaf.NotAfter) || x.now.Before(leaf.NotBefore) {
		return failed(exit.Errorf(exit.CodeSettings, "have the certificate renewed, and check this machine's clock; without --service-cert one is made for each run",
			"certificate %s: %s", x.o.Listen.Cert, text))
	}
	f := passed(text)
	doubt := func(text, hint string) { f = warn(f.Text+text, append(f.Hints, hint)...) }
	for _, d := range x.certificateDoubts(certificate) {
		doubt("; "+d.Text+": a phone that verifies this certificate may reject it (assumed)", d.Hint)
	}
	if leaf.PublicKeyAlgorithm != x509.RSA {
		doubt("; its key is not an RSA key", "use an RSA key of 2048 bits: phones of all ages accept it, old phones nothing newer")
	}
	if leaf.NotAfter.Sub(x.now) < soon {
		doubt("", "have the certificate renewed before it expires")
	}
	return f
}

// certificateDoubts returns why phones may reject the certificate of --service-cert.
func (x *diagnosis) certificateDoubts(certificate tls.Certificate) []callback.Doubt {
	authorities, _ := x.o.Listen.PhoneAuthorities(context.Background()) // the check of the port reports the error
	doubts := callback.Doubts(certificate, authorities, x.now)
	if x.callbackServer == nil {
		return doubts
	}
	var hosts []string
	for _, l := range x.locals {
		host, _ := x.callbackServer.Back(l.addr)
		if d, found := callback.NameDoubt(certificate, host); found && !slices.Contains(hosts, host) {
			hosts, doubts = append(hosts, host), append(doubts, d)
		}
	}
	return doubts
}

// certificatesSeen lists the presented certificates.
func certificatesSeen(_ context.Context, x *diagnosis, _ int) finding {
	if len(x.seen) == 0 {
		return passed("no server or web page presented a certificate")
	}
	var names []string
	for _, c := range x.seen {
		names = append(names, "the certificate of the "+c.of+" "+c.dates(x.now))
	}
	return passed(advice.ShortList(names))
}

// leafOf returns the leaf certificate.
func leafOf(c tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	if len(c.Certificate) == 0 {
		return nil, errors.New("it is empty")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// handshake performs a TLS handshake on a connection.
func handshake(ctx context.Context, conn net.Conn, policy trust.Policy, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return tls.Client(conn, policy.TLS(host)).HandshakeContext(ctx)
}
