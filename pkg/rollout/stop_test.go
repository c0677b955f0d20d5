package rollout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestResume cuts a run off at many moments, by a crash, and goes on with the next one.
func TestResume(t *testing.T) {
	for _, crash := range []bool{true, false} {
		for at := time.Second; at < 12*time.Minute; at += 21 * time.Second {
			t.Run(at.String(), func(t *testing.T) {
				inTime(t, 3, func(t *testing.T, w *world) {
					w.plan(rollout.Rules{Parallel: 2, Settle: 15 * time.Minute}, []int{direct}, 1, 2)
					p := w.process(nil).start()
					time.Sleep(at)
					if crash {
						w.place.Crash(func(int) int { return 0 })
						w.ledger = w.place.Open()
					}
					p.cancel()
					_ = p.server.Close()
					if _, err := p.wait(); err == nil {
						t.Skip("it had ended") // a moment after the end says nothing
					}
					if d := w.run(nil); d.Verb != rollout.Done || strings.Contains(w.ends(), "-") {
						t.Errorf("%v, %s", d, w.ends())
					}
					for i, p := range w.phones {
						end, s := strings.Fields(w.ends())[i], p.State()
						if s.Instructed > 1 || (end == "updated") != (s.Version == newVersion) {
							t.Errorf("phone %d: %s, instructed %d times, runs %s", i, end, s.Instructed, s.Version)
						}
					}
				})
			})
		}
	}
}

// TestTwoRuns begins a second run while the first one is busy: the first one lets go, and no phone is instructed twice.
func TestTwoRuns(t *testing.T) {
	for at := time.Second; at < 270*time.Second; at += 19 * time.Second {
		t.Run(at.String(), func(t *testing.T) {
			inTime(t, 6, func(t *testing.T, w *world) {
				w.plan(rollout.Rules{Parallel: 2}, []int{direct}, 6)
				first := w.process(nil).start()
				time.Sleep(at)
				second := w.process(nil).start()
				_, err := first.wait()
				if taken := (*rollout.TakenError)(nil); !errors.As(err, &taken) || taken.By.User != "tech" {
					t.Errorf("the first one: %v", err)
				}
				if d, err := second.wait(); err != nil || d.Verb != rollout.Done {
					t.Errorf("the second one: %v, %v", d, err)
				}
				for i, p := range w.phones {
					end, s := strings.Fields(w.ends())[i], p.State()
					if s.Instructed != 1 || (end == "updated") != (s.Version == newVersion) {
						t.Errorf("phone %d: %s, instructed %d times, runs %s", i, end, s.Instructed, s.Version)
					}
				}
			})
		})
	}
}

// TestFullDisk lets the journal fail while phones are on their way: no further phone is instructed, and the run says why it ends.
func TestFullDisk(t *testing.T) {
	inTime(t, 4, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{Parallel: 1}, []int{direct}, 4)
		p := w.process(nil).start()
		time.Sleep(3 * time.Second)
		w.place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: journal.ErrFull} })
		_, err := p.wait()
		if !errors.Is(err, journal.ErrFull) {
			t.Errorf("%v", err)
		}
		instructed := 0
		for _, p := range w.phones {
			instructed += p.State().Instructed
		}
		if instructed != 1 {
			t.Errorf("%d phones were instructed", instructed)
		}
		w.place.Fail(nil)
		if d := w.run(nil); d.Verb != rollout.Done || strings.Contains(w.ends(), "-") {
			t.Errorf("%v, %s", d, w.ends())
		}
		for i, p := range w.phones {
			if p.State().Instructed > 1 {
				t.Errorf("phone %d was instructed twice", i)
			}
		}
	})
}

// TestBrokenImage ends a run whose image changes: phones that were not instructed are left for the next run.
func TestBrokenImage(t *testing.T) {
	inTime(t, 3, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{Parallel: 1}, []int{direct}, 3)
		changed := errors.New("the file has changed")
		_, err := w.process(func(e *rollout.Engine) {
			target := e.Target
			e.Target = func(phone, image int) fleet.Target {
				t := target(phone, image)
				copied := *t.Image
				copied.Unchanged = func(context.Context) error { return changed }
				t.Image = &copied
				return t
			}
		}).start().wait()
		if !errors.Is(err, changed) || w.ends() != "- - -" {
			t.Errorf("%v, %s", err, w.ends())
		}
		if d := w.run(nil); d.Verb != rollout.Done || w.ends() != "updated updated updated" {
			t.Errorf("%v, %s", d, w.ends())
		}
	})
}
