package rollout_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A wrongClock is the ledger as a machine sees it whose clock is ahead of that of all others, or behind it: what others recorded seems to have
// happened earlier, and what it records itself seems to others to have happened later.
type wrongClock struct {
	journal.Ledger
	ahead time.Duration
}

func (l wrongClock) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	moved := make([]journal.Batch, len(batches))
	for i, batch := range batches {
		moved[i] = journal.Batch{Key: batch.Key, After: batch.After}
		for _, event := range batch.Events {
			event.At = event.At.Add(l.ahead)
			moved[i].Events = append(moved[i].Events, event)
		}
	}
	return l.Ledger.AppendAll(ctx, moved)
}

func (l wrongClock) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := l.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

func (l wrongClock) Read(ctx context.Context, key journal.Key) iter.Seq2[journal.Event, error] {
	return func(yield func(journal.Event, error) bool) {
		for event, err := range l.Ledger.Read(ctx, key) {
			event.At = event.At.Add(-l.ahead)
			if !yield(event, err) {
				return
			}
		}
	}
}

func (l wrongClock) ReadAll(ctx context.Context, name string) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for record, err := range l.Ledger.ReadAll(ctx, name) {
			record.Event.At = record.Event.At.Add(-l.ahead)
			if !yield(record, err) {
				return
			}
		}
	}
}

// TestWrongClock has workers of a site of which one has a clock that is wrong by an hour, in either direction. The first one dies at some moment, and
// the other one takes over. No phone is instructed twice; a phone that did update is at worst called unproven.
func TestWrongClock(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		for _, first := range []bool{true, false} {
			for at := time.Second; at < 8*time.Minute; at += 53 * time.Second {
				t.Run(fmt.Sprintf("%s first %t at %s", ahead, first, at), func(t *testing.T) {
					inTime(t, 3, func(t *testing.T, w *world) { wrongClockDies(t, w, ahead, first, at) })
				})
			}
		}
	}
}

// wrongClockDies is one case of TestWrongClock.
func wrongClockDies(t *testing.T, w *world, ahead time.Duration, first bool, at time.Duration) {
	t.Helper()
	w.sites = []string{"berlin", "berlin", "berlin"}
	w.plan(rollout.Rules{Parallel: 2, Settle: 15 * time.Minute}, []int{direct}, 3)
	wrong := func(is bool) func(e *rollout.Engine) {
		return func(e *rollout.Engine) {
			if is {
				e.Ledger = wrongClock{e.Ledger, ahead}
			}
		}
	}
	p := w.worker("berlin", wrong(first)).start()
	time.Sleep(at)
	w.place.Crash(func(int) int { return 0 })
	w.ledger = w.place.Open()
	p.cancel()
	_ = p.server.Close()
	if _, err := p.wait(); err == nil {
		t.Skip("it had ended") // a moment after the end says nothing
	}
	if d, err := w.worker("berlin", wrong(!first)).start().wait(); err != nil || d.Verb != rollout.Done || strings.Contains(w.ends(), "-") {
		t.Errorf("%+v, %v: %s", d, err, w.ends())
	}
	for i, p := range w.phones {
		end, is := strings.Fields(w.ends())[i], p.State()
		if is.Instructed > 1 || end == "updated" && is.Version != newVersion || end != "updated" && end != "unproven" {
			t.Errorf("phone %d: %s, instructed %d times, runs %s", i, end, is.Instructed, is.Version)
		}
	}
}
