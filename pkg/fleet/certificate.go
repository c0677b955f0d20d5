package fleet

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// An identity is what a verified certificate says of the phone that shows it.
type identity struct {
	subject string   // bounded, not escaped
	macs    []string // in their normal form, each once
}

// identityOf returns what the certificate of a request says, nil without one.
func identityOf(q *http.Request) *identity {
	if q.TLS == nil || len(q.TLS.PeerCertificates) == 0 {
		return nil
	}
	return newIdentity(q.TLS.PeerCertificates[0])
}

func newIdentity(c *x509.Certificate) *identity {
	return &identity{serve.SubjectOf(c), certificateMACs(c)}
}

// macForm finds a MAC address with other text around it: six pairs of digits with the same separator, or three groups of four with
// dots, with neither a letter nor a digit beside them, or twelve digits without separators, with no other such digit beside them.
var macForm = regexp.MustCompile(`(?:^|[^0-9A-Za-z])((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})(?:[^0-9A-Za-z]|$)` +
	`|(?:^|[^0-9A-Fa-f])([0-9A-Fa-f]{12})(?:[^0-9A-Fa-f]|$)`)

// moreDigits finds a separator and digits behind it, with which six pairs or three groups are no MAC address.
var moreDigits = regexp.MustCompile(`^([:-][0-9A-Fa-f]|\.[0-9A-Fa-f]{4})`)

// uuidForm finds UUIDs, whose last twelve digits are no MAC address.
var uuidForm = regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)

// certificateMACs returns the MAC addresses that a certificate holds, each once: in its subject and in its alternative names (assumed:
// nothing is published of the certificates of phones). Twelve digits without separators may be any number: of the subject, they count
// only in common names, serial numbers and user IDs.
func certificateMACs(c *x509.Certificate) []string {
	var macs []string
	add := func(text string, bare bool) {
		for _, mac := range macsIn(text, bare) {
			if !slices.Contains(macs, mac) {
				macs = append(macs, mac)
			}
		}
	}
	for _, text := range slices.Concat(c.DNSNames, c.EmailAddresses) {
		add(text, true)
	}
	for _, u := range c.URIs {
		add(u.String(), true)
	}
	const commonName, serialNumber, userID = "2.5.4.3", "2.5.4.5", "0.9.2342.19200300.100.1.1"
	for _, name := range c.Subject.Names {
		if text, ok := name.Value.(string); ok {
			add(text, slices.Contains([]string{commonName, serialNumber, userID}, name.Type.String()))
		}
	}
	return macs
}

// macsIn returns the MAC addresses in a text, in their normal form; bare takes those without separators too. Twelve decimal digits are
// not taken for one: they may be a telephone number. More than six pairs, or three groups, are none either.
func macsIn(text string, bare bool) []string {
	var macs []string
	text = uuidForm.ReplaceAllString(text, " ")
	for {
		at := macForm.FindStringSubmatchIndex(text)
		if at == nil {
			return macs
		}
		from, to := max(at[2], at[4]), max(at[3], at[5])
		found := text[from:to]
		text = text[to:]
		separated := strings.ContainsAny(found, ":-.")
		longer := moreDigits.MatchString(text) && strings.Contains(found, text[:1])
		if mac, err := hwcheck.ParseMAC(found); err == nil && !longer && (separated || bare && strings.ContainsAny(found, "ABCDEFabcdef")) {
			macs = append(macs, mac)
		}
	}
}

// mustBe returns an error unless a certificate may be that of a phone, of which these MAC addresses are known. A certificate
// without a MAC address may be anybody's.
func (i *identity) mustBe(known ...string) error {
	const most = 3
	switch {
	case i == nil || len(i.macs) == 0:
		return nil
	case len(i.macs) > 1:
		shown := strings.Join(i.macs[:min(len(i.macs), most)], ", ")
		return fmt.Errorf("its certificate, for %q, holds several MAC addresses: %s", i.subject, shown)
	}
	for _, mac := range known {
		if mac != "" && mac != i.macs[0] {
			return fmt.Errorf("its certificate, for %q, holds the MAC address %s, and not %s", i.subject, i.macs[0], mac)
		}
	}
	return nil
}

