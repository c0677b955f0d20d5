package rolloutcmd

import (
	"context"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// watchTime is how often Watch looks whether something else comes next.
const watchTime = 250 * time.Millisecond

// Watch shows a rollout as it happens, whichever process carries it out, until it ends. It changes nothing.
func Watch(ctx context.Context, env Env, name string) error {
	if name == "" {
		return exit.Usage("rollout status", "NAME is missing: --watch shows one rollout")
	}
	ledger, f, err := openFollowed(ctx, env, name)
	if err != nil {
		return err
	}
	defer ledger.Close()
	env.Console.KeepPipes()
	v := newView(env.Console, f)
	v.watch, v.typed = true, typed(env, name)
	if f.Meter.Phones == 0 {
		v.base = earlier(ctx, ledger)
	}
	if err := env.Console.Emit(followedStatus(f), statusText(env.Console, f.Saved, lastText(f, typed(env, name), time.Now()))); err != nil {
		return err
	}
	if over(f.Saved, time.Now()) {
		return nil
	}
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	read := make(chan error, 1)
	go func() { read <- v.read(reading, ledger) }()
	if err = v.untilOver(ctx, read); err == nil {
		cancel()
		<-read //nolint:errcheck // the context's cause
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.endBar()
	switch {
	case ctx.Err() != nil:
		return exit.Errorf(exit.CodeInterrupted, "to see how it goes: cpupdate rollout status "+typed(env, name), "interrupted: the rollout was only watched, and is not changed")
	case err != nil:
		return failure(env, name, err)
	}
	return env.Console.Emit(followedStatus(f), statusText(env.Console, f.Saved, lastText(f, typed(env, name), time.Now())))
}

// untilOver shows what comes next whenever that changes, until the rollout is over or cannot be read any more.
func (v *view) untilOver(ctx context.Context, read <-chan error) error {
	ticker := time.NewTicker(watchTime)
	defer ticker.Stop()
	for {
		if v.look(time.Now()) {
			return nil
		}
		select {
		case err := <-read:
			return err
		case <-ctx.Done():
			return <-read
		case <-ticker.C:
		}
	}
}

// look shows what comes next, and reports whether the rollout is over.
func (v *view) look(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changed(now)
	if v.bar != nil {
		v.update(waveOf(v.f.Saved, v.wave), now)
	}
	return over(v.f.Saved, now)
}

// changed shows what comes next if that changed. The lock is held.
func (v *view) changed(now time.Time) {
	s := v.f.Saved
	if s.Control.Run == "" {
		return
	}
	if d := s.Plan.Decide(s.State(causes), now); d.Verb != v.next.Verb || d.Wave != v.next.Wave {
		v.show(d)
	}
}

// over reports whether nothing more happens to a rollout, unless a person goes on with it.
func over(s *rollout.Saved, now time.Time) bool {
	state := s.State(causes)
	switch s.Plan.Decide(state, now).Verb {
	case rollout.Done:
		return true
	case rollout.Over, rollout.Stop:
		for _, at := range state.Phones {
			if at.Instructed && !at.Ended {
				return false
			}
		}
		return true
	}
	return false
}
