package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// head is what the journal keeps of a plan as a whole.
type head struct {
	Images []Image  `json:"images"`
	Waves  []string `json:"waves"`
	Rules  Rules    `json:"rules"`

	Sites   []SitePart `json:"sites,omitempty"`
	Permits Permits    `json:"permits,omitzero"`
	Program int        `json:"program,omitempty"` // the oldest one that can carry the plan out
}

// Program is the number of this program: it can carry out plans that need this one or an older one. It grows when plans get rules that
// an older program would not keep.
const Program = 1

// entry is what the journal keeps of a phone of a plan.
type entry struct {
	Phone
	Index int `json:"index"`
	Wave  int `json:"wave"` // of the plan, from 0; -1: it is left alone
}

// keyOf returns the stream of a step of a phone: a phone that gets several images one after the other has a stream for each.
// The site is in front, since two sites may have the same address.
func keyOf(rollout string, p Phone, step int) journal.Key {
	key := journal.Key{Rollout: rollout, Phone: p.Address}
	if p.Site != "" {
		key.Phone = p.Site + "/" + p.Address
	}
	if step > 0 {
		key.Phone += fmt.Sprintf(" (step %d)", step+1)
	}
	return key
}

// Save writes a plan into the journal: first its head, and then each phone. A plan that was not written to its end has fewer
// phones than its head says, and cannot be carried out.
func Save(ctx context.Context, l journal.Ledger, name string, at time.Time, planned journal.Planned, plan Plan) error {
	h := head{Images: plan.Images, Rules: plan.Rules, Sites: sitesOf(plan), Permits: plan.Permits, Program: Program}
	wave := map[int]int{}
	for w, one := range plan.Waves {
		h.Waves = append(h.Waves, one.Name)
		for _, i := range one.Phones {
			wave[i] = w
		}
	}
	var err error
	if planned.Plan, err = json.Marshal(h); err != nil {
		return err
	}
	planned.Phones = len(plan.Phones)
	if _, err := journal.Create(ctx, l, name, at, planned); err != nil {
		return err
	}
	var batches []journal.Batch
	for i, p := range plan.Phones {
		w, in := wave[i]
		if !in {
			w = -1
		}
		data, err := json.Marshal(entry{p, i, w})
		if err != nil {
			return err
		}
		listed := journal.Listed{Address: p.Address, MAC: p.MAC, Note: p.Note, Site: p.Site, Wave: w + 1, Plan: data}
		for step := range max(len(p.Images), 1) {
			if len(p.Images) > 0 {
				listed.SHA256 = plan.Images[p.Images[step]].SHA256
			}
			batches = append(batches, journal.Batch{Key: keyOf(name, p, step), Events: []journal.Event{{At: at, Body: listed}}})
			listed.Plan = nil
		}
	}
	for _, answer := range l.AppendAll(ctx, batches) {
		if answer.Err != nil {
			return answer.Err
		}
	}
	return nil
}

// A Saved is a rollout as the journal has it.
type Saved struct {
	Name    string
	Site    string // only the phones there are in the plan; "" if all are
	At      time.Time
	Planned journal.Planned
	Plan    Plan
	Sites   []SitePart // of all phones, sorted by their names; nil if no phone has a site
	Program int        // the oldest one that can carry it out
	Control Control
	Route   journal.Route     // of the last run there; zero before the first one
	By      journal.Origin    // who began it
	Kept    journal.FlagsKept // of the last run that had flags
	Reason  string            // why it is paused or stopped, as whoever did it said
	Seq     journal.Seq       // of the last event of the rollout's own stream
	begun   journal.Seq       // when the last run began
	runs    map[string]SiteRun
	counted map[part]journal.SiteCounted // the newest of each
	stale   bool                         // phones have changed, and Steps does not know

	Steps [][]journal.State // of each phone, for each of its images
}

// copied returns the rollout for another reader: what is decided about either changes nothing of the other. They share the phones.
func (s *Saved) copied() *Saved {
	own := *s
	own.runs, own.counted = maps.Clone(s.runs), maps.Clone(s.counted)
	return &own
}

// Errors of a rollout that cannot be loaded, for errors.Is.
var (
	ErrNoRollout  = errors.New("there is none of this name")
	ErrIncomplete = errors.New("the plan was not written to its end")
	ErrProgram    = errors.New("the plan needs a newer cpupdate than this one to be carried out")
)

// Check reports with ErrProgram that this program is too old to carry a rollout out.
func (s *Saved) Check() error {
	if s.Program > Program {
		return fmt.Errorf("rollout %q: %w", s.Name, ErrProgram)
	}
	return nil
}

// Load reads a rollout.
func Load(ctx context.Context, l journal.Ledger, name string) (*Saved, error) {
	return FromRecords(name, l.ReadAll(ctx, name))
}

