package rollout

import (
	"iter"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Follower keeps a rollout up to date, event by event, as its journal grows.
type Follower struct {
	Saved *Saved
	Seq   journal.Seq // of the newest event
	Last  time.Time   // of the newest event
	Meter Meter

	streams map[string][2]int // by the phone of the key: phone and step
}

// Follow returns a follower of the rollout that events of all of its streams amount to.
func Follow(name string, records iter.Seq2[journal.Record, error]) (*Follower, error) {
	f := &Follower{streams: map[string][2]int{}}
	s, err := FromRecords(name, func(yield func(journal.Record, error) bool) {
		for r, err := range records {
			if err == nil {
				f.note(r)
				f.Meter.Add(r)
			}
			if !yield(r, err) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	f.Saved = s
	for i, steps := range s.Steps {
		for step := range steps {
			f.streams[s.Key(i, step).Phone] = [2]int{i, step}
		}
	}
	return f, nil
}

func (f *Follower) note(r journal.Record) {
	f.Seq = max(f.Seq, r.Event.Seq)
	if r.Event.At.After(f.Last) {
		f.Last = r.Event.At
	}
}

// Apply takes over an event, and returns the phone of the plan that it is about, -1 if it is about none. An event that is known
// already changes nothing.
func (f *Follower) Apply(r journal.Record) (phone int) {
	f.note(r)
	if r.Key.Phone == "" {
		if r.Event.Seq > f.Saved.Seq {
			_ = f.Saved.apply(r.Event) // only the first event can be wrong, and it was read before
		}
		return -1
	}
	at, known := f.streams[r.Key.Phone]
	if !known {
		return -1
	}
	f.Meter.Add(r)
	if st := &f.Saved.Steps[at[0]][at[1]]; r.Event.Seq > st.Seq {
		*st = st.Apply(r.Event)
	}
	return at[0]
}

// Detach makes the rollout the follower's own: whoever has it from before sees no further change.
func (f *Follower) Detach() {
	own := f.Saved.copied()
	own.Steps = make([][]journal.State, len(f.Saved.Steps))
	for i, steps := range f.Saved.Steps {
		own.Steps[i] = slices.Clone(steps)
	}
	f.Saved = own
}

// Take takes over what another reader of the journal knows, where that is newer.
func (f *Follower) Take(s *Saved) {
	if s.Seq > f.Saved.Seq {
		own := f.Saved.Steps
		*f.Saved = *s.copied()
		f.Saved.Steps = own
	}
	for i, steps := range s.Steps {
		for step, st := range steps {
			if st.Seq > f.Saved.Steps[i][step].Seq {
				f.Saved.Steps[i][step] = st
			}
		}
	}
}

// Progress returns how far a phone is. needs reports whether it needs somebody: it ended badly, and the rollout does not try it again
// by itself.
func (s *Saved) Progress(phone int, causes CauseFunc) (p Progress, needs bool) {
	p = progress(s.Steps[phone], causes)
	return p, p.Ended && !p.Updated && !s.Plan.mayRetry(p) && s.Plan.Phones[phone].GetsImage()
}
