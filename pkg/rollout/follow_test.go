package rollout_test

import (
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// recordsOf returns records as a ledger does.
func recordsOf(all []journal.Record) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestFollow carries out a rollout with phones that fail, and follows its journal: after each event, the follower knows what reading the
// journal anew says. Events that come twice, and what another reader knows, change nothing.
func TestFollow(t *testing.T) {
	inTime(t, 2, func(t *testing.T, w *world) {
		w.phone("refuse-deployment")
		w.phone("contact-404")
		w.plan(rollout.Rules{Attempts: 2}, []int{direct}, 1, 3)
		w.run(nil)
		all := journaltest.List(t, w.ledger.ReadAll(t.Context(), name))
		slices.SortStableFunc(all, func(a, b journal.Record) int { return int(a.Event.Seq) - int(b.Event.Seq) }) //nolint:gosec // few events
		begin := slices.IndexFunc(all, func(r journal.Record) bool { return r.Event.Body.Kind() == journal.KindRunBegun })
		f, err := rollout.Follow(name, recordsOf(all[:begin]))
		fatal(t, err)
		whole, err := rollout.Follow(name, recordsOf(all))
		fatal(t, err)
		for n := begin + 1; n <= len(all); n++ {
			f.Apply(all[n-1])
			f.Apply(all[begin])
			want, err := rollout.FromRecords(name, recordsOf(all[:n]))
			fatal(t, err)
			if !reflect.DeepEqual(f.Saved, want) {
				t.Fatalf("after %v: %+v, want %+v", all[n-1], f.Saved, want)
			}
		}
		if f.Seq != whole.Seq || !f.Last.Equal(whole.Last) || f.Meter.Phones != whole.Meter.Phones || f.Meter.Phones != 2 {
			t.Errorf("%d %v %d, want %d %v %d", f.Seq, f.Last, f.Meter.Phones, whole.Seq, whole.Last, whole.Meter.Phones)
		}
		needs := ""
		for i := range f.Saved.Plan.Phones {
			if _, needy := f.Saved.Progress(i, causes); needy {
				needs += string(rune('0' + i))
			}
		}
		if needs != "23" {
			t.Errorf("%q need somebody", needs)
		}
		early, err := rollout.Follow(name, recordsOf(all[:begin]))
		fatal(t, err)
		before := early.Saved
		early.Detach()
		if early.Saved == before || !reflect.DeepEqual(early.Saved, before) {
			t.Error("not the same rollout")
		}
		early.Take(whole.Saved)
		if before.Control != (rollout.Control{}) || before.Steps[0][0].Outcome != nil {
			t.Errorf("changed: %+v", before)
		}
		if !reflect.DeepEqual(early.Saved.Steps, whole.Saved.Steps) || early.Saved.Control != whole.Saved.Control {
			t.Errorf("%+v", early.Saved)
		}
		if f.Apply(journal.Record{Key: journal.Key{Rollout: name, Phone: "of a newer program"}}) != -1 {
			t.Error("a stream that is not of the plan is one of a phone")
		}
	})
}

// TestMeter measures phones that were updated, and no others.
func TestMeter(t *testing.T) {
	t.Parallel()
	var m rollout.Meter
	if _, ok := m.Measured(); ok {
		t.Error("none was measured")
	}
	at := func(phone string, minute float64, body journal.Body) {
		m.Add(journal.Record{Key: journal.Key{Rollout: name, Phone: phone}, Event: journal.Event{At: time.Unix(0, 0).Add(time.Duration(minute * float64(time.Minute))), Body: body}})
	}
	updated := journal.Outcome{Result: journal.Updated}
	at("a", 0, journal.Begun{})
	at("b", 1, journal.Begun{})
	at("a", 2, journal.Fetched{})
	at("a", 3, journal.Restarting{}) // the place was free before
	at("a", 8, updated)
	at("b", 5, journal.Sent{})
	at("b", 5, updated)
	for _, other := range []func(){
		func() { at("c", 0, updated) }, // its beginning is not known
		func() { at("d", 0, journal.Begun{}); at("d", 9, journal.Outcome{Result: journal.Failed}) },
		func() { at("e", 0, journal.Begun{}); at("e", 9, journal.Outcome{Result: journal.NothingToDo}) },
		func() {
			at("f", 0, journal.Begun{})
			at("f", 1, journal.Fetched{})
			at("f", 2, journal.LetGo{})
			at("f", 9, updated)
		},
		func() { at("g", 0, journal.Begun{}); at("g", 1, journal.TookOver{}); at("g", 9, updated) },
		func() { at("h", 9, journal.Begun{}); at("h", 9, journal.Fetched{}); at("h", 1, updated) }, // the clock was set back
	} {
		other()
	}
	if got, ok := m.Measured(); !ok || m.Phones != 2 || got.Whole != 6*time.Minute || got.Slot != 3*time.Minute {
		t.Errorf("%+v, %v, of %d", got, ok, m.Phones)
	}
}
