// Package runview shows a run with phones as it happens: as text for one phone or many, or as lines of JSON.
package runview

import (
	"fmt"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A Report shows a run as it happens: each step of a single phone, or one line for each of several phones when it ends.
type Report struct {
	con     *console.Console
	targets []fleet.Target
	image   *images.Image
	size    int64 // of what each phone fetches, 0 if this machine cannot see it
	stop    func(error)

	Context  advice.Context
	Interval time.Duration // between two requests to a phone
	Tool     string        // the version of cpupdate

	Watch    *Watch // its lock guards everything below
	warned   bool   // whether the warning about LAN and power was shown
	progress *console.Progress
	phones   []phoneProgress
}

// A phoneProgress is what the report remembers about a phone.
type phoneProgress struct {
	begun, fetching, shown time.Time
	sent                   int64
	ended                  bool
	before                 fleet.Device
	verdict                *hwcheck.Verdict
	down, back             time.Time
	pageOnly               bool // it does not call back
	busy                   bool // it was in a call; steps that are repeated after that are not shown again
	fetch                  serve.Fetch
}

// NewReport starts a report, which summary ends. An error of writing stops the run.
func NewReport(con *console.Console, targets []fleet.Target, im *images.Image, size int64, stop func(error)) *Report {
	r := &Report{con: con, targets: targets, image: im, size: size, stop: stop, phones: make([]phoneProgress, len(targets)), Watch: newWatch(con, targets)}
	r.Watch.noteAbout, r.Watch.share = r.noteAbout, r.share
	for i := range r.phones {
		r.phones[i].begun = time.Now()
	}
	return r
}

// NoteEarlier says how many of the phones an earlier run instructed, without a recorded end.
func NoteEarlier(con *console.Console, n, of int, settle time.Duration) {
	con.NoteAbout("note", "the journal", fmt.Sprintf("an earlier run instructed %d of %d phones, and how that ended is not recorded: they are queried for up to %s (--settle) since then, and not instructed again", n, of, display.Span(settle)))
}

// NoteEarlier notes what phones said before an earlier run instructed them.
func (r *Report) NoteEarlier(targets []fleet.Target) {
	r.Watch.mu.Lock()
	defer r.Watch.mu.Unlock()
	for i, t := range targets {
		if t.Earlier != nil {
			r.phones[i].before = t.Earlier.Before
		}
	}
}

// Event handles an event of the run: it records it and shows it.
func (r *Report) Event(e fleet.Event) {
	r.Watch.mu.Lock()
	defer r.Watch.mu.Unlock()
	r.Watch.note(e)
	if e.Phone == fleet.NoPhone {
		r.outsider(e)
		return
	}
	p := &r.phones[e.Phone]
	p.note(e)
	switch {
	case r.con.JSON:
		r.emit(e, p)
	case len(r.targets) == 1:
		r.one(e, p)
	default:
		r.many(e, p)
	}
}

// note records what later lines need.
func (p *phoneProgress) note(e fleet.Event) {
	switch e.Step {
	case fleet.StepCalled, fleet.StepFound:
		if p.before == (fleet.Device{}) {
			p.before = e.Device
		}
	case fleet.StepChecked:
		p.verdict = e.Verdict
	case fleet.StepFetching, fleet.StepFetched:
		if p.fetching.IsZero() {
			p.fetching = e.At
		}
		p.fetch = e.Fetch
	case fleet.StepSending:
		if p.fetching.IsZero() {
			p.fetching = e.At
		}
	case fleet.StepPageOnly:
		p.pageOnly = true
	case fleet.StepRestarting:
		p.down = e.At
	case fleet.StepBack:
		p.back = e.At
	}
}

// emit writes an event as a JSON line; for progress of a transfer, at most one a second.
func (r *Report) emit(e fleet.Event, p *phoneProgress) {
	if e.Step == fleet.StepVisited && !r.con.Verbose {
		return
	}
	if e.Step == fleet.StepFetching || e.Step == fleet.StepSending {
		if e.At.Sub(p.shown) < console.JSONInterval {
			return
		}
		p.shown = e.At
	}
	doc := newPhoneEvent(r.targets[e.Phone], e, r.failed(e, p))
	if e.Step == fleet.StepDone || e.Step == fleet.StepFailed {
		doc.Before, doc.UsedDoc = NewDeviceDoc(p.before), r.image.Used(r.Tool)
	}
	r.say(r.con.Emit(doc, nil))
}

// failed returns the failure of a phone that failed, or nil.
func (r *Report) failed(e fleet.Event, p *phoneProgress) *exit.Error {
	if e.Failure == nil {
		return nil
	}
	f := advice.PhoneFailure(r.targets[e.Phone].Address, r.Context, fleet.Result{Failure: e.Failure, Verdict: p.verdict, Fetch: p.fetch, Later: e.Later})
	f.Hints = r.con.Flags.Fit(f.Hints)
	return f
}

// say stops the run if a line could not be written.
func (r *Report) say(err error) {
	if err != nil {
		r.stop(err)
	}
}

// outsider shows an event of a caller that is not in the plan, which is not part of the answer.
func (r *Report) outsider(e fleet.Event) {
	if r.Watch.heard(e) {
		r.say(r.con.Emit(newPhoneEvent(fleet.Target{}, e, nil), func(io.Writer) { r.noteAbout("a caller", e.Err.Error()) }))
	}
}

// noteAbout writes a note, above the progress bar if there is one.
func (r *Report) noteAbout(who, text string) {
	say := func() { r.con.NoteAbout("note", who, text) }
	if r.progress != nil {
		r.progress.WithoutBar(say)
		return
	}
	say()
}

// line writes a line of the answer.
func (r *Report) line(format string, args ...any) {
	write := func() {
		r.say(r.con.Part(func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) }))
	}
	if r.progress != nil {
		r.progress.WithoutBar(write)
		return
	}
	write()
}

