package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// ErrNothing reports that a command changes nothing.
var ErrNothing = errors.New("there is nothing to change")

// change adds events to the stream of a rollout, as a function of what is decided about it by then. Workers of many sites may do so at
// the same time: who loses tries again after a pause that depends on who it is. s is what is known already; nil if that is nothing.
func change(ctx context.Context, l journal.Ledger, name, who string, s *Saved, decide func(*Saved) ([]journal.Body, error)) (err error) {
	const tries = 100
	for try := range tries {
		if wait := backOff(who, try); wait > 0 {
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}
		if s == nil {
			s, err = readControl(ctx, l, name)
		} else if try > 0 {
			s, err = s.refreshed(ctx, l)
		}
		if err != nil {
			return err
		}
		bodies, err := decide(s)
		if err != nil {
			return err
		}
		var events []journal.Event
		for _, body := range bodies {
			events = append(events, journal.Event{At: time.Now(), Body: body})
		}
		_, err = l.Append(ctx, journal.Key{Rollout: name}, s.Seq, events...)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("rollout %q: %w", name, journal.ErrConflict)
}

// backOff returns how long somebody waits who lost so often, at most two seconds.
func backOff(who string, try int) time.Duration {
	if try == 0 {
		return 0
	}
	hash := fnv.New32()
	fmt.Fprint(hash, who, try)
	return time.Duration(hash.Sum32()%uint32(min(20<<min(try, 10), 2000))) * time.Millisecond //nolint:gosec // positive
}

// KeepFlags notes the flags of a run, so that a later one can go on with them.
func KeepFlags(ctx context.Context, l journal.Ledger, name string, kept journal.FlagsKept) error {
	return change(ctx, l, name, kept.By.User, nil, func(*Saved) ([]journal.Body, error) { return []journal.Body{kept}, nil })
}

// Hold pauses a rollout until [Resume]. Phones that are on their way are followed to their end.
func Hold(ctx context.Context, l journal.Ledger, name string, by journal.Origin, reason string) error {
	return change(ctx, l, name, by.User, nil, func(s *Saved) ([]journal.Body, error) {
		if s.Control.Paused || s.Control.Stopped {
			return nil, ErrNothing
		}
		return []journal.Body{journal.Paused{By: by, Reason: reason}}, nil
	})
}

// End stops a rollout: the run ends when the phones that are on their way have ended. [Resume] allows another run.
func End(ctx context.Context, l journal.Ledger, name string, by journal.Origin, reason string) error {
	return change(ctx, l, name, by.User, nil, func(s *Saved) ([]journal.Body, error) {
		if s.Control.Stopped {
			return nil, ErrNothing
		}
		return []journal.Body{journal.Stopped{By: by, Reason: reason}}, nil
	})
}

// Resume lets a rollout go on: it ends a pause, a stop, and the effect of a limit on its wave, and opens the wave that waits for a
// person.
func Resume(ctx context.Context, l journal.Ledger, name string, by journal.Origin, causes CauseFunc) error {
	loaded, err := Load(ctx, l, name)
	if err != nil {
		return err
	}
	return change(ctx, l, name, by.User, nil, func(s *Saved) ([]journal.Body, error) {
		var bodies []journal.Body
		now := *loaded
		now.Control, now.counted = s.Control, s.counted
		d := now.Plan.gate(now.State(causes))
		if sums := now.bySums(); sums.Verb == Over && d.Verb != Done {
			d = sums // the sites stopped for it
		}
		if d.Verb == Over && now.Control.reached <= d.Wave {
			bodies = append(bodies, limitReached(&now, d, causes))
			now.Control.reached = d.Wave + 1
		}
		if d.Verb == Over || now.Control.Paused || now.Control.Stopped {
			bodies = append(bodies, journal.Resumed{By: by})
			now.Control.Paused, now.Control.Stopped, now.Control.Forgiven = false, false, now.Control.reached
		}
		if d = now.Plan.gate(now.State(causes)); d.Verb == Ask {
			bodies = append(bodies, opened(&now, now.State(causes), d))
		}
		if len(bodies) == 0 {
			return nil, ErrNothing
		}
		return bodies, nil
	})
}

// Open opens a wave that a person was asked about, if it still waits for one and nothing else holds it back: another person may have paused or
// stopped the rollout, or opened the wave, before the answer came. Then the error is [ErrNothing].
func Open(ctx context.Context, l journal.Ledger, name string, wave int, by journal.Origin, causes CauseFunc) error {
	loaded, err := Load(ctx, l, name)
	if err != nil {
		return err
	}
	return change(ctx, l, name, by.User, nil, func(s *Saved) ([]journal.Body, error) {
		now := *loaded
		now.Control, now.counted = s.Control, s.counted
		d := now.Plan.gate(now.State(causes))
		if d.Verb != Ask || d.Wave != wave {
			return nil, ErrNothing
		}
		return []journal.Body{opened(&now, now.State(causes), d)}, nil
	})
}

// Retry lets phones that ended badly begin anew: in their wave, before the waves that follow it. It also lets a phone be instructed
// again that may have been instructed before. What a person decided is about phones as s has them: one that has changed since is left as it is,
// and the error is a [RetryError].
func Retry(ctx context.Context, l journal.Ledger, s *Saved, phones []int, by journal.Origin, reason string, causes CauseFunc) error {
	if len(phones) == 0 {
		return ErrNothing
	}
	var batches []journal.Batch
	for _, i := range phones {
		step := s.Step(i)
		batches = append(batches, journal.Batch{
			Key: keyOf(s.Name, s.Plan.Phones[i], step), After: s.Steps[i][step].Seq,
			Events: []journal.Event{{At: time.Now(), Body: journal.Retry{By: by, Reason: reason}}},
		})
	}
	var allowed []int
	var failed error
	for n, answer := range l.AppendAll(ctx, batches) {
		switch {
		case answer.Err == nil:
			allowed = append(allowed, phones[n])
		case failed == nil || errors.Is(failed, journal.ErrConflict):
			failed = answer.Err
		}
	}
	if len(allowed) > 0 {
		err := change(ctx, l, s.Name, by.User, nil, func(*Saved) ([]journal.Body, error) {
			note := journal.Note{Text: "phones were allowed to begin anew"} // wakes a run that waits
			return append(s.retried(allowed, causes), note), nil
		})
		if failed == nil || errors.Is(failed, journal.ErrConflict) {
			failed = cmp.Or(err, failed)
		}
	}
	if failed != nil {
		return &RetryError{Allowed: len(allowed), Phones: len(phones), Err: failed}
	}
	return nil
}

// A RetryError reports that not all of it was done.
type RetryError struct {
	Allowed int // phones that may begin anew
	Phones  int // that were to
	Err     error
}

func (e *RetryError) Error() string {
	switch changed := errors.Is(e.Err, journal.ErrConflict); {
	case e.Allowed == e.Phones:
		return fmt.Sprintf("%d of %d phones may begin anew, but a run that waits does not notice: %v", e.Allowed, e.Phones, e.Err)
	case changed && e.Allowed == 0:
		return "no phone was allowed to begin anew: they have changed since they were read"
	case changed:
		return fmt.Sprintf("%d of %d phones may begin anew; the others have changed since they were read", e.Allowed, e.Phones)
	}
	return fmt.Sprintf("%d of %d phones may begin anew: %v", e.Allowed, e.Phones, e.Err)
}

func (e *RetryError) Unwrap() error { return e.Err }

// Failed returns the phones that ended badly and are not tried again by the rollout itself, of the given causes, or of all if none is
// given.
func (s *Saved) Failed(causes CauseFunc, only ...Cause) []int {
	var phones []int
	state := s.State(causes)
	for i, at := range state.Phones {
		if !at.Ended || at.Updated || s.Plan.mayRetry(at) || !s.Plan.Phones[i].GetsImage() {
			continue
		}
		match := len(only) == 0
		for _, cause := range only {
			match = match || cause == at.Cause || cause == AnyCause
		}
		if match {
			phones = append(phones, i)
		}
	}
	return phones
}
