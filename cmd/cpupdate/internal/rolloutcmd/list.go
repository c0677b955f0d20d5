package rolloutcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
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

	Next    string    `json:"next"` // as in the status; incomplete: the plan was not written to its end
	Updated int       `json:"updated"`
	Failed  int       `json:"failed"`
	Left    int       `json:"left_alone"`
	Last    time.Time `json:"last_event,omitzero"`
	Host    string    `json:"host,omitempty"`
}

// List shows the rollouts, the newest first.
func List(ctx context.Context, env Env) error {
	doc := listDocument{1, []listedLine{}}
	made, err := exists(env)
	if err != nil {
		return err
	}
	if made {
		if doc.Rollouts, err = rollouts(ctx, env); err != nil {
			return err
		}
	}
	return env.Console.Print(doc, func(w io.Writer) {
		if len(doc.Rollouts) == 0 {
			fmt.Fprintln(w, "there are no rollouts; to plan one: cpupdate rollout plan IMAGE --phones FILE")
		}
		table := env.Console.Table(0)
		table.Limit = 24
		for _, r := range doc.Rollouts {
			table.Row(console.Cells(r.Name, r.Time.Local().Format(time.DateTime), console.Plural(r.Phones, "phone"), r.text())...)
		}
		table.Draw(w)
	})
}

// text says how a rollout stands, what it brings, and who planned it.
func (r listedLine) text() string {
	state := stateText(r.Next, "")
	if r.Next == nextIncomplete {
		state = "its plan was not written to its end"
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

// nextIncomplete says that nothing follows: the plan cannot be carried out.
const nextIncomplete = "incomplete"

// rollouts returns the rollouts of the journal, without pushes.
func rollouts(ctx context.Context, env Env) ([]listedLine, error) {
	ledger, err := env.Journal.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer ledger.Close()
	lines := []listedLine{}
	for r, err := range ledger.Rollouts(ctx, journal.Filter{}) {
		if err != nil {
			return nil, failure("", err)
		}
		planned, ok := r.First.Body.(journal.Planned)
		if !ok || planned.Push {
			continue
		}
		line := listedLine{Name: r.Name, Time: r.First.At, User: planned.By.User, Host: planned.By.Host, Phones: planned.Phones, Images: []string{}}
		for _, image := range planned.Images {
			line.Images = append(line.Images, image.Name)
		}
		if err := line.count(ctx, ledger); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// count reads how the rollout stands.
func (r *listedLine) count(ctx context.Context, ledger journal.Ledger) error {
	f, err := rollout.Follow(r.Name, ledger.ReadAll(ctx, r.Name))
	switch {
	case errors.Is(err, rollout.ErrIncomplete), errors.Is(err, rollout.ErrNoRollout): // of another program, or cut off
		r.Next = nextIncomplete
		return nil
	case err != nil:
		return failure(r.Name, err)
	}
	s := f.Saved
	state := s.State(causes)
	r.Next, r.Last = string(s.Plan.Decide(state, time.Now()).Verb), f.Last.UTC()
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
