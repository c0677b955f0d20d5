package main

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// rollout runs a command of rollout, with a journal in a folder, until the context ends. ahead is how far the clock of the machine is
// ahead, as the journal has it.
func (s *site) rollout(ctx context.Context, folder string, ahead time.Duration, args ...string) ran {
	s.t.Helper()
	a, out, errOut := s.app()
	a.record.Connect = func(ctx context.Context, _ string) (journal.Ledger, error) {
		ledger, err := sqlite.Open(ctx, filepath.Join(folder, "journal.db"))
		return aheadLedger{ledger, ahead}, err
	}
	a.record.Folder = folder
	if args[0] == "run" {
		certificate, key := clitest.ServiceFiles(s.t)
		args = append(args, "--service-cert", certificate, "--service-key", key)
	}
	c := run(ctx, a, append([]string{"rollout"}, args...))
	return ran{c, out.String(), errOut.String()}
}

// An aheadLedger is the ledger of a machine whose clock is ahead.
type aheadLedger struct {
	journal.Ledger
	by time.Duration
}

func (l aheadLedger) late(events []journal.Event) []journal.Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].At = events[i].At.Add(l.by)
	}
	return events
}

func (l aheadLedger) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	return l.Ledger.Append(ctx, key, after, l.late(events)...)
}

func (l aheadLedger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	batches = slices.Clone(batches)
	for i := range batches {
		batches[i].Events = l.late(batches[i].Events)
	}
	return l.Ledger.AppendAll(ctx, batches)
}

// TestRolloutClockSetBack stops a run at many moments, and goes on after the clock was set back by two hours: no phone is instructed
// twice, and none is waited for until the clock is where it was.
func TestRolloutClockSetBack(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	for _, at := range []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, 5 * time.Minute, 9 * time.Minute, 14 * time.Minute, 20 * time.Minute} {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				folder := s.t.TempDir()
				phones := []*phonesim.Phone{s.phone("", nil), s.phone("ignores-contact", nil), s.phone("", nil), s.phone("", nil)}
				s.plan(folder, 2*time.Hour, image, phones, "--parallel", "2", "--waves", "3,rest")
				ctx, stop := context.WithTimeout(s.t.Context(), at)
				defer stop()
				if r := s.rollout(ctx, folder, 2*time.Hour, "run", "spring"); r.code != exit.CodeInterrupted {
					s.t.Fatalf("exit code %d\n%s", r.code, r.errOut)
				}
				begun := time.Now()
				r := s.rollout(s.t.Context(), folder, 0, "run", "spring")
				if took := time.Since(begun); r.code != exit.CodePartial || took > 50*time.Minute {
					s.t.Errorf("exit code %d after %s\n%s%s", r.code, took, r.out, r.errOut)
				}
				for i, phone := range phones {
					want := map[bool]int{true: 1}[i != 1]
					if state := phone.State(); state.Instructed != want || (state.Version.String() == versionNew) != (want == 1) {
						s.t.Errorf("phone %d was instructed %d times, and runs %s", i+1, state.Instructed, state.Version)
					}
				}
			})
		})
	}
}

// plan plans the rollout "spring" of an image to phones.
func (s *site) plan(folder string, ahead time.Duration, image string, phones []*phonesim.Phone, flags ...string) {
	s.t.Helper()
	list := []string{"address,mac,model,hw_level"}
	for _, phone := range phones {
		list = append(list, phone.Address()+","+phone.State().MAC+",CP600,3")
	}
	args := []string{"plan", image, "--phones", listOf(s.t, list...), "--offline", "--name", "spring", "--pause", "none", "--stop-on", "any=100"}
	if r := s.rollout(s.t.Context(), folder, ahead, append(args, flags...)...); r.code != exit.CodeOK {
		s.t.Fatalf("plan: %d\n%s", r.code, r.errOut)
	}
}

// TestRolloutWindowAndClock sets the clock back, from within the window of a rollout to two hours before it: no phone is begun until the
// window opens again.
func TestRolloutWindowAndClock(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		const day = 24 * time.Hour
		folder := s.t.TempDir()
		var mu sync.Mutex
		early := map[string]bool{} // addresses of phones that were contacted before the window
		watching := false
		var phones []*phonesim.Phone
		for range 4 {
			phones = append(phones, s.phone("", func(c *phonesim.Config) {
				c.Event = func(e phonesim.Event) {
					mu.Lock()
					defer mu.Unlock()
					if hour := time.Now().Local().Hour(); e.Kind == phonesim.Contacted && watching && hour >= 6 && hour < 22 {
						early[c.Listen] = true
					}
				}
			}))
		}
		until := func(hour int) {
			now := time.Now().Local()
			at := time.Date(now.Year(), now.Month(), now.Day(), hour, 0, 0, 0, time.Local)
			if !at.After(now) {
				at = at.AddDate(0, 0, 1)
			}
			time.Sleep(time.Until(at))
		}
		until(23)
		s.plan(folder, day, image, phones, "--parallel", "1", "--waves", "rest", "--window", "22:00-06:00")
		ctx, stop := context.WithTimeout(s.t.Context(), 40*time.Second)
		defer stop()
		_ = s.rollout(ctx, folder, day, "run", "spring") // its end is that of the next one
		told := map[string]bool{}
		for _, phone := range phones {
			told[phone.Address()] = phone.State().Instructed > 0
		}
		until(21) // of the next day, when the journal has 23:00 of that day
		mu.Lock()
		watching = true
		mu.Unlock()
		if r := s.rollout(s.t.Context(), folder, 0, "run", "spring"); r.code != exit.CodeOK {
			s.t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, phone := range phones {
			if state := phone.State(); state.Instructed != 1 || early[phone.Address()] && !told[phone.Address()] {
				s.t.Errorf("%s was instructed %d times; contacted before the window: %v", phone.Address(), state.Instructed, early[phone.Address()])
			}
		}
	})
}
