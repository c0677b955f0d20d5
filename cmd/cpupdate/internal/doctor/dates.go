package doctor

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A seenCertificate is what somebody showed. Its texts are hostile.
type seenCertificate struct {
	of   string // "server", "this machine", a phone
	leaf *x509.Certificate
}

// certificateOf notes a certificate that is shown, once.
func (x *examination) certificateOf(who string) func(*x509.Certificate) {
	return func(leaf *x509.Certificate) {
		for _, c := range x.seen {
			if c.of == who && c.leaf.Equal(leaf) {
				return
			}
		}
		x.seen = append(x.seen, seenCertificate{who, leaf})
	}
}

// shownBy is what somebody showed who was believed.
func (x *examination) shownBy(who string) finding {
	for _, c := range x.seen {
		if c.of == who {
			return c.finding(x.now)
		}
	}
	return mind("none was shown")
}

// soon is when somebody should think of a new certificate.
const soon = 30 * 24 * time.Hour

// finding says whose it is and when it ends. Whether it is believed was decided before.
func (c seenCertificate) finding(now time.Time) finding {
	text := c.name() + ", " + c.dates(now)
	switch {
	case now.After(c.leaf.NotAfter), now.Before(c.leaf.NotBefore):
		return mind(text+"; its key is known, so it is taken", "have it renewed, and check this machine's clock")
	case c.leaf.NotAfter.Sub(now) < soon:
		return mind(text, "have it renewed before it ends")
	}
	return well(text)
}

// name is what the certificate says that it is for.
func (c seenCertificate) name() string {
	name := c.leaf.Subject.CommonName
	if len(c.leaf.DNSNames) > 0 {
		name = c.leaf.DNSNames[0]
	} else if len(c.leaf.IPAddresses) > 0 {
		name = c.leaf.IPAddresses[0].String()
	}
	return cmp.Or(name, "a certificate without a name")
}

// dates is "ends 2027-03-01, in 98 days".
func (c seenCertificate) dates(now time.Time) string {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch left := c.leaf.NotAfter.Sub(now); {
	case now.Before(c.leaf.NotBefore):
		return "begins " + day(c.leaf.NotBefore)
	case left < 0:
		return "ended " + day(c.leaf.NotAfter)
	case left < 24*time.Hour:
		return "ends " + c.leaf.NotAfter.UTC().Format("2006-01-02 15:04 UTC")
	default:
		return fmt.Sprintf("ends %s, in %s", day(c.leaf.NotAfter), console.Plural(int(left/(24*time.Hour)), "day"))
	}
}

// builtAt is when this program was built, as far as it knows: never before its first year.
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

// clockDate is whether the date can be right: without it no certificate can be judged.
func clockDate(_ context.Context, x *examination, _ int) finding {
	text := x.now.UTC().Format("2006-01-02 15:04 UTC")
	if built := builtAt(); x.now.Before(built.Add(-24 * time.Hour)) {
		return bad(exit.Errorf(exit.CodeSettings, "set this machine's clock, best by NTP",
			"it is %s by this clock, and this cpupdate was built on %s", text, built.UTC().Format(time.DateOnly)))
	}
	return well(text)
}

func (x *examination) byHTTPS() bool { return x.d != nil && x.d.Access.Method == transfer.HTTPS }

// clockServer compares the clock with the server's.
func clockServer(ctx context.Context, x *examination, _ int) finding {
	const most = 5 * time.Minute
	date, err := x.serverDate(ctx)
	if err != nil {
		return skipped("not looked at: the server tells no date")
	}
	apart := x.clock().Sub(date) // phones may have been waited for
	if apart.Abs() > most {
		word := "ahead of"
		if apart < 0 {
			word = "behind"
		}
		return mind(fmt.Sprintf("this clock is %s %s the server's", console.Span(apart.Abs()), word), "set the clock that is wrong, best by NTP")
	}
	return well("the same as here")
}

// serverDate asks for the folder, without a login, and only reads the date of the answer.
func (x *examination) serverDate(ctx context.Context) (time.Time, error) {
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
	_ = answer.Body.Close() // of a HEAD
	return http.ParseTime(answer.Header.Get("Date"))
}

// clockValidity is whether the certificates that were seen are of this time.
func clockValidity(_ context.Context, x *examination, _ int) finding {
	if len(x.seen) == 0 {
		return skipped("not looked at: no certificate was seen")
	}
	for _, c := range x.seen {
		if x.now.Before(c.leaf.NotBefore) || x.now.After(c.leaf.NotAfter) {
			return mind(fmt.Sprintf("by this clock the certificate of the %s %s", c.of, c.dates(x.now)), "see which is wrong, the clock or the certificate")
		}
	}
	return well("the certificates that were seen are of this time")
}

// certificateService looks at what phones are shown.
func certificateService(_ context.Context, x *examination, _ int) finding {
	if x.o.Talk.Cert == "" {
		return well("made for each run")
	}
	certificate, err := x.o.Talk.Certificate()
	if err != nil {
		return bad(err)
	}
	leaf, err := leafOf(certificate)
	if err != nil {
		return bad(exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", x.o.Talk.Cert, err), "a certificate and its key in two files in PEM, as openssl makes them"))
	}
	c := seenCertificate{groupMachine, leaf}
	text := c.name() + ", " + c.dates(x.now)
	_, curve := leaf.PublicKey.(*ecdsa.PublicKey)
	switch {
	case x.now.After(leaf.NotAfter), x.now.Before(leaf.NotBefore):
		return bad(exit.Errorf(exit.CodeSettings, "have it renewed, and check this machine's clock; without --service-cert one is made for each run",
			"certificate %s: %s", x.o.Talk.Cert, text))
	case curve || leaf.PublicKeyAlgorithm != x509.RSA:
		return mind(text+"; its key is no RSA key", "phones of all ages can read RSA with 2048 bits; old ones nothing newer")
	case leaf.NotAfter.Sub(x.now) < soon:
		return mind(text, "have it renewed before it ends")
	}
	return well(text)
}

// certificatesSeen counts what was seen.
func certificatesSeen(_ context.Context, x *examination, _ int) finding {
	if len(x.seen) == 0 {
		return well("none was shown on this way")
	}
	var names []string
	for _, c := range x.seen {
		names = append(names, "that of the "+c.of+" "+c.dates(x.now))
	}
	return well(advice.ShortList(names))
}

// leafOf is the certificate itself.
func leafOf(c tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	if len(c.Certificate) == 0 {
		return nil, errors.New("it is empty")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// handshake makes TLS of a connection.
func handshake(ctx context.Context, conn net.Conn, policy trust.Policy, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return tls.Client(conn, policy.TLS(host)).HandshakeContext(ctx)
}
