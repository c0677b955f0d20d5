package rolloutcmd

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report/live"
)

// A view shows a rollout as it happens, from its journal: a line when a wave begins and when it ends, a line for each phone that needs
// somebody, and at a terminal a bar for the wave. Phones that are done are only counted.
type view struct {
	con   *console.Console
	typed string        // the name of the rollout, as a person types it
	watch bool          // another process carries the rollout out, if any does
	asks  bool          // a person is asked before a wave
	base  rollout.Meter // of earlier runs, for as long as none of this one was measured

	mu    sync.Mutex
	f     *rollout.Follower
	next  rollout.Decision  // that was shown last
	wave  int               // that is shown, from 0; -1: none
	since time.Time         // when it began to be shown, if it began then
	ended map[int]time.Time // of phones that need somebody: the outcome that was shown
	bar   *console.Progress // nil: none is shown
	told  int               // phones that are left to other runs, as was said last
	away  bool              // the server of the journal cannot be reached
}

func newView(con *console.Console, f *rollout.Follower) *view {
	v := &view{con: con, typed: exit.Word(f.Saved.Name), f: f, wave: -1, ended: map[int]time.Time{}}
	for i := range f.Saved.Plan.Phones {
		if _, needs := f.Saved.Progress(i, causes); needs {
			v.ended[i] = v.outcomeAt(i)
		}
	}
	return v
}

// refreshTime is how often the numbers of the bar are counted.
const refreshTime = time.Second

// follow shows how the rollout is expected to go, and then what is recorded, until the context ends or the caller calls stop.
func (v *view) follow(ctx context.Context, ledger journal.Ledger) (stop func()) {
	if v.f.Meter.Phones == 0 {
		v.base = earlier(ctx, ledger)
	}
	v.begin(time.Now())
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = v.read(ctx, ledger) }) // whoever writes notices what is wrong with the journal
	done.Go(func() {
		ticker := time.NewTicker(refreshTime)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				v.refresh(time.Now())
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		v.mu.Lock()
		defer v.mu.Unlock()
		v.endBar()
	}
}

// read takes over each event that is recorded, until the context ends. It returns why it ended.
func (v *view) read(ctx context.Context, ledger journal.Ledger) error {
	v.mu.Lock()
	name, after := v.f.Saved.Name, v.f.Seq
	v.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	defer telling.Wait()
	defer cancel()
	if remote, ok := ledger.(live.Remote); ok {
		telling.Go(func() { remote.Reached(ctx, v.reached) })
	}
	for r, err := range ledger.Watch(ctx, name, after) {
		if err != nil {
			return err
		}
		v.record(r)
	}
	return nil
}

// reached says that the journal's server cannot be reached, and that it can be again.
func (v *view) reached(reached bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.away != reached {
		return // it was said, or there is nothing to say
	}
	v.away = !reached
	v.above(func() {
		if v.away {
			v.con.NoteAbout("warning", v.f.Saved.Name, "the server of the journal cannot be reached: nothing new is shown until it can; it is tried again")
		} else {
			v.con.NoteAbout("note", v.f.Saved.Name, "the server of the journal can be reached again")
		}
	})
}

// record takes over an event of the journal, and shows a phone that needs somebody since.
func (v *view) record(r journal.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	phone := v.f.Apply(r)
	if phone < 0 {
		if v.watch { // before the phones that follow: a wave may have been opened
			v.changed(time.Now())
		}
		return
	}
	if o, is := r.Event.Body.(journal.Outcome); is && v.watch && v.con.JSON {
		v.emit(v.outcomeDocument(phone, r.Event.At, o), nil)
	}
	v.showPhone(phone)
}

// showPhone shows a phone that needs somebody, once for each outcome.
func (v *view) showPhone(i int) {
	_, needs := v.f.Saved.Progress(i, causes)
	when := v.outcomeAt(i)
	if !needs || v.ended[i].Equal(when) {
		return
	}
	v.ended[i] = when
	p, st := v.f.Saved.Plan.Phones[i], v.f.Saved.Steps[i][v.f.Saved.Step(i)]
	if o := st.Outcome; o != nil && !v.con.JSON {
		v.say(func(w io.Writer) {
			layout := v.con.Layout(2, len("unreachable"))
			fmt.Fprintln(w, layout.Line(console.Red.Cell(o.Failure), console.Plain.Cell(label(p)+lineOf(o.Text))))
		})
	}
}