// row writes one step of a single phone.
func (r *Report) row(style console.Style, name, text string) {
	r.line("%s", r.con.Layout(2, 8).Line(style.Cell(name), console.Plain.Cell(text)))
}

// one shows an event of the only phone.
func (r *Report) one(e fleet.Event, p *phoneProgress) {
	if r.web(e, p) {
		return
	}
	name := r.targets[0].Label()
	switch e.Step { //nolint:exhaustive // web handles the others
	case fleet.StepContacted:
		r.noteAbout(name, stepText(e))
	case fleet.StepCalled:
		if p.verdict == nil {
			r.device(e.Device)
		}
	case fleet.StepChecked:
		if !p.busy || e.Verdict.Answer != hwcheck.Compatible {
			r.checked(e)
		}
	case fleet.StepInstructed:
		r.instructed(e, p)
	case fleet.StepReading, fleet.StepAccepted:
		if r.con.Verbose {
			r.noteAbout(name, stepText(e))
		}
	case fleet.StepBusy:
		r.inCall(e, p)
	case fleet.StepFetching:
		if r.progress != nil {
			r.progress.Update(e.Fetch.Sent)
		}
	case fleet.StepFetched:
		r.endFetch()
		r.row(console.Plain, "fetch", fetchLine(e, p))
	case fleet.StepRestarting:
		r.endFetch()
		r.noteAbout(name, fmt.Sprintf("restarting; waiting at most %s for it to come back", display.Span(e.Limit)))
	case fleet.StepBack:
		r.back(p)
	case fleet.StepSilent, fleet.StepSettling, fleet.StepCallError, fleet.StepUnknownCaller:
		r.noteAbout(name, stepText(e))
	case fleet.StepDone:
		r.done(e, p)
	case fleet.StepFailed:
		if e.Failure.Kind == fleet.KindInterrupted && r.con.ErrTerminal && r.progress == nil {
			fmt.Fprintln(r.con.Err) // after the ^C on the terminal
		}
		r.endFetch()
		if e.Failure.Kind != fleet.KindRefused && e.Failure.Kind != fleet.KindUnknown {
			r.row(console.Red, "failed", e.Failure.Error())
		}
	}
}

// checked shows why the phone may be updated, or the whole rule sheet if it may not.
func (r *Report) checked(e fleet.Event) {
	v := *e.Verdict
	if v.NothingToDo {
		r.row(console.Green, "check", "nothing to do: it runs this version already")
		return
	}
	if v.Answer != hwcheck.Compatible {
		r.say(r.con.Part(func(w io.Writer) {
			fmt.Fprintln(w)
			verdict.SheetText(r.con, r.image, e.Known, v)(w)
		}))
		return
	}
	r.row(console.Plain, "check", verdict.CompatibleLine(v))
}

// instructed shows that the update command was sent. For a phone that was in a call, that was shown before.
func (r *Report) instructed(e fleet.Event, p *phoneProgress) {
	if !p.busy {
		name, what := "command", "update command sent"
		if r.Context.Transfer {
			name, what = "form", "transfer form submitted"
		}
		r.row(console.Plain, name, fmt.Sprintf("%s; waiting at most %s for the next step", what, display.Span(e.Limit)))
		r.line("  Keep the phone on LAN and power until the update is verified.")
	}
	r.startFetch()
}

// inCall shows that the phone does not update because it is in a call.
func (r *Report) inCall(e fleet.Event, p *phoneProgress) {
	r.endFetch()
	if !p.busy {
		r.row(console.Yellow, "busy", fmt.Sprintf("in a call; trying again for at most %s", display.Span(e.Limit)))
	}
	p.busy = true
}

// done shows that the phone has ended successfully.
func (r *Report) done(e fleet.Event, p *phoneProgress) {
	r.endFetch()
	took := e.At.Sub(p.begun)
	switch e.Outcome {
	case fleet.Updated:
		if e.Later {
			r.row(console.Green, "verified", fmt.Sprintf("runs %s; an earlier run instructed it", Typed(e.Device)))
			break
		}
		r.row(console.Green, "verified", fmt.Sprintf("runs %s, in %s", Typed(e.Device), display.Span(took)))
	case fleet.Checked:
		r.row(console.Yellow, "dry run", r.dryRunText())
	case fleet.NothingToDo, fleet.Queried:
	}
}

// back shows that the phone has restarted.
func (r *Report) back(p *phoneProgress) {
	check := "its version is queried within " + display.Span(r.Interval)
	if p.pageOnly {
		check = "its version is read from its web page"
	}
	r.row(console.Plain, "restart", fmt.Sprintf("down %s, back %s; %s", console.Clock(p.down), console.Clock(p.back), check))
}

// dryRunText says what a dry run did not do.
func (r *Report) dryRunText() string {
	switch {
	case r.Context.Transfer:
		return "no form was submitted"
	case r.Context.Page != nil:
		return "no image was sent"
	}
	return "no update command was sent"
}

// startFetch shows the progress of the download, if this machine can see it.
func (r *Report) startFetch() {
	if r.size > 0 && r.progress == nil {
		r.progress = r.con.StartProgress(r.targets[0].Label(), "fetched", r.size, func(any) {})
	}
}

func (r *Report) endFetch() {
	if r.progress != nil {
		r.progress.End()
		r.progress = nil
	}
}
