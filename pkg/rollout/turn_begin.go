package rollout

import (
	"context"
	"errors"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// errHeld is why a phone is not begun.
var errHeld = errors.New("the rollout begins no phone now")

// mayBegin waits until there is room in the phone's network, and the phone was not contacted a short time ago.
func (t *turn) mayBegin(ctx context.Context, n int) error {
	i := t.phones[n]
	settles := t.state.Phones[i].Instructed // it is only queried
	if !settles {
		if !t.begin || t.held.Err() != nil {
			return errHeld
		}
		var cancel context.CancelFunc
		ctx, cancel = t.until(ctx)
		defer cancel()
	}
	if err := t.quiet(ctx, t.last[n], t.saved.Steps[i]); err != nil {
		return t.orHeld(err)
	}
	if settles {
		return nil
	}
	return t.orHeld(t.nets.enter(ctx, t.saved.Plan.Phones[i].Address))
}

// until returns a context that also ends when no phone may be begun any more.
func (t *turn) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.held, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// orHeld returns why a wait ended.
func (t *turn) orHeld(err error) error {
	if err != nil && t.held.Err() != nil {
		return errHeld
	}
	return err
}

// quiet waits until a phone can be contacted that another run, or an earlier attempt or step, may have contacted a moment ago.
func (t *turn) quiet(ctx context.Context, last time.Time, steps []journal.State) error {
	gap := t.e.Gap
	if gap == 0 {
		gap = time.Minute
	}
	for _, st := range steps {
		if st.Run != "" && st.At.After(last) {
			last = st.At
		}
	}
	if since := time.Since(last); since >= 0 && since < gap {
		return pause(ctx, gap-since)
	}
	return nil
}

// mayContact decides whether a phone is begun now that the crew has a place for it, and records that.
func (t *turn) mayContact(ctx context.Context, n int) error {
	i := t.phones[n]
	if !t.state.Phones[i].Instructed {
		within, cancel := t.until(ctx)
		defer cancel()
		if err := t.open(within); err != nil {
			return err
		}
		if t.e.pace != nil {
			if err := t.e.pace.Wait(within); err != nil {
				return t.orHeld(err)
			}
			if err := t.open(within); err != nil {
				return err
			}
		}
	}
	if err := t.record(t.recs[n].Begin(ctx, t.state.Phones[i].Attempts+1)); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun[n] = true
	return nil
}

// commit records a step that cannot be undone, if no other run has taken over the rollout. Then it looks for another run that has the phone
// under another address: if two of them get here at the same moment, at least one sees the other. A rollout also looks before that: it may go
// on with the phone later.
func (t *turn) commit(ctx context.Context, n int, step fleet.Step) error {
	i, rec := t.phones[n], t.recs[n]
	elsewhere := func() error {
		return t.record(t.others.elsewhere(ctx, rec.MAC(), rec.Image.Version, t.saved.Steps[i][t.steps[n]]))
	}
	looked := time.Now()
	if !t.saved.Planned.Push {
		if err := t.newest(ctx); err != nil {
			return err
		}
		if err := elsewhere(); err != nil {
			return err
		}
	}
	if err := t.record(rec.Commit(ctx, step)); err != nil {
		return err
	}
	if err := elsewhere(); err != nil {
		return err
	}
	if time.Since(looked) >= lookAgain { // perhaps because the ledger could not be reached, and another run may have settled the phone meanwhile
		return t.newest(ctx)
	}
	return nil
}

// newest returns the failure of a phone if another run has taken over the rollout, or this site of it: it may not have come to the phone yet,
// so that the phone's stream does not tell.
func (t *turn) newest(ctx context.Context) error {
	if t.saved.Planned.Push {
		return nil // it has no second run
	}
	if err := t.look(ctx, 0); err != nil {
		return t.record(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.Control.Run == t.e.Begun.Run {
		return nil
	}
	t.hold()
	return &fleet.Failure{Kind: fleet.KindTaken, Msg: "another run of cpupdate has taken over the rollout, and this one left the phone alone"}
}

// record takes over an error of the journal: when it cannot record, no phone is begun any more.
func (t *turn) record(err error) error {
	if failure := (*fleet.Failure)(nil); err == nil || errors.As(err, &failure) || errors.Is(err, context.Canceled) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure == nil {
		t.failure = err
	}
	t.hold()
	return err
}

// open returns errHeld if no phone of the wave may be begun any more: limits, people, another run and the clock may be against it.
func (t *turn) open(ctx context.Context) error {
	if t.held.Err() != nil {
		return errHeld
	}
	err := t.look(ctx, lookAgain)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if t.failure == nil && t.held.Err() == nil {
			t.failure = err
		}
		t.hold()
		return errHeld
	}
	c, rules := t.state.Control, t.saved.Plan.Rules
	_, reached := rules.StopOn.Reached(with(t.ended, t.state.other(t.wave)), t.saved.Plan.size(t.state, t.wave))
	if t.held.Err() != nil || c.Stopped || c.Paused || c.Run != t.e.Begun.Run || reached && t.wave >= c.Forgiven || !rules.Window.Open(time.Now()) || !t.e.alive() {
		t.hold()
		return errHeld
	}
	return nil
}
