package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// earlier returns the targets with what an earlier run did with them, if its end is not known: it was killed, or the power
// failed. A run that still goes on lets go of such a phone: this one took over. It also returns the last event of each phone.
func (r *Run) earlier(ctx context.Context, targets []fleet.Target) ([]fleet.Target, []journal.Seq, error) {
	known, last := slices.Clone(targets), make([]journal.Seq, len(targets))
	var batches []journal.Batch
	var of []int
	for i := range known {
		last[i] = r.phones[i].listed
		found, err := r.unfinished(ctx, r.phones[i].listed, contactAddress(known[i].Address), known[i].Address, known[i].MAC)
		if err != nil {
			return nil, nil, err
		}
		if found == nil || found.Target != r.image.Version {
			continue
		}
		b := found.Before
		known[i].Earlier = &fleet.Earlier{
			At:     found.at,
			Before: fleet.Device{Type: b.Type, SoftwareType: b.SoftwareType, Version: b.Version, PartNumber: b.PartNumber, MAC: b.MAC},
		}
		took := journal.TookOver{Rollout: found.rollout, Told: found.at, Version: found.Target, Before: found.Before}
		batches = append(batches, journal.Batch{Key: r.phones[i].key, After: last[i], Events: []journal.Event{{At: time.Now(), Body: took}}})
		of = append(of, i)
	}
	for n, answer := range r.ledger.AppendAll(ctx, batches) {
		switch {
		case answer.Err == nil:
			last[of[n]] = answer.Seq
		case !errors.Is(answer.Err, journal.ErrConflict): // a later run took over already
			return nil, nil, answer.Err
		}
	}
	return known, last, nil
}

// elsewhere refuses a phone that an earlier run instructed under another address a short time ago: it may still install.
func (r *Run) elsewhere(ctx context.Context, p *phone) error {
	p.mu.Lock()
	mac := p.mac
	p.mu.Unlock()
	if mac == "" {
		return nil
	}
	found, err := r.unfinished(ctx, math.MaxUint64, mac) // whichever run was listed first
	if err != nil || found == nil || found.Target != r.image.Version {
		return err
	}
	until := found.at.Add(r.settle)
	if !time.Now().Before(until) {
		return nil
	}
	return &fleet.Failure{Kind: fleet.KindTaken, Msg: fmt.Sprintf("an earlier run instructed it as %s at %s, and how that ended is not known: it is left alone until %s",
		found.name, found.at.Local().Format(time.DateTime), until.Local().Format(time.TimeOnly))}
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
	rollout, name string
	at            time.Time // its last step; now if the clock was set back since
}

// unfinished returns the newest run that instructed a phone of one of these names and whose end is not known, nil if there is none. A run
// that was listed after this one is passed over: it takes over from this one, not the other way round.
func (r *Run) unfinished(ctx context.Context, listed journal.Seq, names ...string) (*told, error) {
	var done []string
	for _, name := range names {
		if name = journal.Name(name); name == "" || slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		if found, err := r.unfinishedOf(ctx, listed, name); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// unfinishedOf is unfinished for one name.
func (r *Run) unfinishedOf(ctx context.Context, listed journal.Seq, name string) (*told, error) {
	for key, err := range r.ledger.Find(ctx, name) {
		if err != nil {
			return nil, err
		}
		if key.Rollout == r.rollout {
			continue
		}
		state, err := r.takeOver(ctx, key, listed)
		switch {
		case err != nil:
			return nil, err
		case state.Outcome != nil:
			return nil, nil //nolint:nilnil // the last run with it has an end
		case !state.Told.IsZero():
			at := state.StepAt
			if now := time.Now(); at.After(now) {
				at = now
			}
			return &told{state, key.Rollout, key.Phone, at}, nil
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
		if state.Outcome != nil || state.Events == 0 || state.LetGo != nil && state.LetGo.Failure == string(fleet.KindTaken) {
			return state, nil // its process can write no more
		}
		gone := journal.LetGo{Run: r.id, Failure: string(fleet.KindTaken), Text: "taken over by " + r.rollout}
		_, failure = r.ledger.Append(ctx, key, state.Seq, journal.Event{At: time.Now(), Body: gone})
		if !errors.Is(failure, journal.ErrConflict) {
			return state, failure
		}
	}
	return journal.State{}, failure
}
