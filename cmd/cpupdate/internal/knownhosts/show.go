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

// Limits of what is shown of a certificate, whose texts are hostile, in bytes.
const (
	maxCertificateText  = 200 // of one text that stands beside a key
	maxCertificateTexts = 400 // of all texts that stand before a question
	maxCertificateNames = 3
)

// ShowStranger shows on stderr what somebody needs to decide whether to trust a peer. The fingerprint is the last of it:
// nothing that the certificate says can take its place, or push it out of sight.
func ShowStranger(c *console.Console, peer string, e *trust.Error) {
	// What a certificate says never begins a line: it could look like one of ours.
	layout := c.Layout(2, 11)
	layout.Width = c.ErrColumns()
	row := func(name, text string) { fmt.Fprintln(c.Err, layout.Line(console.Cells(name, text)...)) }
	voucher := ", and nobody vouches for it."
	if e.Err == nil {
		voucher = ", but an authority of this system vouches for it."
	}
	fmt.Fprintln(c.Err, console.Escape(peer)+" is not known here"+voucher)
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
	fmt.Fprintln(c.Err, console.Wrap("Compare the fingerprint with what the server's administrator, or the phone itself, says of it:", 0, layout.Width))
	row("fingerprint", e.Presented.String())
}

// certificateTexts is how many bytes of a certificate's texts may still be shown.
type certificateTexts int

// take is a text, or the beginning of it, in quotes, safe for a terminal, and without blanks that would fill lines.
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

// names are the names that a certificate is for, or the first of them.
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

// reason is why nobody vouches, in words of ours where the usual ones name what stands above already.
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

// validity is from when to when a certificate counts.
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

// SubjectComment is what is written beside a key if nobody says more: whose the certificate says it is.
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

// CertificateText is a text of a certificate, bounded and safe for a terminal.
func CertificateText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return "(empty)"
	}
	return console.Escape(secret.Cut(text, maxCertificateText))
}

// TrustHints say how to find out whether a peer, HOST:PORT, is the right one. A key is never to be pinned only because it
// was shown.
func TrustHints(peer string, e *trust.Error) []string {
	pin := e.Presented.String()
	compare := "compare " + pin + " with what the administrator, or the phone itself, says of its key"
	const impostor = "if the administrator knows of no new key, somebody else answers in its place: send nothing"
	switch {
	case len(e.Known) > 0:
		return []string{
			"if the administrator knows of the change: cpupdate trust remove " + peer + ", and connect again",
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
		hints = append(hints, "the certificate is for another name: give the one that stands there")
	}
	return append(hints,
		compare+"; only if they are the same: --pin "+pin+" for one run, or for good: cpupdate trust add "+peer+" --pin "+pin,
		"or name who signs its certificate with --ca FILE")
}

// WeakKeyHints are the next steps for a peer whose key proves nothing, nil for any other trouble.
func WeakKeyHints(err error) []string {
	if weak := (*trust.WeakKeyError)(nil); !errors.As(err, &weak) {
		return nil
	}
	return []string{
		"have it given a key of 2048 bits or more; until then --legacy-tls takes it as it is, for one run: whoever has found out such a key can pass for it",
	}
}
