package rolloutcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// listDocument is the rollouts as JSON.
type listDocument struct {
	Schema   int          `json:"schema"`
	Rollouts []listedLine `json:"rollouts"`
}

type listedLine struct {
	Name   string    `json:"name"`
	Time   time.Time `json:"time"`
	User   string    `json:"user,omitempty"`
	Phones int       `json:"phones"`
	Images []string  `json:"images"`

	Next    string `json:"next"` // as in the status; incomplete: the plan was not written to its end, or this version cannot carry it out; damaged: its events cannot be read
	Updated int    `json:"updated"`
	Failed  int    `json:"failed"`
	Left    int    `json:"left_alone"`
	Host    string `json:"host,omitempty"`
}

// List shows the rollouts, the newest first. Where the events of one are damaged, the others are shown before the error is returned.
func List(ctx context.Context, env Env) error {
	made, err := env.Journal.Exists()
	if err != nil {
		return err
	}
	lines := []listedLine{}
	if made {
		ledger, err := env.Journal.Open(ctx)
		if err != nil {
			return err
		}
		defer ledger.Close()
		var damage error
		if lines, damage = rollouts(ctx, env, ledger); damage != nil {
			if !errors.Is(damage, journal.ErrDamaged) || len(lines) == 0 {
				return damage
			}
			return cmp.Or(list(env, lines), damage)
		}
	}
	return list(env, lines)
}

// list prints the rollouts.
func list(env Env, lines []listedLine) error {
	doc := listDocument{1, lines}
	return env.Console.Print(doc, func(w io.Writer) {
		if len(doc.Rollouts) == 0 {
			fmt.Fprintln(w, env.Console.Flags.Whole("there are no rollouts; to plan one: cpupdate rollout plan IMAGE --phones FILE"))
		}
		table := env.Console.Table(0)
		table.Limit = 24
		for _, r := range doc.Rollouts {
			phones := display.Plural(r.Phones, "phone")
			if r.Next == nextDamaged && r.Phones == 0 {
				phones = "" // its plan cannot be read
			}
			table.Row(console.Cells(r.Name, r.Time.Local().Format(time.DateTime), phones, r.text())...)
		}
		table.Draw(w)
	})
}

// text says how a rollout stands, what it brings, and who planned it.
func (r listedLine) text() string {
	state := stateText(r.Next, "")
	switch r.Next {
	case nextIncomplete:
		state = "its plan cannot be carried out"
	case nextDamaged:
		return "its events cannot be read"
	}
	text := fmt.Sprintf("%s: %d updated, %d failed", state, r.Updated, r.Failed)
	if r.Left > 0 {
		text += fmt.Sprintf(", %d left alone", r.Left)
	}
	if len(r.Images) > 0 {
		text += "; " + strings.Join(r.Images, ", ")
	}
	if who := originText(journal.Origin{User: r.User, Host: r.Host}); who != "" {
		text += "; by " + who
	}
	return text
}

// What is said of a rollout of which it is not known what follows.
const (
	nextIncomplete = "incomplete" // the plan cannot be carried out
	nextDamaged    = "damaged"
)

// rollouts returns the rollouts of a journal, without pushes. An error about damage comes with those that could be read, and with a line
// about each one whose events could not.
func rollouts(ctx context.Context, env Env, ledger journal.Ledger) ([]listedLine, error) {
	lines := []listedLine{}
	var damage error
	for r, err := range ledger.Rollouts(ctx, journal.Filter{}) {
		if r.Name != "" && errors.Is(err, journal.ErrDamaged) {
			lines, damage = append(lines, listedLine{Name: r.Name, Time: r.First.At, Images: []string{}, Next: nextDamaged}), cmp.Or(damage, failure(env, "", err))
			continue
		}
		if err != nil {
			return lines, failure(env, "", err)
		}
		planned, ok := r.First.Body.(journal.Planned)
		if !ok || planned.Push {
			continue
		}
		line := listedLine{Name: r.Name, Time: r.First.At, User: planned.By.User, Host: planned.By.Host, Phones: planned.Phones, Images: []string{}}
		for _, image := range planned.Images {
			line.Images = append(line.Images, image.Name)
		}
		switch err := line.count(ctx, env, ledger); {
		case errors.Is(err, journal.ErrDamaged):
			line.Next, damage = nextDamaged, cmp.Or(damage, err)
		case err != nil:
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, damage
}

// A kindReader is a ledger that reads some kinds of events faster than all of them.
type kindReader interface {
	ReadKinds(ctx context.Context, rollout string, kinds ...journal.Kind) iter.Seq2[journal.Record, error]
}

// decisive returns the kinds of events that say how a rollout stands.
func decisive() []journal.Kind {
	return []journal.Kind{
		journal.KindPlanned, journal.KindRunBegun, journal.KindWaveOpened, journal.KindPaused, journal.KindResumed, journal.KindStopped, journal.KindLimitReached,
		journal.KindListed, journal.KindTookOver, journal.KindInstructing, journal.KindSending, journal.KindBusy, journal.KindLetGo, journal.KindOutcome, journal.KindRetry,
	}
}

// count reads how the rollout stands.
func (r *listedLine) count(ctx context.Context, env Env, ledger journal.Ledger) error {
	records := ledger.ReadAll(ctx, r.Name)
	if quick, is := ledger.(kindReader); is {
		records = quick.ReadKinds(ctx, r.Name, decisive()...)
	}
	s, err := rollout.FromRecords(r.Name, records)
	switch {
	case errors.Is(err, rollout.ErrIncomplete), errors.Is(err, rollout.ErrPlan), errors.Is(err, rollout.ErrNoRollout): // of another program, or cut off
		r.Next = nextIncomplete
		return nil
	case err != nil:
		return failure(env, r.Name, err)
	}
	state := s.State(causes)
	r.Next = string(s.Plan.Decide(state, time.Now()).Verb)
	for i, at := range state.Phones {
		switch {
		case !s.Plan.Phones[i].GetsImage():
			r.Left++
		case at.Updated:
			r.Updated++
		}
	}
	r.Failed = len(s.Failed(causes))
	return nil
}
