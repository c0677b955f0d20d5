package report

import (
	"iter"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// Schema is the version of the JSON form. Within it, fields are only added.
const Schema = 1

// A Report is what the journal says of a rollout. Its JSON names never change.
type Report struct {
	Schema    int            `json:"schema"`
	Rollout   string         `json:"rollout"`
	State     State          `json:"state"`
	Reason    string         `json:"reason,omitempty"` // why it is paused or stopped
	Made      time.Time      `json:"made"`             // when this report was made
	Planned   time.Time      `json:"planned"`
	Begun     time.Time      `json:"begun,omitzero"` // with the first phone
	Ended     time.Time      `json:"ended,omitzero"` // with the last phone, if the rollout is complete
	By        journal.Origin `json:"by"`             // who planned it
	Runs      []Run          `json:"runs"`
	Images    []Image        `json:"images"`
	Rules     Rules          `json:"rules"`
	Counts    Counts         `json:"counts"`
	Waves     []Wave         `json:"waves"`
	Causes    []Cause        `json:"causes"`
	Left      []Group        `json:"left_alone"` // by why
	Models    []Group        `json:"models"`
	Versions  []Change       `json:"versions"`
	Overrides []Override     `json:"overrides"`
	Slowest   []string       `json:"slowest"` // addresses, the slowest first
	Phones    []Phone        `json:"phones"`  // in the order of the plan
	Log       []Event        `json:"events"`  // of the rollout itself

	place *time.Location // in which people read times
	last  time.Time      // of the last event
}

// A State says how far a rollout is.
type State string

// The states of a rollout.
const (
	Complete   State = "complete"   // every phone that gets an image has an outcome
	Stopped    State = "stopped"    // a person stopped it
	Limited    State = "limit"      // a limit is reached
	Paused     State = "paused"     // a person paused it
	Unfinished State = "unfinished" // it is running, or was interrupted
	Unbegun    State = "planned"    // no phone was begun
)

// A Run is a process that carried out the rollout.
type Run struct {
	At    time.Time      `json:"at"`
	By    journal.Origin `json:"by"`
	Route journal.Route  `json:"route"`
}

// An Image is one of the files of the rollout.
type Image struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	SoftwareType string `json:"software_type,omitempty"`
	SHA256       string `json:"sha256"`
	Size         int64  `json:"size_bytes"`
	Phones       int    `json:"phones"` // that get it
}

// Rules are the rules of the plan, as its flags have them.
type Rules struct {
	StopOn    []string `json:"stop_on"`
	Pause     string   `json:"pause,omitempty"`
	Window    string   `json:"window,omitempty"`
	Parallel  int      `json:"parallel,omitempty"`
	PerSubnet int      `json:"per_subnet,omitempty"`
	StartRate float64  `json:"start_rate,omitempty"` // phones in a minute
	Attempts  int      `json:"attempts,omitempty"`
}

// A Wave is one wave. A phone that is in several waves counts in the last of them.
type Wave struct {
	Number int       `json:"wave"` // from 1
	Name   string    `json:"name"`
	Begun  time.Time `json:"begun,omitzero"`
	Ended  time.Time `json:"ended,omitzero"` // when the last phone got its outcome
	Counts Counts    `json:"counts"`
}

// Options are what a report needs besides the journal.
type Options struct {
	At       time.Time                // when the report is made
	Location *time.Location           // in which people read times; nil is UTC
	Running  bool                     // phones that have no recorded end are in progress, and do not need somebody
	Advice   func(kind string) string // the next step for a kind of failure; PHONE in it stands for the phone's address; may be nil
}

// New makes a report. records are the events of all streams of the rollout, as [journal.Ledger.ReadAll] returns them. Reading a
// large journal takes longer than the report: who keeps the events can give them to [rollout.FromRecords] as well.
func New(s *rollout.Saved, records iter.Seq2[journal.Record, error], o Options) (*Report, error) {
	b := newBuilder(s, o)
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		b.add(r)
	}
	return b.report(), nil
}

// A builder makes a report.
type builder struct {
	saved   *rollout.Saved
	options Options
	streams map[string]place // by the phone of the key
	waves   []int            // of each phone, from 1; 0: none
	events  [][]Event        // of each phone
	begun   []time.Time      // of each phone: when the first run began with it
	runs    []Run
	log     []Event
	last    time.Time // of the last event
	limited bool      // a limit is reached, and nobody went on in spite of it
	advice  map[string]string
}

