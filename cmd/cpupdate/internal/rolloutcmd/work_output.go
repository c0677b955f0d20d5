package rolloutcmd

import (
	"fmt"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// workDocument is what a worker does as JSON.
type workDocument struct {
	Schema int       `json:"schema"`
	Event  string    `json:"event"` // work
	Time   time.Time `json:"time"`
	Site   string    `json:"site"`
	Name   string    `json:"name,omitempty"` // of the rollout
	State  string    `json:"state"`          // ready, begun, done, given-back
}

// tell shows what the worker does.
func (w *worker) tell(name, state, text string) {
	line := "site " + w.o.Site + ": " + text
	if name != "" {
		line = "rollout " + name + " at site " + w.o.Site + ": " + text
	}
	w.emit(workDocument{1, "work", time.Now().UTC(), w.o.Site, name, state}, line)
}

// phone shows the end of a phone.
func (w *worker) phone(p rollout.Phone, number int, e fleet.Event) {
	if e.Step != fleet.StepDone && e.Step != fleet.StepFailed {
		return
	}
	doc := phoneDocument{1, "phone", e.At.UTC(), number + 1, p.Address, p.Note, string(e.Outcome), e.Device.Version, ""}
	if f := e.Failure; f != nil {
		doc.Outcome, doc.Why = string(f.Kind), f.Error()
	}
	w.emit(doc, doc.Outcome+": "+label(p)+lineOf(doc.Why))
}

// decided shows what comes next at the site.
func (w *worker) decided(s *rollout.Saved, d rollout.Decision) {
	doc := decisionDocument{1, "next", string(d.Verb), d.Wave + 1, nil, d.Reached.String()}
	line := "rollout " + s.Name + " at site " + w.o.Site + ": "
	switch d.Verb {
	case rollout.Run:
		line += fmt.Sprintf("wave %d of %d (%s)", d.Wave+1, len(s.Plan.Waves), s.Plan.Waves[d.Wave].Name)
	case rollout.Wait:
		if d.Until.IsZero() {
			line += "waits for other sites"
			break
		}
		until := d.Until.UTC()
		doc.Until = &until
		line += "no phone is begun until " + d.Until.Local().Format(time.DateTime)
	case rollout.Paused:
		line += "paused" + reason(s)
	case rollout.Ask:
		line += fmt.Sprintf("wave %d waits for a person at the centre", d.Wave+1)
	case rollout.Over, rollout.Stop, rollout.Done:
		line = "" // done says so
	}
	if d.Verb != rollout.Over {
		doc.Limit = ""
	}
	w.emit(doc, line)
}

// emit shows a document, or a line.
func (w *worker) emit(doc any, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.env.Console.Emit(doc, func(out io.Writer) { // nobody may read it any more; the phones are followed anyway
		if line != "" {
			fmt.Fprintln(out, w.env.Console.Layout(0).Line(console.Cells(line)...))
		}
	})
}
