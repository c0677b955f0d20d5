package runview

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// many shows a line for each phone when it ends, and the progress of all phones together.
func (r *Report) many(e fleet.Event, p *phoneProgress) {
	switch e.Step {
	case fleet.StepDone, fleet.StepFailed:
		p.ended = true
		r.line("%s", r.endLine(e, p))
	case fleet.StepFetching, fleet.StepFetched:
		r.startStatus(e.Step == fleet.StepFetching)
		p.sent = e.Fetch.Sent
	case fleet.StepSending, fleet.StepSent:
		r.warnOnce()
		r.startStatus(e.Step == fleet.StepSending)
		p.sent = e.Upload.Sent
	case fleet.StepInstructed:
		r.warnOnce()
		fallthrough
	case fleet.StepContacted, fleet.StepCalled, fleet.StepReading, fleet.StepChecked, fleet.StepAccepted,
		fleet.StepBusy, fleet.StepSettling, fleet.StepRestarting, fleet.StepBack, fleet.StepSilent, fleet.StepCallError, fleet.StepUnknownCaller,
		fleet.StepPageOnly, fleet.StepPage, fleet.StepLoggedIn, fleet.StepFound, fleet.StepAnswered, fleet.StepVisited:
		if first := r.Watch.firstCallError(e); r.con.Verbose || e.Step == fleet.StepBusy || e.Step == fleet.StepSettling || first {
			r.noteAbout(r.targets[e.Phone].Label(), stepText(e))
		}
	}
	if r.progress == nil {
		return
	}
	sent, size := r.moved()
	if sent == size {
		r.endFetch()
		return
	}
	r.progress.Resize(size)
	r.progress.SetStatus(r.Watch.status(nil))
	r.progress.Update(sent)
}

// startStatus shows how far all phones are while they get the image, if this machine can see it. The bar has a percentage of its
// own, that of all phones.
func (r *Report) startStatus(begun bool) {
	if begun && r.progress == nil && r.size > 0 {
		r.progress = r.con.StartStatus(r.size*int64(len(r.targets)), r.Watch.status(nil))
	}
}

// warnOnce warns once that the phones need LAN and power.
func (r *Report) warnOnce() {
	if !r.warned {
		r.line("Keep the phones on LAN and power until they are done.")
	}
	r.warned = true
}

// moved returns how many bytes all phones have got so far, and how many they will have at the end. A phone that has
// ended gets no more.
func (r *Report) moved() (sent, size int64) {
	for i := range r.phones {
		p := &r.phones[i]
		sent += p.sent
		if p.ended {
			size += p.sent
		} else {
			size += r.size
		}
	}
	return sent, size
}

// share returns how much of the image those phones have that fetch it, " 40 %", or "" if this machine cannot see it.
func (r *Report) share() string {
	var sent, size int64
	for i := range r.phones {
		if state := r.Watch.states[i]; state == stateFetching || state == stateSending {
			sent, size = sent+r.phones[i].sent, size+r.size
		}
	}
	if size == 0 {
		return ""
	}
	return fmt.Sprintf(" %d %%", sent*100/size)
}

// endLine returns the line of a phone that has ended: the result, the phone and the reason.
func (r *Report) endLine(e fleet.Event, p *phoneProgress) string {
	word, style := endWord(e)
	return r.con.Layout(0, r.endWidth(), r.nameWidth()).Line(
		style.Cell(word), console.Plain.Cell(r.targets[e.Phone].Label()), console.Plain.Cell(r.endText(e, p)))
}

// endWidth returns the width of the longest word for a result; the failures of web pages have longer words.
func (r *Report) endWidth() int {
	width := len("nothing to do")
	if r.Context.Page == nil {
		return width
	}
	for _, row := range advice.WebTable() {
		word, _ := endWord(fleet.Event{Failure: &fleet.Failure{Kind: row.Kind}})
		width = max(width, len(word))
	}
	return width
}

func (r *Report) nameWidth() int {
	const widest = 40
	width := 0
	for _, t := range r.targets {
		width = max(width, min(console.Columns(t.Label()), widest))
	}
	return width
}

func endWord(e fleet.Event) (string, console.Style) {
	if f := e.Failure; f != nil {
		switch f.Kind {
		case fleet.KindUnknown, fleet.KindInterrupted, fleet.KindStopped:
			return advice.Word(f.Kind), console.Yellow
		}
		return advice.Word(f.Kind), console.Red
	}
	switch e.Outcome {
	case fleet.Updated:
		return "updated", console.Green
	case fleet.NothingToDo:
		return "nothing to do", console.Green
	case fleet.Checked:
		return "compatible", console.Green
	case fleet.Queried:
	}
	return "ok", console.Green
}

func (r *Report) endText(e fleet.Event, p *phoneProgress) string {
	what := strings.TrimSpace(p.before.Type + " " + Typed(p.before))
	switch {
	case e.Failure != nil && what == "":
		return e.Failure.Error()
	case e.Failure != nil:
		return what + ": " + e.Failure.Error()
	case e.Outcome == fleet.Updated && e.Later:
		return fmt.Sprintf("runs %s; an earlier run instructed it", Typed(e.Device))
	case e.Outcome == fleet.Updated:
		return fmt.Sprintf("%s -> %s, in %s", what, Typed(e.Device), display.Span(e.At.Sub(p.begun)))
	}
	return what
}