// FromRecords returns the rollout that the events of all of its streams amount to.
func FromRecords(name string, records iter.Seq2[journal.Record, error]) (*Saved, error) {
	b := newBuilder(name, "")
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		if err := b.add(r); err != nil {
			return nil, err
		}
	}
	return b.result()
}

// apply takes over an event of the rollout's own stream.
func (s *Saved) apply(e journal.Event) error {
	s.Seq = e.Seq
	switch body := e.Body.(type) {
	case journal.Planned:
		if !s.At.IsZero() {
			return nil // only the first one counts
		}
		var h head
		switch {
		case body.Push || body.Plan == nil:
			return fmt.Errorf("rollout %q: %w", s.Name, ErrNoRollout)
		case json.Unmarshal(body.Plan, &h) != nil:
			return fmt.Errorf("rollout %q: %w: it is not written as this version writes it", s.Name, ErrPlan)
		}
		s.At, s.Planned = e.At, body
		s.Plan.Images, s.Plan.Rules, s.Plan.Permits, s.Sites, s.Program = h.Images, h.Rules, h.Permits, h.Sites, h.Program
		for _, name := range h.Waves {
			s.Plan.Waves = append(s.Plan.Waves, Wave{Name: name})
		}
	case journal.RunBegun:
		if s.runs == nil {
			s.runs = map[string]SiteRun{}
		}
		s.runs[body.Site] = SiteRun{body.Run, body.By, e.At}
		if s.Site != "" && body.Site != "" && body.Site != s.Site {
			break
		}
		s.Control.Run, s.Route, s.By, s.begun = body.Run, body.Route, body.By, e.Seq
	case journal.SiteCounted:
		s.count(body)
	case journal.FlagsKept:
		s.Kept = body
	case journal.WaveOpened:
		s.Control.Opened = max(s.Control.Opened, body.Wave)
	case journal.Paused:
		s.Control.Paused, s.Reason = true, body.Reason
	case journal.Stopped:
		s.Control.Stopped, s.Reason = true, body.Reason
	case journal.Resumed:
		s.Control.Paused, s.Control.Stopped, s.Reason = false, false, ""
		s.Control.Forgiven = s.Control.reached
	case journal.LimitReached:
		s.Control.reached = max(s.Control.reached, body.Wave)
	}
	return nil
}

// place puts the phones into the plan.
func (s *Saved) place(entries []entry) error {
	s.Plan.Phones = make([]Phone, len(entries))
	seen := make([]bool, len(entries))
	for _, e := range entries {
		if e.Index < 0 || e.Index >= len(entries) || seen[e.Index] || e.Wave >= len(s.Plan.Waves) {
			return fmt.Errorf("rollout %q: %w", s.Name, ErrIncomplete)
		}
		seen[e.Index] = true
		s.Plan.Phones[e.Index] = e.Phone
	}
	byIndex := make([]int, len(entries))
	for _, e := range entries {
		byIndex[e.Index] = e.Wave
	}
	for i, w := range byIndex {
		if w >= 0 {
			s.Plan.Waves[w].Phones = append(s.Plan.Waves[w].Phones, i)
		}
	}
	return nil
}

// A CauseFunc says of which class a failure is, and whether it may pass. Whether a phone of it is tried again depends on more.
type CauseFunc func(kind fleet.Kind, instructed bool) (cause Cause, mayPass bool)

// State returns what decisions need.
func (s *Saved) State(causes CauseFunc) State {
	state := State{Control: s.Control}
	if s.Site != "" {
		state.Other = s.others(s.Site)
	}
	for _, steps := range s.Steps {
		state.Phones = append(state.Phones, progress(steps, causes))
	}
	return state
}

// Step returns which of its images a phone gets next, or the last one.
func (s *Saved) Step(phone int) int { return current(s.Steps[phone]) }

// current returns the first step without a good outcome, or the last one.
func current(steps []journal.State) int {
	for i, st := range steps {
		if st.Outcome == nil || st.Outcome.Result == journal.Failed {
			return i
		}
	}
	return len(steps) - 1
}

// progress returns how far a phone is.
func progress(steps []journal.State, causes CauseFunc) Progress {
	st := steps[current(steps)]
	p := Progress{Attempts: st.Failed, At: st.At}
	switch {
	case st.Outcome != nil && st.Outcome.Result == journal.Failed:
		p.Ended = true
		p.Cause, _ = causes(fleet.Kind(st.Outcome.Failure), st.Outcome.Instructed)
	case st.Outcome != nil:
		p.Ended, p.Updated = true, true
	case !st.Told.IsZero():
		p.Instructed = true
	case st.LetGo != nil && st.LetGo.Again:
		p.Ended, p.MayPass = true, true
		p.Cause, _ = causes(fleet.Kind(st.LetGo.Failure), false)
	}
	return p
}
