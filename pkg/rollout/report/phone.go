package report

import (
	"cmp"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// An Outcome says how it ended with a phone, or how far it is.
type Outcome string

// The outcomes.
const (
	Updated     Outcome = "updated"       // it reports the new version
	NothingToDo Outcome = "nothing-to-do" // it ran this version already
	Checked     Outcome = "checked"       // it was checked, and nothing else was wanted
	Failed      Outcome = "failed"        // see Cause
	NotKnown    Outcome = "not-known"     // it was instructed, and it is not known how that ended
	NotDone     Outcome = "not-done"      // a run began with it and let it go, and nothing is final
	InProgress  Outcome = "in-progress"   // a run began with it, and no end is recorded: only with Options.Running
	NotBegun    Outcome = "not-begun"     // no run began with it
	LeftAlone   Outcome = "left-alone"    // the plan gives it no image
)

// outcomes are all outcomes, in the order in which forms show them.
func outcomes() []Outcome {
	return []Outcome{Updated, NothingToDo, Checked, Failed, NotKnown, NotDone, InProgress, NotBegun, LeftAlone}
}

// Words returns what people read.
func (o Outcome) Words() string { return strings.ReplaceAll(string(o), "-", " ") }

// NeedsSomebody reports whether a person has to look at the phone.
func (o Outcome) NeedsSomebody() bool { return o == Failed || o == NotKnown || o == NotDone }

// A Phone is one phone of the rollout.
type Phone struct {
	Address    string        `json:"address"`
	Note       string        `json:"note,omitempty"` // of the list, such as the room
	Room       string        `json:"room,omitempty"`
	Site       string        `json:"site,omitempty"`
	MAC        string        `json:"mac,omitempty"`
	Model      string        `json:"model,omitempty"`
	Level      uint16        `json:"hw_level,omitempty"`
	Wave       int           `json:"wave"` // from 1; 0 if it is left alone
	Images     []string      `json:"images"`
	Installed  int           `json:"images_done"` // of these images
	Outcome    Outcome       `json:"outcome"`
	Cause      string        `json:"cause,omitempty"` // kind of failure
	Why        string        `json:"why,omitempty"`   // one sentence
	Next       string        `json:"next,omitempty"`  // the next step
	Before     string        `json:"version_before,omitempty"`
	After      string        `json:"version_after,omitempty"` // that it reported last
	Begun      time.Time     `json:"begun,omitzero"`
	Instructed time.Time     `json:"instructed,omitzero"`
	Ended      time.Time     `json:"ended,omitzero"`
	Took       time.Duration `json:"-"`
	Seconds    float64       `json:"took_seconds,omitempty"` // from the beginning of the last attempt to the outcome, over all of its images
	Attempts   int           `json:"attempts"`
	Retries    int           `json:"retries,omitempty"`   // how often a person allowed to begin anew
	Overrides  []string      `json:"overrides,omitempty"` // rules
	Reason     string        `json:"override_reason,omitempty"`
	Events     []Event       `json:"events"`

	plan *rollout.Phone
}

// phone returns a phone of the plan.
func (b *builder) phone(i int) Phone {
	planned, steps := b.saved.Plan.Phones[i], b.saved.Steps[i]
	step := b.saved.Step(i)
	st := steps[step]
	p := Phone{
		Address: bounded(planned.Address), Note: bounded(cmp.Or(planned.Note, st.Listed.Note)), Room: bounded(st.Listed.Room), Site: bounded(planned.Site),
		Level: planned.Level, Wave: b.waves[i], Images: []string{}, Attempts: st.Attempt, Reason: bounded(planned.Override), Events: b.events[i], Begun: b.begun[i],
		Installed: step, Why: bounded(planned.LeftWhy), plan: &b.saved.Plan.Phones[i],
		MAC:    bounded(cmp.Or(st.After.MAC, st.Before.MAC, steps[0].Before.MAC, planned.MAC)),
		Model:  bounded(cmp.Or(st.After.Type, st.Before.Type, steps[0].Before.Type, planned.Device)),
		Before: bounded(cmp.Or(steps[0].Before.Version, planned.Running)),
	}
	for _, image := range planned.Images {
		name := "unknown"
		if image >= 0 && image < len(b.saved.Plan.Images) { // a plan that is damaged has others
			name = bounded(b.saved.Plan.Images[image].Name)
		}
		p.Images = append(p.Images, name)
	}
	if p.Events == nil {
		p.Events = []Event{}
	}
	for _, s := range steps {
		p.addStep(s)
	}
	p.Seconds = p.Took.Seconds()
	p.end(planned.GetsImage(), steps, st)
	if b.options.Running {
		p.run(st, b.saved.Control.Stopped || b.limited)
	}
	if p.Outcome == LeftAlone {
		p.Wave = 0
	}
	if p.Cause != "" {
		p.Next = forPhone(b.next(p.Cause), p.Address)
	}
	return p
}

// addStep adds what holds over all images of a phone.
func (p *Phone) addStep(st journal.State) {
	if o := st.Outcome; o != nil {
		p.Took += max(o.Took, 0)
		p.After = cmp.Or(bounded(o.Version), p.After)
	}
	p.After = cmp.Or(bounded(st.After.Version), p.After)
	p.Retries += st.Retries
	if !st.Told.IsZero() {
		p.Instructed = st.Told
	}
	for _, o := range st.Overrides {
		if len(p.Overrides) < maxOverrides {
			p.Overrides = append(p.Overrides, bounded(o.Rule))
		}
		p.Reason = cmp.Or(p.Reason, bounded(o.Reason))
	}
}

// end sets how it ended, from the step that the phone is at.
func (p *Phone) end(getsImage bool, steps []journal.State, st journal.State) {
	switch o := st.Outcome; {
	case !getsImage:
		p.Outcome = LeftAlone
	case o != nil && o.Result == journal.Failed:
		p.Outcome, p.Cause, p.Why, p.Ended = Failed, cmp.Or(bounded(o.Failure), "failed"), bounded(o.Text), st.OutcomeAt
	case o != nil:
		p.Outcome, p.Why, p.Ended, p.Installed = goodEnd(steps), bounded(o.Text), st.OutcomeAt, len(steps)
	case !st.Told.IsZero():
		p.Outcome, p.Cause, p.Why = NotKnown, string(NotKnown), "it was instructed, and it is not known how that ended"
	case st.LetGo != nil && st.LetGo.Failure == string(fleet.KindNotBegun) && st.Failed == 0 && p.Installed == 0:
		p.Outcome, p.Begun, p.Attempts = NotBegun, time.Time{}, 0 // the run took it up, and the rollout did not let it begin
	case st.LetGo != nil:
		p.Outcome, p.Cause, p.Why = NotDone, cmp.Or(bounded(st.LetGo.Failure), string(NotDone)), bounded(st.LetGo.Text)
	case !p.Begun.IsZero():
		p.Outcome, p.Cause, p.Why = NotDone, string(NotDone), "a run began with it, and nothing is recorded of its end"
	default:
		p.Outcome = NotBegun
	}
}

// run says that a phone is in progress if the journal has no end of it, or the run tries it again.
func (p *Phone) run(st journal.State, over bool) {
	switch {
	case p.Outcome != NotKnown && p.Outcome != NotDone:
	case st.LetGo == nil && !st.Told.IsZero():
		p.Outcome, p.Cause, p.Why = InProgress, "", "it was instructed"
	case st.LetGo == nil:
		p.Outcome, p.Cause, p.Why = InProgress, "", "it was not instructed yet"
	case st.LetGo.Again && !over:
		p.Outcome, p.Cause, p.Why = InProgress, "", bounded(joined(": ", "another attempt follows", st.LetGo.Failure, st.LetGo.Text))
	}
}

// goodEnd returns the outcome of a phone whose images all have a good one.
func goodEnd(steps []journal.State) Outcome {
	end := NothingToDo
	for _, st := range steps {
		switch st.Outcome.Result {
		case journal.Updated:
			return Updated
		case journal.CheckedOnly:
			end = Checked
		}
	}
	return end
}

// next returns the next step for a cause.
func (b *builder) next(cause string) string {
	text, known := b.advice[cause]
	if known || cause == "" {
		return text
	}
	if b.options.Advice != nil {
		text = b.options.Advice(cause)
	}
	if text == "" && (cause == string(NotKnown) || cause == string(NotDone)) {
		text = "go on with the rollout: it queries the phone first, and instructs it only if nothing was sent to it before"
	}
	text = bounded(text)
	b.advice[cause] = text
	return text
}

// forPhone writes the phone's address into a next step. A command must be safe to copy, so any other text is not written.
func forPhone(text, address string) string {
	for _, r := range address {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".:-[]%", r) {
			return text
		}
	}
	if strings.HasPrefix(address, "-") {
		return text
	}
	return bounded(strings.ReplaceAll(text, "PHONE", address))
}

// versionText returns a version, "" if it is unknown.
func versionText(v bind.Version) string {
	if v.IsZero() {
		return ""
	}
	return v.String()
}
