package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// TestDiscard writes by a Writer into a ledger that keeps nothing: nothing is lost, and nothing is found.
func TestDiscard(t *testing.T) {
	t.Parallel()
	var l journal.Ledger = journal.Discard{}
	ctx, key := t.Context(), journal.Key{Rollout: "spring", Phone: "192.0.2.50"}
	seq, err := journal.Create(ctx, l, "spring", time.Now(), journal.Planned{})
	if err != nil || seq == 0 {
		t.Errorf("%d, %v", seq, err)
	}
	w := journal.NewWriter(ctx, l)
	for range 3 {
		w.Note(key, journal.Event{At: time.Now(), Body: journal.Restarting{}})
		if err := w.Barrier(ctx, key, journal.Event{At: time.Now(), Body: journal.Instructing{}}); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(ctx); err != nil || len(w.Losses()) > 0 {
		t.Errorf("%v, %v", err, w.Losses())
	}
	if n := len(journaltest.List(t, l.Read(ctx, key))) + len(journaltest.List(t, l.ReadAll(ctx, "spring"))) +
		len(journaltest.List(t, l.Rollouts(ctx, journal.Filter{}))) + len(journaltest.List(t, l.Find(ctx, "192.0.2.50"))); n > 0 {
		t.Errorf("it kept %d", n)
	}
	ended, cancel := context.WithCancelCause(ctx)
	why := errors.New("enough")
	cancel(why)
	for _, err := range l.Watch(ended, "spring", 0) {
		if !errors.Is(err, why) {
			t.Error(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
