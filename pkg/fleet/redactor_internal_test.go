package fleet

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// What is kept of a long text ends with no piece of the password, and what is kept of a short one is all of it.
func TestBounded(t *testing.T) {
	t.Parallel()
	const password = "CP600admin"
	r := newRedactor(secret.New(password))
	for said, want := range map[string]string{
		"OpenScape Desk Phone CP600":        "OpenScape Desk Phone CP600",
		strings.Repeat("x", 300):            strings.Repeat("x", 196) + "...",
		strings.Repeat("x", 195) + password: strings.Repeat("x", 195) + "...",
		strings.Repeat("x", 198) + password: strings.Repeat("x", 196) + "...",
		strings.Repeat("x", 194) + "CP600":  strings.Repeat("x", 194) + "...",
		strings.Repeat("x", 190) + password: strings.Repeat("x", 190) + "...",
	} {
		if got := r.cut(said); got != want {
			t.Errorf("%s: %s, want %s", said, got, want)
		}
	}
}

// The redactor takes the password out of every text, leaves what it was made of alone, and keeps what kind of error it is.
func TestRedactor(t *testing.T) {
	t.Parallel()
	const password = "page-canary-2c7d"
	v := newRedactor(secret.New(password))
	verdict := &hwcheck.Verdict{Findings: []hwcheck.Finding{{Phone: hwcheck.Statement{Value: password, From: password}, Image: hwcheck.Statement{Value: password, From: password}, Reason: password, Advice: password}}}
	known := hwcheck.Phone{Device: []hwcheck.Claim[string]{{Value: password}}, SoftwareType: []hwcheck.Claim[string]{{Value: password}}}
	d := Device{password, password, password, password, password}
	failure := &Failure{Msg: password, Err: errors.Join(io.EOF, errors.New(password))}
	e := v.event(Event{Device: d, Verdict: verdict, Known: known, Form: Form{password, password}, Text: password, Failure: failure, Err: failure})
	r := v.result(Result{Failure: failure, Before: d, After: d, Known: known, Verdict: verdict})
	for _, said := range []string{
		e.Device.Type, e.Device.SoftwareType, e.Device.Version, e.Device.PartNumber, e.Device.MAC, e.Form.Page, e.Form.Field, e.Text, e.Failure.Error(), e.Err.Error(),
		e.Known.Device[0].Value, e.Known.SoftwareType[0].Value, r.Before.Type, r.After.Type, r.Failure.Msg, r.Known.Device[0].Value,
		e.Verdict.Findings[0].Phone.Value, e.Verdict.Findings[0].Phone.From, e.Verdict.Findings[0].Image.Value, e.Verdict.Findings[0].Image.From,
		e.Verdict.Findings[0].Reason, e.Verdict.Findings[0].Advice, r.Verdict.Findings[0].Reason,
	} {
		if said == "" || strings.Contains(said, password) {
			t.Errorf("it shows %q", said)
		}
	}
	if !errors.Is(e.Failure, io.EOF) || !errors.Is(e.Err, io.EOF) {
		t.Error("what kind of error it is got lost")
	}
	if verdict.Findings[0].Reason != password || known.Device[0].Value != password || failure.Msg != password {
		t.Error("what was redacted was changed")
	}
}
