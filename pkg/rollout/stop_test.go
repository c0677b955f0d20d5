package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// TestTakenOverBeforeItInstructs has a second run begin after the first one has contacted a phone, and before it instructs it. The second
// run has not come to that phone yet, so nothing in the phone's own stream stops the first one. It leaves the phone alone all the same.
func TestTakenOverBeforeItInstructs(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
			inTime(t, 1, func(t *testing.T, w *world) {
				w.plan(rollout.Rules{Parallel: 1}, []int{direct}, 1)
				p := w.process(nil)
				l := &takenLedger{Ledger: p.Ledger, late: late}
				p.Ledger = l
				_, err := p.start().wait()
				if taken := (*rollout.TakenError)(nil); !errors.As(err, &taken) {
					t.Errorf("late %v: %v", late, err)
				}
				if s := w.phones[0].State(); !l.took || s.Instructed != 0 {
					t.Errorf("late %v: taken over %v, instructed %d times", late, l.took, s.Instructed)
				}
				var steps []journal.Kind
				for event, err := range w.ledger.Read(t.Context(), l.key) {
					fatal(t, err)
					steps = append(steps, event.Body.Kind())
				}
				if told := slices.Contains(steps, journal.KindInstructing); told != late || slices.Contains(steps, journal.KindInstructed) {
					t.Errorf("late %v: %v", late, steps)
				}
			})
		})
	}
}

// A takenLedger lets another run begin the rollout once the phone was begun. Or later: it cannot be reached for a while when it is to record
// that the phone will be instructed, and another run begins meanwhile.
type takenLedger struct {
	journal.Ledger
	late, took bool
	key        journal.Key // of the phone
}

// AppendAll is AppendAll of the ledger.
func (l *takenLedger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	has := func(kind journal.Kind) bool {
		return slices.ContainsFunc(batches, func(b journal.Batch) bool {
			l.key = b.Key
			return slices.ContainsFunc(b.Events, func(e journal.Event) bool { return e.Body.Kind() == kind })
		})
	}
	if l.late && has(journal.KindInstructing) {
		time.Sleep(time.Minute)
		l.take(ctx)
	}
	answers := l.Ledger.AppendAll(ctx, batches)
	if !l.late && has(journal.KindBegun) {
		l.take(ctx)
	}
	return answers
}

func (l *takenLedger) take(ctx context.Context) {
	var last journal.Seq
	for event, err := range l.Read(ctx, journal.Key{Rollout: name}) {
		if err != nil {
			return // nobody took over, and the test says so
		}
		last = event.Seq
	}
	_, err := l.Append(ctx, journal.Key{Rollout: name}, last, journal.Event{At: time.Now(), Body: journal.RunBegun{Run: "another"}})
	l.took = err == nil
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

// TestRetryInPart lets phones begin anew, one of which has changed since it was read. The others may begin anew, a run that waits gets to know that, and
// the error says so.
func TestRetryInPart(t *testing.T) {
	fail := journal.Outcome{Result: journal.Failed, Failure: "rejected"}
	for which, row := range map[string]struct {
		changed []int
		fault   func([]journal.Batch) journaltest.Fault
		says    string
		noted   bool
	}{
		"none changed": {noted: true},
		"one changed":  {changed: []int{1}, says: "2 of 3 phones may begin anew; the others have changed since they were read", noted: true},
		"all changed":  {changed: []int{0, 1, 2}, says: "no phone was allowed to begin anew: they have changed since they were read"},
		"not recorded": {fault: func(batches []journal.Batch) (f journaltest.Fault) {
			if batches[0].Key.Phone == "" {
				f.Err = journal.ErrFull
			}
			return f
		}, says: "3 of 3 phones may begin anew, but a run that waits does not notice: no space is left"},
	} {
		t.Run(which, func(t *testing.T) {
			inTime(t, 3, func(t *testing.T, w *world) {
				w.plan(rollout.Rules{}, []int{direct}, 3)
				for i, steps := range w.load().Steps {
					_, err := w.ledger.Append(t.Context(), w.load().Key(i, 0), steps[0].Seq, journal.Event{At: time.Now(), Body: fail})
					fatal(t, err)
				}
				s := w.load()
				for _, i := range row.changed {
					_, err := w.ledger.Append(t.Context(), s.Key(i, 0), s.Steps[i][0].Seq, journal.Event{At: time.Now(), Body: journal.Note{Text: "somebody looked at it"}})
					fatal(t, err)
				}
				w.place.Fail(row.fault)
				err := rollout.Retry(t.Context(), w.ledger, s, s.Failed(causes), journal.Origin{User: "boss"}, "", causes)
				w.place.Fail(nil)
				part := (*rollout.RetryError)(nil)
				if said := errors.As(err, &part); said != (row.says != "") || said && err.Error() != row.says {
					t.Errorf("retry: %v", err)
				}
				now := w.load()
				if failed := now.Failed(causes); !slices.Equal(failed, row.changed) {
					t.Errorf("failed: %v", failed)
				}
				if noted := now.Seq > s.Seq; noted != row.noted {
					t.Errorf("noted: %t", noted)
				}
			})
		})
	}
}
