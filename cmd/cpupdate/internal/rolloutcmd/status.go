package rolloutcmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// Status shows how a rollout stands: a line for each wave, and for each phone that needs somebody. Without a name it lists the
// rollouts.
func Status(ctx context.Context, env Env, name string) error {
	if name == "" {
		return List(ctx, env)
	}
	ledger, f, err := openFollowed(ctx, env, name)
	if err != nil {
		return err
	}
	defer ledger.Close()
	doc := followedStatus(f)
	doc.findOthers(ctx, ledger)
	return env.Console.Print(doc, textOf(doc, env.Console, f.Saved, lastText(f, typed(env, name), time.Now())))
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

	Sites []siteStatus `json:"sites,omitempty"` // that the wave waits for

	Permits rollout.Permits `json:"permits,omitzero"`

	Last time.Time       `json:"last_event,omitzero"` // when the newest event was recorded
	By   *journal.Origin `json:"run_by,omitempty"`    // who began the last run; no one if none began

	wait string // why no phone is begun now
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
	now := time.Now()
	d := s.Plan.Decide(state, now)
	doc := statusDocument{
		Schema: 1, Event: "status", Name: s.Name, Next: string(d.Verb), Sites: sitesLeft(s, state, d), Reason: s.Reason, Waves: []waveStatus{}, Phones: []phoneStatus{},
		Permits: s.Plan.Permits,
	}
	if d.Verb == rollout.Wait {
		doc.wait = waitText(s, d, now)
	}
	for w := range s.Plan.Waves {
		doc.Waves = append(doc.Waves, waveOf(s, w))
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

// followedStatus returns how a rollout stands, with what is known of its last run.
func followedStatus(f *rollout.Follower) statusDocument {
	doc := statusOf(f.Saved)
	doc.Last = f.Last.UTC()
	if f.Saved.Control.Run != "" {
		doc.By = &f.Saved.By
	}
	return doc
}

// lastText says what the journal knows about who carries a rollout out, and how to go on: whether the last run still goes on cannot be
// known from it. It is "" for a rollout that is done. name is as a person types it.
func lastText(f *rollout.Follower, name string, now time.Time) string {
	s := f.Saved
	run := "cpupdate rollout run " + name
	verb := s.Plan.Decide(s.State(causes), now).Verb
	if s.Control.Run == "" && verb != rollout.Done {
		if verb == rollout.Stop || verb == rollout.Paused {
			run = "cpupdate rollout resume " + name + ", then " + run
		}
		return "no run has begun yet; to begin: " + run
	}
	last := "last event: " + f.Last.Local().Format(time.DateTime)
	if ago := now.Sub(f.Last); ago >= time.Second {
		last += fmt.Sprintf(" (%s ago)", display.Took(ago))
	}
	if who := originText(s.By); who != "" {
		last += ", of a run by " + who
	}
	switch verb {
	case rollout.Done:
		return ""
	case rollout.Over, rollout.Stop:
		return last + "; to go on: cpupdate rollout resume " + name + ", then " + run
	case rollout.Paused, rollout.Ask:
		return last + "; to go on: cpupdate rollout resume " + name + ", and if that run has ended: " + run
	}
	return last + "; if that run has ended, to go on: " + run
}

// originText returns "ada on laptop".
func originText(by journal.Origin) string {
	if by.User != "" && by.Host != "" {
		return by.User + " on " + by.Host
	}
	return by.User + by.Host
}

// stateText says how a rollout stands, by what comes next.
func stateText(next, reason string) string {
	return map[string]string{
		"run": "not complete", "wait": "waits", "ask": "waits for a person to begin the next wave", "paused": "paused" + reason,
		"limit": "stopped by a limit", "stop": "stopped" + reason, "done": "done",
	}[next]
}

// waitText says until when no phone is begun, and why.
func waitText(s *rollout.Saved, d rollout.Decision, now time.Time) string {
	text := "no phone is begun until " + d.Until.Local().Format(time.DateTime)
	if window := s.Plan.Rules.Window; !window.Open(now) {
		return text + ": the window is " + window.String()
	}
	return text + ": phones that failed are tried again then"
}

// statusText shows how a rollout stands. last is a line about its run, or "".
func statusText(con *console.Console, s *rollout.Saved, last string) func(io.Writer) {
	return textOf(statusOf(s), con, s, last)
}

// textOf is statusText with a document that was made already.
func textOf(doc statusDocument, con *console.Console, s *rollout.Saved, last string) func(io.Writer) {
	return func(w io.Writer) {
		state := stateText(doc.Next, reason(s))
		if doc.wait != "" {
			state = doc.wait
		}
		fmt.Fprintln(w, con.Layout(0).Line(console.Cells("rollout "+s.Name+": "+state)...))
		writePermits(w, con, s.Plan)
		table := con.Table(2)
		for _, line := range doc.Waves {
			table.Row(console.Cells(fmt.Sprintf("wave %d", line.Wave), line.Name, display.Plural(line.Phones, "phone"),
				fmt.Sprintf("%d updated, %d failed, %d on their way, %d waiting", line.Updated, line.Failed, line.OnWay, line.Waiting))...)
		}
		table.Draw(w)
		writeSites(w, con, doc.Sites)
		phones := con.Table(2)
		for _, p := range doc.Phones {
			phones.Row(console.Cells(p.Failure, label(rollout.Phone{Address: p.Address, Note: p.Note}), p.Why)...)
		}
		phones.Draw(w)
		if last != "" {
			writeSentence(w, con, last)
		}
	}
}
