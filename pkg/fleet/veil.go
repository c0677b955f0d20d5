package fleet

import (
	"strings"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A veil takes the password of the phones' pages out of what leaves the package: a phone that repeats it, on its page or by
// its interface, does not tell it to logs and terminals. Decisions are made of what lies behind the veil, so that a password
// that is part of a device type changes none of them.
type veil struct{ secret secret.Secret }

// veil returns the veil of the plan. Without a password nothing changes behind it.
func (r *Runner) veil() veil {
	r.mu.Lock()
	defer r.mu.Unlock()
	return veil{r.secret}
}

func (v veil) event(e Event) Event {
	if !v.secret.IsSet() {
		return e
	}
	e.Device, e.Verdict, e.Known = v.device(e.Device), v.verdict(e.Verdict), v.phone(e.Known)
	e.Text, e.Failure, e.Err = v.secret.Scrub(e.Text), v.failure(e.Failure), v.err(e.Err)
	return e
}

func (v veil) result(r Result) Result {
	if !v.secret.IsSet() {
		return r
	}
	r.Before, r.After, r.Failure = v.device(r.Before), v.device(r.After), v.failure(r.Failure)
	r.Known, r.Verdict = v.phone(r.Known), v.verdict(r.Verdict)
	return r
}

func (v veil) device(d Device) Device {
	for _, text := range []*string{&d.Type, &d.SoftwareType, &d.Version, &d.PartNumber, &d.MAC} {
		*text = v.secret.Scrub(*text)
	}
	return d
}

// phone is what is known of a phone, in lists of its own.
func (v veil) phone(k hwcheck.Phone) hwcheck.Phone {
	k.Device, k.SoftwareType = v.claims(k.Device), v.claims(k.SoftwareType)
	return k
}

func (v veil) claims(all []hwcheck.Claim[string]) []hwcheck.Claim[string] {
	var shown []hwcheck.Claim[string]
	for _, c := range all {
		c.Value = v.secret.Scrub(c.Value)
		shown = append(shown, c)
	}
	return shown
}

func (v veil) verdict(verdict *hwcheck.Verdict) *hwcheck.Verdict {
	if verdict == nil {
		return nil
	}
	shown := *verdict
	shown.Findings = nil
	for _, f := range verdict.Findings {
		for _, text := range []*string{&f.Image.Value, &f.Image.From, &f.Phone.Value, &f.Phone.From, &f.Reason, &f.Advice} {
			*text = v.secret.Scrub(*text)
		}
		shown.Findings = append(shown.Findings, f)
	}
	return &shown
}

func (v veil) failure(f *Failure) *Failure {
	if f == nil {
		return nil
	}
	shown := *f
	shown.Msg, shown.Err = v.secret.Scrub(f.Msg), v.err(f.Err)
	return &shown
}

func (v veil) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if shown := v.secret.Scrub(text); shown != text {
		return &veiledError{shown, err}
	}
	return err
}

// A veiledError is an error whose text held the password. What kind of error it is can still be asked.
type veiledError struct {
	text string
	err  error
}

func (e *veiledError) Error() string { return e.text }
func (e *veiledError) Unwrap() error { return e.err }

// What is kept of a value that a phone says, and from how many bytes of the password on its beginning says something of it.
const (
	mostKept    = 200
	tellingPart = 3
)

// bounded cuts what the phone says to what is kept of it. A piece of the password that the cut leaves at the end goes too:
// no veil would know it.
func (p *phone) bounded(s string) string {
	if len(s) < mostKept-3 { // packages that read phones cut between characters
		return s
	}
	p.r.mu.Lock()
	password := p.r.secret.Reveal()
	p.r.mu.Unlock()
	kept := s[:min(len(s), mostKept)]
	for n := len(password) - 1; n >= tellingPart; n-- {
		if rest, found := strings.CutSuffix(kept, password[:n]); found {
			return rest + "..."
		}
	}
	return bounded(s)
}
