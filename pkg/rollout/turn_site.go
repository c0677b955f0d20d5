package rollout

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// publishing lets the other sites know of phones that end badly while the turn goes on. The function that it returns ends that.
func (t *turn) publishing(ctx context.Context) (stop func()) {
	if t.e.Site == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.failed:
				t.publish(ctx)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// publish records the sums of this site, for as long as this run has the site.
func (t *turn) publish(ctx context.Context) {
	for ctx.Err() == nil {
		t.mu.Lock()
		known := t.control
		bodies := known.sums(&t.saved.Plan, t.state)
		t.mu.Unlock()
		if len(bodies) == 0 || known.Control.Run != t.e.Begun.Run {
			return
		}
		_, err := t.e.append(ctx, known, bodies)
		if err == nil {
			err = t.look(ctx, 0)
		}
		t.mu.Lock()
		again := err != nil || t.control == known
		t.mu.Unlock()
		if again && pause(ctx, lookAgain) != nil {
			return
		}
	}
}

// look takes over what was decided and counted since the last look, unless that is more recent than a time.
func (t *turn) look(ctx context.Context, every time.Duration) error {
	t.looking.Lock()
	defer t.looking.Unlock()
	if now := time.Now(); !t.looked.IsZero() && now.Sub(t.looked) < every {
		return nil
	}
	t.mu.Lock()
	known := t.control
	t.mu.Unlock()
	now, err := known.refreshed(ctx, t.e.Ledger)
	if err != nil {
		return err
	}
	var phones *Saved
	if now.stale {
		if phones, err = now.reloaded(ctx, t.e.Ledger); err != nil {
			return err
		}
		now = phones
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = time.Now()
	if now == known {
		return nil
	}
	t.control, t.state.Control = now, now.Control
	if t.e.Site == "" {
		return nil
	}
	t.state.Other = now.others(t.e.Site)
	if phones != nil {
		t.rebase(phones)
	}
	if d := t.saved.Plan.gate(t.state); d.Verb != Run || d.Wave != t.wave {
		t.hold()
	}
	return nil
}

// rebase takes over what a person allowed since the turn began: phones that begin anew. Of the phones of the turn itself, the turn
// knows more than the journal. The lock is held.
func (t *turn) rebase(s *Saved) {
	state := s.State(t.e.Causes)
	mine := map[int]bool{}
	for _, i := range t.phones {
		mine[i] = true
	}
	for i := range state.Phones {
		if !mine[i] || retries(s.Steps[i]) > retries(t.saved.Steps[i]) {
			t.state.Phones[i] = state.Phones[i]
		}
	}
	t.ended = t.saved.Plan.endedHere(t.state, t.wave)
}

func retries(steps []journal.State) (n int) {
	for _, st := range steps {
		n += st.Retries
	}
	return n
}

// drain waits until everything that was noted is recorded: a worker that cannot reach the ledger keeps what it saw until it can. It
// gives up when the context or [Engine.Leave] end, and when waiting does not help.
func (t *turn) drain(ctx context.Context) {
	for t.e.Leave != nil && slices.ContainsFunc(t.writer.Losses(), passes) {
		select {
		case <-ctx.Done():
			return
		case <-t.e.Leave:
			return
		case <-time.After(journal.Delay):
		}
	}
}

// passes reports whether what is lost may still be recorded.
func passes(loss journal.Loss) bool {
	return !slices.ContainsFunc(
		[]error{
			journal.ErrConflict, journal.ErrInvalid, journal.ErrFull, journal.ErrReadOnly, journal.ErrDamaged, journal.ErrNewer, journal.ErrForeign, journal.ErrDenied, journal.ErrGone,
		},
		func(kind error) bool { return errors.Is(loss.Err, kind) })
}
