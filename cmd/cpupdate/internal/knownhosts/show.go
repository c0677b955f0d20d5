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
	switch {
	case e.Err == nil:
		voucher = ", but an authority of this system signed its certificate."
	case e.Signed:
		voucher = ": an authority of this system signed its certificate, which does not count here."
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
	switch e.Fault() {
	case trust.FaultNoName:
		return "it has no name in it: a common name does not count"
	case trust.FaultNoAddress:
		return "it has the address as a name, and not as an address"
	case trust.FaultOtherName:
		return "it is for another name"
	case trust.FaultNotSigned:
		return "it is signed by an unknown authority"
	case trust.FaultExpired, trust.FaultEarly:
		return "it is not valid now"
	case trust.FaultWeakSign:
		return "it is signed with a broken algorithm"
	case trust.FaultUsage:
		return "it is not for servers"
	case trust.FaultNone, trust.FaultOther:
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

// StoreHints returns the next steps after a certificate that is not trusted, where no flag is about it.
func StoreHints(peer string, e *trust.Error) []string {
	if len(e.Known) > 0 {
		return TrustHints(peer, e)
	}
	pin, step := e.Presented.String(), "cpupdate trust add "+peer+" --pin "
	if e.Pinned {
		step = "cpupdate defaults set --pin "
	}
	return []string{"compare " + pin + " with the key from the administrator; only if they are the same: " + step + pin}
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
	if hint := faultHint(e.Fault()); hint != "" {
		hints = append(hints, hint)
	}
	if e.KeyStated { // and right
		return append(hints, "or leave out the authorities (--ca): the pinned key alone is enough")
	}
	hints = append(hints, compare+"; only if they are the same: --pin "+pin+" for one run, or permanently: cpupdate trust add "+peer+" --pin "+pin)
	switch {
	case e.Signed: // another authority would not help
	case e.Authorities:
		hints = append(hints, "or give the authority that signed its certificate with --ca FILE: those that were given did not")
	default:
		hints = append(hints, "or name the authority that signs its certificate with --ca FILE")
	}
	return hints
}

// faultHint returns how a certificate's fault is mended; "" if the certificate is none's fault.
func faultHint(fault trust.Fault) string {
	switch fault {
	case trust.FaultExpired:
		return "check this computer's date; if it is right, have the administrator renew the certificate"
	case trust.FaultEarly:
		return "check this computer's date: the certificate is not valid yet"
	case trust.FaultNoName:
		return "have the administrator issue a certificate with the name or address in subjectAltName"
	case trust.FaultNoAddress:
		return "use a name that the certificate contains, or have the administrator issue one with the address in subjectAltName as iPAddress"
	case trust.FaultOtherName:
		return "the certificate is for another name: use a name that it contains"
	case trust.FaultWeakSign:
		return "have the administrator issue a certificate that is signed with SHA-256"
	case trust.FaultUsage:
		return "have the administrator issue a certificate for servers (serverAuth in extendedKeyUsage)"
	case trust.FaultNone, trust.FaultNotSigned, trust.FaultOther:
	}
	return ""
}

// CertificateHints returns the next steps for a peer whose certificate cannot be read, or whose key is too weak to prove
// anything; nil for any other error.
func CertificateHints(err error) []string {
	if weak := (*trust.WeakKeyError)(nil); errors.As(err, &weak) {
		return []string{
			"have the peer's key replaced by one of 2048 bits or more; until then --legacy-tls accepts it, for one run: anyone who has broken such a key can pass for the peer",
		}
	}
	if err != nil && strings.Contains(err.Error(), "failed to parse certificate") { // crypto/tls has no type for it
		return []string{"have the peer's certificate replaced: it is malformed, so no pin and no flag accepts it"}
	}
	return nil
}
