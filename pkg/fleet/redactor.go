package fleet

import (
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A redactor removes the password of the phones' pages from what leaves the package: a phone that repeats it, on its page or
// by its interface, does not make it known to logs and terminals. Decisions are made before redaction, so that a password
// that is part of a device type changes none of them. The zero redactor changes nothing.
type redactor struct {
	secret.Redactor
	active bool
}

func newRedactor(password secret.Secret) redactor {
	return redactor{secret.NewRedactor(password), password.IsSet()}
}

// and returns a redactor that removes one more password.
func (r redactor) and(password secret.Secret) redactor {
	return redactor{r.And(password), r.active || password.IsSet()}
}

func (r redactor) event(e Event) Event {
	if !r.active {
		return e
	}
	e.Device, e.Verdict, e.Known = r.device(e.Device), r.verdict(e.Verdict), r.phone(e.Known)
	e.Form = Form{Page: r.Scrub(e.Form.Page), Field: r.Scrub(e.Form.Field)}
	e.Text, e.Failure, e.Err = r.Scrub(e.Text), r.failure(e.Failure), r.err(e.Err)
	return e
}

func (r redactor) result(shown Result) Result {
	if !r.active {
		return shown
	}
	shown.Before, shown.After, shown.Failure = r.device(shown.Before), r.device(shown.After), r.failure(shown.Failure)
	shown.Known, shown.Verdict = r.phone(shown.Known), r.verdict(shown.Verdict)
	return shown
}

func (r redactor) device(d Device) Device {
	for _, text := range []*string{&d.Type, &d.SoftwareType, &d.Version, &d.PartNumber, &d.MAC} {
		*text = r.Scrub(*text)
	}
	return d
}

// phone redacts what is known of a phone, in lists of its own.
func (r redactor) phone(k hwcheck.Phone) hwcheck.Phone {
	k.Device, k.SoftwareType = r.claims(k.Device), r.claims(k.SoftwareType)
	return k
}

func (r redactor) claims(all []hwcheck.Claim[string]) []hwcheck.Claim[string] {
	var shown []hwcheck.Claim[string]
	for _, c := range all {
		c.Value = r.Scrub(c.Value)
		shown = append(shown, c)
	}
	return shown
}

func (r redactor) verdict(verdict *hwcheck.Verdict) *hwcheck.Verdict {
	if verdict == nil {
		return nil
	}
	shown := *verdict
	shown.Findings = nil
	for _, f := range verdict.Findings {
		for _, text := range []*string{&f.Image.Value, &f.Image.From, &f.Phone.Value, &f.Phone.From, &f.Reason, &f.Advice} {
			*text = r.Scrub(*text)
		}
		shown.Findings = append(shown.Findings, f)
	}
	return &shown
}

func (r redactor) failure(f *Failure) *Failure {
	if f == nil {
		return nil
	}
	shown := *f
	shown.Msg, shown.Err = r.Scrub(f.Msg), r.err(f.Err)
	return &shown
}

func (r redactor) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if shown := r.Scrub(text); shown != text {
		return &redactedError{shown, err}
	}
	return err
}

// A redactedError is an error whose text held the password. Its kind can still be tested.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// maxSaid bounds what is kept of a value that a phone says, in bytes: with three dots it is as long as an error may show.
// Packages that read phones cut at that length, between characters, so that nothing longer than this was left alone by them.
const maxSaid = maxShown - len("...") - 1

// cut bounds what a phone says. A piece of the password that the cut leaves at the end goes too: no redactor would know it.
func (r redactor) cut(s string) string {
	if kept := r.Cut(s, maxSaid); kept != s {
		return kept + "..."
	}
	return s
}
