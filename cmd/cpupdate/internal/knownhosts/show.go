package knownhosts

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Limits for the texts of a certificate, which are untrusted, in bytes.
const (
	maxCertificateText  = 200 // for one text stored beside a key
	maxCertificateTexts = 400 // for all texts shown before a prompt
	maxCertificateNames = 3
)

// ShowPresentedKey prints, where questions are shown, what a person needs to decide whether to trust a peer. The fingerprint comes last:
// nothing that the certificate says can take its place, or push it off the screen.
func ShowPresentedKey(c *console.Console, peer string, e *trust.Error) {
	// Text of a certificate never begins a line: it could look like a line of cpupdate.
	layout := c.Layout(2, 11)
	layout.Width = c.ErrColumns()
	out := c.Prompts()
	row := func(name, text string) { fmt.Fprintln(out, layout.Line(console.Cells(name, text)...)) }
	voucher := ", and no trusted authority signed its certificate."
	if e.Err == nil {
		voucher = ", but an authority of this system signed its certificate."
	}
	fmt.Fprintln(out, console.Escape(peer)+" is unknown"+voucher)
	if c := e.Certificate; c != nil {
		texts := certificateTexts(maxCertificateTexts)
		row("subject", texts.take(c.Subject.String(), 100))
		if c.Issuer.String() != c.Subject.String() {
			row("issued by", texts.take(c.Issuer.String(), 100))
		}
		row("names", texts.names(c))
		row("valid", validity(c, time.Now()))
		if e.Err != nil {
			row("why not", texts.reason(e))
		}
	}
	fmt.Fprintln(out, console.Wrap("Compare the fingerprint with the one from the server's administrator, or from the phone itself:", 0, layout.Width))
	row("fingerprint", e.Presented.String())
}

// certificateTexts counts how many bytes of a certificate's texts may still be shown.
type certificateTexts int

// take returns a text, or its beginning, in quotes, safe for a terminal, and with runs of spaces reduced to one.
func (left *certificateTexts) take(text string, most int) string {
	if text == "" {
		return "(empty)"
	}
	shown := strconv.Quote(strings.Join(strings.Fields(text), " "))
	if most = min(most, int(*left)); len(shown) > most {
		shown = secret.Prefix(shown, max(most, 1)) + `..."`
	}
	*left -= certificateTexts(min(len(shown), int(*left)))
	return console.Escape(shown)
}

// names returns the first names that a certificate is issued for.
func (left *certificateTexts) names(c *x509.Certificate) string {
	var names []string
	for _, name := range c.DNSNames[:min(len(c.DNSNames), maxCertificateNames)] {
		names = append(names, left.take(name, 40))
	}
	for _, ip := range c.IPAddresses[:min(len(c.IPAddresses), maxCertificateNames-len(names))] {
		names = append(names, ip.String())
	}
	if more := len(c.DNSNames) + len(c.IPAddresses) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	if len(names) == 0 {
		return "(none)"
	}
	return strings.Join(names, ", ")
}

// reason returns why the certificate is not trusted. It replaces library texts that would repeat what is shown above.
func (left *certificateTexts) reason(e *trust.Error) string {
	invalid := x509.CertificateInvalidError{}
	switch {
	case errors.As(e.Err, &x509.HostnameError{}):
		return "it is for another name"
	case errors.As(e.Err, &x509.UnknownAuthorityError{}):
		return "it is signed by an unknown authority"
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return "it is not valid now"
	}
	return left.take(e.Reason(), 80)
}

// validity returns the period in which a certificate is valid.
func validity(c *x509.Certificate, now time.Time) string {
	text := c.NotBefore.UTC().Format(time.DateOnly) + " to " + c.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case now.Before(c.NotBefore):
		return text + ": it is not yet valid"
	case now.After(c.NotAfter):
		return text + ": it has expired"
	}
	return text
}

// SubjectComment returns the default comment for a key: the subject of the certificate.
func SubjectComment(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	text := c.Subject.String()
	if text == "" {
		return ""
	}
	return strings.TrimSpace(CertificateText(text))
}

// CertificateText returns a text of a certificate, bounded and safe for a terminal.
func CertificateText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return "(empty)"
	}
	return console.Escape(secret.Cut(text, maxCertificateText))
}

// TrustHints returns how to verify that a peer, HOST:PORT, is the right one. A key must never be pinned only because
// the peer presented it.
func TrustHints(peer string, e *trust.Error) []string {
	pin := e.Presented.String()
	compare := "compare " + pin + " with the key from the administrator, or from the phone itself"
	const impostor = "if the administrator knows of no new key, someone else answers at this address: send nothing"
	switch {
	case len(e.Known) > 0:
		return []string{
			"if the administrator confirms the change: cpupdate trust remove " + peer + ", and connect again",
			impostor,
		}
	case e.Pinned && e.Err == nil:
		return []string{compare + "; only if they are the same, pin it instead: --pin " + pin, impostor}
	}
	var hints []string
	if invalid := (x509.CertificateInvalidError{}); errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired {
		hints = append(hints, "check this computer's date; if it is right, have the administrator renew the certificate")
	}
	if host := (x509.HostnameError{}); errors.As(e.Err, &host) && len(host.Certificate.DNSNames)+len(host.Certificate.IPAddresses) > 0 {
		hints = append(hints, "the certificate is for another name: use a name that it contains")
	}
	return append(hints,
		compare+"; only if they are the same: --pin "+pin+" for one run, or permanently: cpupdate trust add "+peer+" --pin "+pin,
		"or name the authority that signs its certificate with --ca FILE")
}

// WeakKeyHints returns the next steps for a peer whose key is too weak to prove anything, nil for any other error.
func WeakKeyHints(err error) []string {
	if weak := (*trust.WeakKeyError)(nil); !errors.As(err, &weak) {
		return nil
	}
	return []string{
		"have the peer's key replaced by one of 2048 bits or more; until then --legacy-tls accepts it, for one run: anyone who has broken such a key can pass for the peer",
	}
}