// settlingText describes a phone that an earlier run instructed and that does not run the new version yet.
func settlingText(e fleet.Event) string {
	text := "an earlier run instructed it; "
	switch {
	case e.Err != nil:
		text += e.Err.Error()
	case e.Device.Version != "":
		text += "it still runs " + Typed(e.Device)
	default:
		text += "it does not report its version"
	}
	return text + "; querying it again for at most " + display.Span(e.Limit) + "; keep it on power"
}

// stepText describes a step.
func stepText(e fleet.Event) string {
	text, what := string(e.Step), ""
	switch {
	case mayStart(e):
		return fmt.Sprintf("%s; it may be restarting or installing, so keep it on power; trying again for at most %s", e.Err, display.Span(e.Limit))
	case e.Err != nil:
		text = e.Err.Error()
	case e.Step == fleet.StepVisited, e.Step == fleet.StepAnswered:
		text = e.Text
	case e.Step == fleet.StepPage:
		text = strings.TrimSpace("its web page: " + e.Text)
	case e.Step == fleet.StepSettling:
		return settlingText(e)
	case e.Step == fleet.StepBusy:
		text = "in a call"
	case e.Step == fleet.StepContacted:
		text, what = fmt.Sprintf("contact request sent (%s)", console.Nth(e.Attempt)), " for its call-back"
	}
	if e.Limit >= 100*time.Millisecond {
		text += fmt.Sprintf("; waiting at most %s%s", display.Span(e.Limit), what)
	}
	return text
}

// mayStart reports whether a step is that of a phone that could not be reached and is tried again.
func mayStart(e fleet.Event) bool {
	f := (*fleet.Failure)(nil)
	return e.Step == fleet.StepSilent && errors.As(e.Err, &f) &&
		slices.Contains([]fleet.Kind{fleet.KindUnreachable, fleet.KindNoPhone, fleet.KindPageUnreachable}, f.Kind)
}

// A SummaryDoc is the last JSON line.
type SummaryDoc struct {
	Schema   int            `json:"schema"`
	Event    string         `json:"event"` // "summary"
	Phones   int            `json:"phones"`
	Outcomes map[string]int `json:"outcomes"`
	Failures map[string]int `json:"failures"`
	Code     exit.Code      `json:"code"` // the exit code of the run
	Name     string         `json:"name"` // of the code
	Time     string         `json:"time"`
	*images.UsedDoc
}

// brokenAtCommas breaks "14 phones: 2 updated, 1 busy" into lines of at most so many columns, without parting a number from
// its word.
func brokenAtCommas(text string, width int) string {
	start, rest, _ := strings.Cut(text, ": ")
	start += ": "
	var b strings.Builder
	b.WriteString(start)
	column := console.Columns(start)
	for i, part := range strings.Split(rest, ", ") {
		switch {
		case i == 0:
		case column+len(", ,")+console.Columns(part) > width:
			b.WriteString(",\n" + strings.Repeat(" ", len(start)))
			column = len(start)
		default:
			b.WriteString(", ")
			column += len(", ")
		}
		b.WriteString(part)
		column += console.Columns(part)
	}
	return b.String()
}

// Summary ends the answer with the number of phones for each result; ended is the error of the run, or nil.
func (r *Report) Summary(results []fleet.Result, ended error) {
	r.Watch.mu.Lock()
	defer r.Watch.mu.Unlock()
	r.endFetch()
	doc := SummaryDoc{Schema: 1, Event: "summary", Phones: len(results), Outcomes: map[string]int{}, Failures: map[string]int{}, UsedDoc: r.image.Used(r.Tool)}
	doc.Time = time.Now().UTC().Format(time.RFC3339Nano)
	if ended != nil {
		doc.Code = exit.Classify(ended).Code
	}
	doc.Name = doc.Code.Row().Name
	for _, result := range results {
		if result.Failure != nil {
			doc.Failures[string(result.Failure.Kind)]++
		} else {
			doc.Outcomes[string(result.Outcome)]++
		}
	}
	r.say(r.con.Emit(doc, func(w io.Writer) {
		if len(results) > 1 {
			fmt.Fprintf(w, "\n%s\n", brokenAtCommas(doc.text(), r.con.Width))
		}
	}))
}

// text returns "3 phones: 1 updated, 1 busy, 1 incompatible": successes in the order of the outcomes, failures sorted.
func (doc SummaryDoc) text() string {
	var parts []string
	for _, outcome := range []fleet.Outcome{fleet.Updated, fleet.NothingToDo, fleet.Checked, fleet.Queried} {
		if n := doc.Outcomes[string(outcome)]; n > 0 {
			word, _ := endWord(fleet.Event{Outcome: outcome})
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	var kinds []string
	for kind, n := range doc.Failures {
		word, _ := endWord(fleet.Event{Failure: &fleet.Failure{Kind: fleet.Kind(kind)}})
		kinds = append(kinds, fmt.Sprintf("%d %s", n, word))
	}
	slices.Sort(kinds)
	text := fmt.Sprintf("%s: %s", display.Plural(doc.Phones, "phone"), strings.Join(append(parts, kinds...), ", "))
	if doc.Outcomes[string(fleet.Checked)] > 0 {
		text += " (dry run: no update command was sent)"
	}
	return text
}