// A place is a step of a phone.
type place struct{ phone, step int }

func newBuilder(s *rollout.Saved, o Options) *builder {
	if o.Location == nil {
		o.Location = time.UTC
	}
	n := len(s.Plan.Phones)
	b := &builder{
		saved: s, options: o, streams: make(map[string]place, n), waves: make([]int, n), events: make([][]Event, n), begun: make([]time.Time, n),
		advice: map[string]string{},
	}
	for i, p := range s.Plan.Phones {
		for step := range max(len(p.Images), 1) {
			b.streams[s.Key(i, step).Phone] = place{i, step}
		}
	}
	for w, wave := range s.Plan.Waves {
		for _, i := range wave.Phones {
			b.waves[i] = w + 1
		}
	}
	return b
}

// add takes over an event.
func (b *builder) add(r journal.Record) {
	if r.Event.At.After(b.last) {
		b.last = r.Event.At
	}
	if r.Key.Phone == "" {
		b.addToRollout(r.Event)
		return
	}
	at, known := b.streams[r.Key.Phone]
	if !known {
		return // of a newer program
	}
	if _, begun := r.Event.Body.(journal.Begun); begun {
		if first := b.begun[at.phone]; first.IsZero() || r.Event.At.Before(first) {
			b.begun[at.phone] = r.Event.At
		}
	}
	b.events[at.phone] = appendEvent(b.events[at.phone], eventOf(r.Event, at.step))
}

// addToRollout takes over an event of the rollout itself.
func (b *builder) addToRollout(e journal.Event) {
	switch body := e.Body.(type) {
	case journal.Planned, journal.SiteCounted: // the phones say it
		return
	case journal.RunBegun:
		if len(b.runs) < maxRuns {
			b.runs = append(b.runs, Run{e.At, origin(body.By), route(body.Route)})
		}
	case journal.LimitReached:
		b.limited = true
	case journal.Resumed:
		b.limited = false
	}
	b.log = appendEvent(b.log, eventOf(e, 0))
}

// report returns the report of all that was added.
func (b *builder) report() *Report {
	s := b.saved
	r := &Report{
		Schema: Schema, Rollout: s.Name, Reason: bounded(s.Reason), Made: b.options.At, Planned: s.At, By: origin(s.Planned.By), Runs: b.runs,
		Rules: rulesOf(s.Plan.Rules), Log: b.log, place: b.options.Location, last: b.last,
	}
	for i := range s.Plan.Phones {
		r.Phones = append(r.Phones, b.phone(i))
	}
	for _, image := range s.Plan.Images {
		r.Images = append(r.Images, Image{
			Name: bounded(image.Name), Version: versionText(image.Version), SoftwareType: bounded(image.SoftwareType), SHA256: bounded(image.SHA256), Size: image.Size,
		})
	}
	for _, p := range s.Plan.Phones {
		for _, i := range p.Images {
			if i >= 0 && i < len(r.Images) { // a plan that is damaged has others
				r.Images[i].Phones++
			}
		}
	}
	b.sum(r)
	r.State = b.state(r)
	if r.State != Complete {
		r.Ended = time.Time{}
	}
	return r
}

// state returns how far the rollout is.
func (b *builder) state(r *Report) State {
	switch control := b.saved.Control; {
	case r.Counts.open() == 0 && r.Counts.LeftAlone < r.Counts.Phones:
		return Complete
	case control.Stopped:
		return Stopped
	case b.limited:
		return Limited
	case control.Paused:
		return Paused
	case r.Begun.IsZero() && r.Counts.NotBegun+r.Counts.LeftAlone == r.Counts.Phones:
		return Unbegun
	}
	return Unfinished
}

func rulesOf(rules rollout.Rules) Rules {
	out := Rules{
		StopOn: []string{}, Pause: string(rules.Pause), Window: rules.Window.String(), Parallel: rules.Parallel, PerSubnet: rules.PerSubnet,
		StartRate: rules.StartRate, Attempts: rules.Attempts,
	}
	for _, limit := range rules.StopOn {
		out.StopOn = append(out.StopOn, limit.String())
	}
	return out
}

func origin(o journal.Origin) journal.Origin {
	return journal.Origin{User: bounded(o.User), Host: bounded(o.Host), Tool: bounded(o.Tool)}
}

func route(r journal.Route) journal.Route {
	return journal.Route{Way: bounded(r.Way), Server: bounded(r.Server), Profile: bounded(r.Profile), Listen: bounded(r.Listen)}
}