// checkCertificate returns an error if the certificate that came with a call, or a fetch, is that of another phone. said is the
// MAC address in the call, or "".
func (r *Runner) checkCertificate(p *phone, shown *identity, said string) error {
	known := []string{p.target.MAC, r.registry.placeOf(p).mac}
	if parsed, err := hwcheck.ParseMAC(said); err == nil {
		known = append(known, parsed)
	}
	if err := shown.mustBe(known...); err != nil || shown == nil || len(shown.macs) == 0 {
		return err
	}
	if r.registry.belongsToOther(p, shown.macs[0]) || slices.ContainsFunc(p.plan.Phones, func(t Target) bool { return t.MAC == shown.macs[0] && t.MAC != p.target.MAC }) {
		return fmt.Errorf("its certificate, for %q, holds the MAC address %s, which is that of another phone of the plan", shown.subject, shown.macs[0])
	}
	return nil
}

// wrongCertificate notes and reports a call, or a fetch, with the certificate of another phone.
func (r *Runner) wrongCertificate(p *phone, err error) {
	p.problems.note(problemOtherCertificate, err)
	r.events.report(Event{Phone: p.number(), Step: StepCallError, Err: fmt.Errorf("%s: %w", r.registry.placeOf(p).remote.Addr(), err)})
}

// accepts returns what decides whether the certificate that came with a fetch is the phone's.
func (p *phone) accepts(c *x509.Certificate) bool {
	err := p.runner.checkCertificate(p, newIdentity(c), "")
	if err != nil {
		p.runner.wrongCertificate(p, err)
	}
	return err == nil
}

// belongsToOther reports whether another phone of the plan has said that it has a MAC address.
func (r *registry) belongsToOther(p *phone, mac string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	other := r.byMAC[mac]
	return other != nil && other != p
}

// certificateProblem returns the kind of problem that a failed handshake, or a refused request, is about.
func certificateProblem(err error) (problemKind, bool) {
	switch {
	case errors.As(err, new(*serve.AlertError)):
		return problemNotTrusted, true
	case errors.As(err, new(*serve.CertificateError)):
		return problemCertificate, true
	case errors.Is(err, serve.ErrNoCertificate):
		return problemNoCertificate, true
	}
	return 0, false
}

// certificateFailure returns how the phone fails because of certificates, or nil: the problem that says most.
func (p *problems) certificateFailure(shared bool) *Failure {
	if err := p.first(false, problemOtherCertificate); err != nil { // it was noted for this phone alone
		return &Failure{Kind: KindOtherCertificate, Msg: "it calls back with the certificate of another phone", Err: err}
	}
	if err := p.first(shared, problemCertificate); err != nil {
		return &Failure{Kind: KindCertificate, Msg: "it calls back, but its own certificate is not accepted", Err: certificateCause(err)}
	}
	if p.first(shared, problemNoCertificate) != nil {
		return &Failure{Kind: KindNoCertificate, Msg: "it calls back, but shows no certificate"}
	}
	if err := p.first(shared, problemNotTrusted); err != nil {
		return &Failure{Kind: KindNotTrusted, Msg: "it calls back, but does not trust the certificate of this machine", Err: certificateCause(err)}
	}
	return nil
}

// neighbours returns, for a phone that shares its address with others, why calls from there failed, or nil: nobody knows whose they
// were.
func (p *problems) neighbours(shared bool) error {
	err := p.first(false, problemCertificate, problemNoCertificate, problemNotTrusted, problemTLS)
	if !shared || err == nil {
		return nil
	}
	return fmt.Errorf("calls from its address, which several phones have, failed: %w", err)
}

// certificateCause returns an error without what the failure says.
func certificateCause(err error) error {
	alert, own := (*serve.AlertError)(nil), (*serve.CertificateError)(nil)
	switch {
	case errors.As(err, &alert):
		return errors.New("TLS alert: " + alert.Name())
	case errors.As(err, &own) && own.Subject != "":
		return fmt.Errorf("%q: %w", own.Subject, own.Err)
	case errors.As(err, &own):
		return own.Err
	}
	return err
}

// refuseCertificate refuses a call that came with the certificate of another phone.
func (r *Runner) refuseCertificate(p *phone, c wpi.Call, shown *identity) error {
	said, _ := c.Message.Value(wpi.ItemMAC)
	err := r.checkCertificate(p, shown, said)
	if err == nil {
		return nil
	}
	r.wrongCertificate(p, err)
	return wpi.ErrNotAnswered
}