func (v *view) outcomeAt(i int) time.Time {
	s := v.f.Saved
	return s.Steps[i][s.Step(i)].OutcomeAt
}

// phoneDocument is the end of a phone as JSON.
type phoneDocument struct {
	Schema  int       `json:"schema"`
	Event   string    `json:"event"` // phone
	Time    time.Time `json:"time"`
	Phone   int       `json:"phone"` // of the plan, from 1
	Address string    `json:"address"`
	Note    string    `json:"note,omitempty"`
	Outcome string    `json:"outcome"` // as in the journal: updated, or a kind of failure
	Version string    `json:"software_version,omitempty"`
	Why     string    `json:"why,omitempty"`
}

// outcomeDocument returns the end of a phone as the journal has it.
func (v *view) outcomeDocument(i int, at time.Time, o journal.Outcome) phoneDocument {
	p := v.f.Saved.Plan.Phones[i]
	doc := phoneDocument{1, "phone", at.UTC(), i + 1, p.Address, p.Note, o.Result, o.Version, o.Text}
	if o.Result == journal.Failed {
		doc.Outcome = o.Failure
	}
	return doc
}

// event shows the end of a phone of this run: as JSON, and with --verbose each of them.
func (v *view) event(phone int, e fleet.Event) {
	if e.Step != fleet.StepDone && e.Step != fleet.StepFailed || !v.con.JSON && !v.con.Verbose {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.f.Saved.Plan.Phones[phone]
	doc := phoneDocument{1, "phone", e.At.UTC(), phone + 1, p.Address, p.Note, string(e.Outcome), e.Device.Version, ""}
	if f := e.Failure; f != nil {
		doc.Outcome, doc.Why = string(f.Kind), f.Error()
	}
	v.emit(doc, func(w io.Writer) {
		if e.Failure == nil {
			fmt.Fprintln(w, v.con.Layout(2, len("unreachable")).Line(console.Cells(doc.Outcome, label(p)+lineOf(doc.Why))...))
		}
	})
}

func lineOf(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// decisionDocument is what comes next as JSON.
type decisionDocument struct {
	Schema int        `json:"schema"`
	Event  string     `json:"event"` // next
	Next   string     `json:"next"`  // run, wait, ask, paused, limit, stop, done
	Wave   int        `json:"wave"`  // from 1
	Until  *time.Time `json:"until,omitempty"`
	Limit  string     `json:"limit,omitempty"`
}

// begin shows how the rollout is expected to go.
func (v *view) begin(now time.Time) {
	s := v.f.Saved
	state := s.State(causes)
	switch s.Plan.Decide(state, now).Verb {
	case rollout.Run, rollout.Wait, rollout.Ask:
	default:
		return
	}
	f := forecastOf(&s.Plan, state, v.meter(), now)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.emit(forecastLine{1, "forecast", *f.document()}, func(w io.Writer) {
		if f.Phones > 0 {
			fmt.Fprintln(w, v.con.Layout(0).Line(console.Cells(f.text())...))
		}
	})
}

// A forecastLine is the JSON line with a forecast.
type forecastLine struct {
	Schema int    `json:"schema"`
	Event  string `json:"event"` // forecast
	forecastDocument
}

// meter returns what was measured: in this rollout, or if nothing was, in earlier runs.
func (v *view) meter() rollout.Meter {
	if v.f.Meter.Phones > 0 {
		return v.f.Meter
	}
	return v.base
}

// decided shows what comes next, as the run decided from what it read.
func (v *view) decided(s *rollout.Saved, d rollout.Decision) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.f.Take(s)
	for i := range s.Plan.Phones {
		v.showPhone(i)
	}
	v.show(d)
}

// show shows a decision, and ends and begins the bars of waves.
func (v *view) show(d rollout.Decision) {
	s := v.f.Saved
	if v.wave >= 0 && (d.Wave != v.wave || d.Verb == rollout.Done) {
		v.endWave()
	}
	v.next = d
	doc := decisionDocument{1, "next", string(d.Verb), d.Wave + 1, nil, ""}
	line := ""
	switch d.Verb {
	case rollout.Run:
		if d.Wave != v.wave {
			line = v.beginWave(d.Wave)
		}
	case rollout.Wait:
		until := d.Until.UTC()
		doc.Until = &until
		line = waitText(s, d, time.Now())
	case rollout.Paused:
		line = "paused" + reason(s) + "; to go on, in another terminal: cpupdate rollout resume " + v.typed
	case rollout.Ask:
		v.endBar()
		if !v.asks && (v.watch || !v.con.CanPrompt()) {
			line = fmt.Sprintf("wave %d waits for you: look at the phones, then, in another terminal: cpupdate rollout resume %s", d.Wave+1, v.typed)
		}
	case rollout.Over:
		doc.Limit = d.Reached.String()
	case rollout.Stop, rollout.Done:
	}
	v.emit(doc, func(w io.Writer) {
		if line != "" {
			writeSentence(w, v.con, line)
		}
	})
	if v.wave >= 0 && v.bar == nil && (d.Verb == rollout.Run || d.Verb == rollout.Wait) {
		v.startBar()
	}
}

// waveName returns "wave 2 of 4 (20%)".
func (v *view) waveName(w int) string {
	return fmt.Sprintf("wave %d of %d (%s)", w+1, len(v.f.Saved.Plan.Waves), v.f.Saved.Plan.Waves[w].Name)
}

// beginWave begins to show a wave, and returns its line.
func (v *view) beginWave(w int) string {
	v.wave, v.since = w, time.Now()
	count := waveOf(v.f.Saved, w)
	line := v.waveName(w) + ": " + display.Plural(count.Phones, "phone")
	if before := count.Updated + count.Failed; before > 0 {
		line += fmt.Sprintf(", %d of them done before", before)
	}
	if count.Waiting < count.Phones {
		v.since = time.Time{}
	}
	return line
}

// endWave shows the numbers of a wave that ended.
func (v *view) endWave() {
	v.endBar()
	count := waveOf(v.f.Saved, v.wave)
	line := fmt.Sprintf("%s ended: %d updated, %d failed", v.waveName(v.wave), count.Updated, count.Failed)
	if !v.since.IsZero() {
		line += ", in " + display.Span(time.Since(v.since))
	}
	ended := count.Updated+count.Failed == count.Phones
	if v.wave = -1; ended && !v.con.JSON {
		v.say(func(w io.Writer) { writeSentence(w, v.con, line) })
	}
}

// others says which phones other runs have to do with: of those that are left to them, whenever there are more than before.
func (v *view) others(took, left int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	more := left
	if left <= v.told {
		more = 0
	}
	for _, text := range othersTexts(took, more) {
		v.above(func() { v.con.NoteAbout("note", "the journal", text) })
	}
	v.told = left
}

// othersTexts says how many phones were taken over from other runs, and how many are left to them.
func othersTexts(took, left int) []string {
	var texts []string
	if took > 0 {
		texts = append(texts, fmt.Sprintf("another run instructed %s, and how that ended is not recorded: queried until --settle has passed since then, and not instructed again", display.Plural(took, "phone")))
	}
	switch left {
	case 0:
	case 1:
		texts = append(texts, "1 phone waits for another run, which has it now or instructed it a short time ago; this run begins with it later")
	default:
		texts = append(texts, fmt.Sprintf("%d phones wait for other runs, which have them now or instructed them a short time ago; this run begins with them later", left))
	}
	return texts
}

// say shows lines above the bar.
func (v *view) say(text func(io.Writer)) { v.emit(nil, text) }

// emit shows a document, or a text above the bar. The lock is held.
func (v *view) emit(doc any, text func(io.Writer)) {
	if text == nil {
		text = func(io.Writer) {}
	}
	v.con.Resize()
	v.above(func() { _ = v.con.Emit(doc, text) }) // nobody may read it any more; the phones are followed anyway
}

// above calls show, which may write lines, without the bar. The lock is held.
func (v *view) above(show func()) {
	if v.bar == nil {
		show()
		return
	}
	v.bar.WithoutBar(show)
}
