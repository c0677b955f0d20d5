package journaltest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

func TestMemoryConforms(t *testing.T) {
	journaltest.Conform(t, func(*testing.T) (one, other journal.Ledger) {
		place := journaltest.NewMemory()
		return place.Open(), place.Open()
	})
}

// TestMemoryForgets crashes after each number of events: what a barrier precedes stays, and the stream goes on from there.
func TestMemoryForgets(t *testing.T) {
	bodies := []journal.Body{
		journal.Begun{}, journal.Checked{}, journal.Instructing{}, journal.Instructed{}, journal.Fetching{}, journal.Retry{}, journal.Begun{}, journal.Note{},
	}
	durable := []int{0, 0, 0, 3, 3, 3, 6, 6, 6}
	key := journal.Key{Rollout: "spring", Phone: "a"}
	for _, keepAll := range []bool{false, true} {
		for count := range len(bodies) + 1 {
			place := journaltest.NewMemory()
			l := place.Open()
			var seq journal.Seq
			for i, body := range bodies[:count] {
				var err error
				if seq, err = l.Append(t.Context(), key, seq, journaltest.Event(i, body)); err != nil {
					t.Fatal(err)
				}
			}
			place.Crash(func(n int) int {
				if n != count-durable[count] {
					t.Errorf("%d events: %d are loose", count, n)
				}
				if keepAll {
					return n + 1
				}
				return -1
			})
			if _, err := l.Append(t.Context(), key, seq, journaltest.Event(0, journal.Note{})); !errors.Is(err, journaltest.ErrDown) {
				t.Errorf("the dead process still writes: %v", err)
			}
			l = place.Open()
			events := journaltest.List(t, l.Read(t.Context(), key))
			want := durable[count]
			if keepAll {
				want = count
			}
			if len(events) != want {
				t.Errorf("%d events: %d stay, want %d", count, len(events), want)
			}
			seq = 0
			if len(events) > 0 {
				seq = events[len(events)-1].Seq
			}
			if _, err := l.Append(t.Context(), key, seq, journaltest.Event(0, journal.Note{})); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestMemoryCrashEndsWatch ends a watch of a process that is gone.
func TestMemoryCrashEndsWatch(t *testing.T) {
	place := journaltest.NewMemory()
	l := place.Open()
	go place.Crash(func(n int) int { return n })
	for _, err := range l.Watch(t.Context(), "spring", 0) {
		if !errors.Is(err, journaltest.ErrDown) {
			t.Error(err)
		}
		break
	}
}

// TestBodies fails when a kind has no body in the list that other tests use.
func TestBodies(t *testing.T) {
	var kinds []journal.Kind
	for _, body := range journaltest.Bodies() {
		kinds = append(kinds, body.Kind())
	}
	slices.Sort(kinds)
	if n := len(slices.Compact(kinds)); n != 29 {
		t.Errorf("%d kinds", n)
	}
}
