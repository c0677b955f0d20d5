package rolloutcmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// Status shows how a rollout stands: a line for each wave, and for each phone that needs somebody. Without a name it lists the
// rollouts.
func Status(ctx context.Context, env Env, name string) error {
	if name == "" {
		return list(ctx, env)
	}
	ledger, saved, err := open(ctx, env, name)
	if err != nil {
		return err
	}
	defer ledger.Close()
	return env.Console.Print(statusOf(saved), statusText(env.Console, saved))
}

// statusDocument is how a rollout stands as JSON.
type statusDocument struct {
	Schema int           `json:"schema"`
	Event  string        `json:"event"` // status
	Name   string        `json:"name"`
	Next   string        `json:"next"` // as of now: run, wait, ask, paused, limit, stop, done
	Reason string        `json:"reason,omitempty"`
	Waves  []waveStatus  `json:"waves"`
	Phones []phoneStatus `json:"phones"` // those that failed

	Permits rollout.Permits `json:"permits,omitzero"`
}

type waveStatus struct {
	Wave    int    `json:"wave"` // from 1
	Name    string `json:"name"`
	Phones  int    `json:"phones"`
	Updated int    `json:"updated"`
	Failed  int    `json:"failed"`
	OnWay   int    `json:"on_their_way"` // may have been instructed, and have no outcome yet
	Waiting int    `json:"waiting"`
}

type phoneStatus struct {
	Address string `json:"address"`
	MAC     string `json:"mac,omitempty"`
	Note    string `json:"note,omitempty"`
	Cause   string `json:"cause"`
	Failure string `json:"failure"`
	Why     string `json:"why"`
	Version string `json:"software_version,omitempty"` // that it reported last
	Told    bool   `json:"told"`                       // it was instructed
}

func statusOf(s *rollout.Saved) statusDocument {
	state := s.State(causes)
	doc := statusDocument{1, "status", s.Name, string(s.Plan.Decide(state, time.Now()).Verb), s.Reason, []waveStatus{}, []phoneStatus{}, s.Plan.Permits}
	for w, wave := range s.Plan.Waves {
		line := waveStatus{Wave: w + 1, Name: wave.Name, Phones: len(wave.Phones)}
		for _, i := range wave.Phones {
			switch at := state.Phones[i]; {
			case at.Updated:
				line.Updated++
			case at.Ended && !at.MayPass:
				line.Failed++
			case at.Instructed:
				line.OnWay++
			default:
				line.Waiting++
			}
		}
		doc.Waves = append(doc.Waves, line)
	}
	for _, i := range s.Failed(causes) {
		p, st := s.Plan.Phones[i], s.Steps[i][s.Step(i)]
		line := phoneStatus{Address: p.Address, MAC: p.MAC, Note: p.Note, Cause: string(state.Phones[i].Cause)}
		if o := st.Outcome; o != nil {
			line.Failure, line.Why, line.Version, line.Told = o.Failure, o.Text, o.Version, o.Instructed
		}
		doc.Phones = append(doc.Phones, line)
	}
	return doc
}

// statusText shows how a rollout stands.
func statusText(con *console.Console, s *rollout.Saved) func(io.Writer) {
	doc := statusOf(s)
	words := map[string]string{
		"run": "not complete", "wait": "waits", "ask": "waits for a person to begin the next wave", "paused": "paused" + reason(s),
		"limit": "stopped by a limit", "stop": "stopped" + reason(s), "done": "done",
	}
	return func(w io.Writer) {
		fmt.Fprintln(w, con.Layout(0).Line(console.Cells("rollout "+s.Name+": "+words[doc.Next])...))
		writePermits(w, con, s.Plan)
		table := con.Table(2)
		for _, line := range doc.Waves {
			table.Row(console.Cells(fmt.Sprintf("wave %d", line.Wave), line.Name, console.Plural(line.Phones, "phone"),
				fmt.Sprintf("%d updated, %d failed, %d on their way, %d waiting", line.Updated, line.Failed, line.OnWay, line.Waiting))...)
		}
		table.Draw(w)
		phones := con.Table(2)
		for _, p := range doc.Phones {
			phones.Row(console.Cells(p.Failure, label(rollout.Phone{Address: p.Address, Note: p.Note}), p.Why)...)
		}
		phones.Draw(w)
	}
}

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
}

// list shows the rollouts, the newest first.
func list(ctx context.Context, env Env) error {
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
		for _, r := range doc.Rollouts {
			table.Row(console.Cells(r.Name, r.Time.Local().Format(time.DateTime), console.Plural(r.Phones, "phone"), r.User)...)
		}
		table.Draw(w)
	})
}

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
		line := listedLine{r.Name, r.First.At, planned.By.User, planned.Phones, []string{}}
		for _, image := range planned.Images {
			line.Images = append(line.Images, image.Name)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
