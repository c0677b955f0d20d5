package record

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// maxEarlier is how many earlier runs with one phone are looked at.
const maxEarlier = 50

// earlier returns the targets with what an earlier run did with them, if its end is not known: it was killed, or the power
// failed. A run that still goes on lets go of such a phone: this one took over.
func (r *Run) earlier(ctx context.Context, targets []fleet.Target) ([]fleet.Target, error) {
	known := slices.Clone(targets)
	for i := range known {
		t := &known[i]
		found, err := r.unfinished(ctx, t.Address, r.phones[i].listed)
		if err == nil && found == nil && t.MAC != "" {
			found, err = r.unfinished(ctx, t.MAC, r.phones[i].listed)
		}
		if err != nil {
			return nil, err
		}
		if found == nil || found.Target != r.image.Version {
			continue
		}
		r.writer.Note(r.phones[i].key, journal.Event{At: time.Now(), Body: journal.TookOver{
			Rollout: found.rollout, Told: found.StepAt, Version: found.Target, Before: found.Before,
		}})
		b := found.Before
		t.Earlier = &fleet.Earlier{
			At:     found.StepAt,
			Before: fleet.Device{Type: b.Type, SoftwareType: b.SoftwareType, Version: b.Version, PartNumber: b.PartNumber, MAC: b.MAC},
		}
	}
	return known, nil
}

// Earlier returns how many of the targets an earlier run instructed.
func Earlier(targets []fleet.Target) int {
	n := 0
	for _, t := range targets {
		if t.Earlier != nil {
			n++
		}
	}
	return n
}

// told is the state of a phone that was instructed, and the run that did it.
type told struct {
	journal.State
	rollout string
}

// unfinished returns the newest run that instructed a phone and whose end is not known, nil if there is none. A run that was listed
// after this one is passed over: it takes over from this one, not the other way round.
func (r *Run) unfinished(ctx context.Context, name string, listed journal.Seq) (*told, error) {
	seen := 0
	for key, err := range r.ledger.Find(ctx, name) {
		if err != nil {
			return nil, err
		}
		if key.Rollout == r.rollout {
			continue
		}
		if seen++; seen > maxEarlier {
			break
		}
		state, err := r.takeOver(ctx, key, listed)
		switch {
		case err != nil:
			return nil, err
		case state.Outcome != nil:
			return nil, nil //nolint:nilnil // the last run with it has an end
		case !state.Told.IsZero():
			return &told{state, key.Rollout}, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// takeOver notes in a stream without an outcome that this run took over, so that another process that still writes there can
// take no step any more that cannot be undone. It returns the state until then.
func (r *Run) takeOver(ctx context.Context, key journal.Key, listed journal.Seq) (journal.State, error) {
	const tries = 5
	var failure error
	for range tries {
		var state journal.State
		for event, err := range r.ledger.Read(ctx, key) {
			if err != nil {
				return state, err
			}
			if state.Events == 0 && event.Seq > listed {
				return state, nil
			}
			state = state.Apply(event)
		}
		if state.Outcome != nil || state.Events == 0 {
			return state, nil
		}
		gone := journal.LetGo{Run: r.id, Failure: string(fleet.KindTaken), Text: "taken over by " + r.rollout}
		_, failure = r.ledger.Append(ctx, key, state.Seq, journal.Event{At: time.Now(), Body: gone})
		if !errors.Is(failure, journal.ErrConflict) {
			return state, failure
		}
	}
	return journal.State{}, failure
}
