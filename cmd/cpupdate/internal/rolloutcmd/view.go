package rolloutcmd

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A view shows a run as it happens: a line for each wave, and for each phone that failed.
type view struct {
	con   *console.Console
	saved *rollout.Saved

	mu sync.Mutex
}

func newView(con *console.Console, saved *rollout.Saved) *view { return &view{con: con, saved: saved} }

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

// event shows the end of a phone.
func (v *view) event(phone int, e fleet.Event) {
	if e.Step != fleet.StepDone && e.Step != fleet.StepFailed {
		return
	}
	p := v.saved.Plan.Phones[phone]
	doc := phoneDocument{1, "phone", e.At.UTC(), phone + 1, p.Address, p.Note, string(e.Outcome), e.Device.Version, ""}
	if f := e.Failure; f != nil {
		doc.Outcome, doc.Why = string(f.Kind), f.Error()
	}
	var text func(io.Writer)
	if e.Failure != nil || v.con.Verbose {
		text = func(w io.Writer) {
			fmt.Fprintln(w, v.con.Layout(2, len("unreachable")).Line(console.Cells(doc.Outcome, label(p)+lineOf(doc.Why))...))
		}
	}
	v.emit(doc, text)
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

// decided shows what comes next.
func (v *view) decided(s *rollout.Saved, d rollout.Decision) {
	doc := decisionDocument{1, "next", string(d.Verb), d.Wave + 1, nil, ""}
	line := ""
	switch d.Verb {
	case rollout.Run:
		wave := s.Plan.Waves[d.Wave]
		line = fmt.Sprintf("wave %d of %d (%s): %s", d.Wave+1, len(s.Plan.Waves), wave.Name, console.Plural(len(wave.Phones), "phone"))
	case rollout.Wait:
		until := d.Until.UTC()
		doc.Until = &until
		line = "no phone is begun until " + d.Until.Local().Format(time.DateTime)
	case rollout.Paused:
		line = "paused" + reason(s) + "; to go on, in another terminal: cpupdate rollout resume " + exit.Word(s.Name)
	case rollout.Ask:
		if !v.con.CanPrompt() {
			line = fmt.Sprintf("wave %d waits for you: look at the phones, then, in another terminal: cpupdate rollout resume %s", d.Wave+1, exit.Word(s.Name))
		}
	case rollout.Over:
		doc.Limit = d.Reached.String()
	case rollout.Stop, rollout.Done:
	}
	var text func(io.Writer)
	if line != "" {
		text = func(w io.Writer) { fmt.Fprintln(w, v.con.Layout(0).Line(console.Cells(line)...)) }
	}
	v.emit(doc, text)
}

// emit shows a document, or a text if there is one.
func (v *view) emit(doc any, text func(io.Writer)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if text == nil {
		text = func(io.Writer) {}
	}
	_ = v.con.Emit(doc, text) // nobody may read it any more; the phones are followed anyway
}
