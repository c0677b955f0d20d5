package journal_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// events returns events a second apart.
func events(bodies ...journal.Body) []journal.Event {
	var all []journal.Event
	for i, body := range bodies {
		all = append(all, journal.Event{Seq: journal.Seq(10 + i), At: journaltest.At(i), Body: body})
	}
	return all
}

var (
	listed      = journal.Listed{Address: "192.0.2.7", Wave: 1}
	begun       = journal.Begun{Run: "r1", Attempt: 1}
	old         = journal.Reported{Device: journal.Device{Version: "V1 R3.1.0"}}
	fresh       = journal.Reported{Device: journal.Device{Version: "V1 R4.9.0"}}
	checked     = journal.Checked{Verdict: "fits"}
	instructing = journal.Instructing{Run: "r1", Attempt: 1, Version: "V1 R4.9.0"}
	sending     = journal.Sending{Run: "r1", Attempt: 1, Version: "V1 R4.9.0", Size: 100}
	failed      = journal.Outcome{Result: journal.Failed, Failure: "rejected"}
)

// TestNext is the table of what a run does after a stop at any moment: after each event of each way.
func TestNext(t *testing.T) {
	type step struct {
		body journal.Body
		want journal.Action
		kind journal.Kind // the last durable step
	}
	const leave, begin, query = journal.Leave, journal.Begin, journal.Query
	for name, way := range map[string][]step{
		"update": {
			{listed, begin, "listed"},
			{begun, begin, "begun"},
			{old, begin, "reported"},
			{checked, begin, "checked"},
			{instructing, query, "instructing"},
			{journal.Instructed{}, query, "instructed"},
			{journal.Accepted{}, query, "accepted"},
			{journal.Fetching{Bytes: 1, Size: 9}, query, "fetching"},
			{journal.Fetched{Bytes: 9}, query, "fetched"},
			{journal.Restarting{}, query, "restarting"},
			{journal.Back{}, query, "back"},
			{fresh, query, "back"},
			{journal.Outcome{Result: journal.Updated}, leave, "back"},
			{journal.Note{Text: "later"}, leave, "back"},
		},
		"web page": {
			{begun, begin, "begun"},
			{sending, query, "sending"},
			{journal.Sent{Bytes: 100}, query, "sent"},
			{journal.Restarting{}, query, "restarting"},
			{failed, leave, "restarting"},
		},
		"busy": {
			{begun, begin, "begun"},
			{instructing, query, "instructing"},
			{journal.Instructed{}, query, "instructed"},
			{journal.Busy{}, begin, "listed"},
			{instructing, query, "instructing"},
			{journal.Accepted{}, query, "accepted"},
		},
		"interrupted, and a second run": {
			{begun, begin, "begun"},
			{journal.LetGo{Run: "r1", Failure: "interrupted"}, begin, "begun"},
			{journal.Begun{Run: "r2", Attempt: 1}, begin, "begun"},
			{instructing, query, "instructing"},
			{journal.LetGo{Run: "r2", Failure: "interrupted"}, query, "instructing"},
			{journal.Begun{Run: "r3", Attempt: 2}, query, "instructing"},
			{old, query, "instructing"},
			{checked, query, "instructing"},
			{listed, query, "instructing"},
			{journal.Outcome{Result: journal.Failed, Failure: "unproven"}, leave, "instructing"},
			{journal.Retry{}, begin, "listed"},
			{journal.Begun{Run: "r4", Attempt: 1}, begin, "begun"},
		},
		"late events after an outcome": {
			{begun, begin, "begun"},
			{failed, leave, "begun"},
			{journal.Begun{}, leave, "begun"},
			{old, leave, "begun"},
			{journal.Busy{}, leave, "begun"},
			{journal.Back{}, leave, "begun"},
			{journal.LetGo{}, leave, "begun"},
			{instructing, leave, "begun"},
			{journal.Outcome{Result: journal.Updated}, leave, "begun"},
		},
		"retry of a phone that is on its way": {
			{instructing, query, "instructing"},
			{journal.Retry{}, begin, "listed"},
		},
		"a program that lost the barrier": {
			{begun, begin, "begun"},
			{journal.Restarting{}, query, "restarting"},
		},
		"from a newer program": {
			{journal.Unknown{Name: "tomorrow"}, begin, ""},
			{instructing, query, "instructing"},
			{journal.Unknown{Name: "tomorrow"}, query, "instructing"},
			{nil, query, "instructing"},
			{journal.Paused{}, query, "instructing"}, // of the rollout's stream
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			var s journal.State
			if got := journal.Next(s, journaltest.At(0), time.Minute).Action; got != begin {
				t.Errorf("without events: %s", got)
			}
			for i, step := range way {
				s = s.Apply(journal.Event{At: journaltest.At(i), Body: step.body})
				if got := journal.Next(s, journaltest.At(i), time.Minute).Action; got != step.want || s.Step != step.kind {
					t.Errorf("after event %d, %#v: %s at %q, want %s at %q", i, step.body, got, s.Step, step.want, step.kind)
				}
			}
		})
	}
}

// TestSettle is when a phone that reports its old version is unproven.
func TestSettle(t *testing.T) {
	at := func(minutes float64) time.Time {
		return journaltest.At(0).Add(time.Duration(minutes * float64(time.Minute)))
	}
	told := journal.State{}.Apply(journal.Event{At: at(0), Body: instructing})
	restarted := told.Apply(journal.Event{At: at(6), Body: journal.Restarting{}})
	queried := restarted.Apply(journal.Event{At: at(9), Body: journal.Begun{Run: "r2"}}).Apply(journal.Event{At: at(10), Body: old})
	for _, test := range []struct {
		name  string
		state journal.State
		now   float64
		until float64
		over  bool
	}{
		{"just told", told, 0, 15, false},
		{"a moment before", told, 14.999, 15, false},
		{"at once", told, 15, 15, true},
		{"a laptop that slept", told, 120, 15, true},
		{"counted from the last step", restarted, 15, 21, false},
		{"a query is no step", queried, 21, 21, true},
		{"clock set back an hour", restarted, -54, -39, false},
		{"clock set back a year", restarted, -525600, -525585, false},
	} {
		got := journal.Next(test.state, at(test.now), 15*time.Minute)
		if !got.Until.Equal(at(test.until)) || got.Over(at(test.now)) != test.over || got.Action != journal.Query {
			t.Errorf("%s: %s until %s, over: %t", test.name, got.Action, got.Until, got.Over(at(test.now)))
		}
	}
	done := told.Apply(journal.Event{At: at(1), Body: failed})
	if got := journal.Next(done, at(99), 0); !got.Until.IsZero() || got.Over(at(99)) {
		t.Errorf("with an outcome: %v", got)
	}
	if got := fmt.Sprint(journal.Begin, journal.Query, journal.Leave); got != "begin query first leave alone" {
		t.Error(got)
	}
}

func TestFold(t *testing.T) {
	override := []journal.Override{{Rule: "downgrade", Reason: "ticket 17"}}
	retry := events(listed, begun, old, journal.Checked{Verdict: "fits", Overrides: override}, instructing, journal.Fetching{Bytes: 7, Size: 9},
		journal.Fetching{Bytes: 5, Size: 9}, fresh, journal.Note{Text: "seen"}, failed)
	s := journal.Fold(retry)
	want := journal.State{
		Seq: 19, Events: 10, At: journaltest.At(9), Listed: listed, Step: journal.KindFetching, StepAt: journaltest.At(6),
		Run: "r1", Attempt: 1, Told: journaltest.At(4), Target: "V1 R4.9.0", Commands: 1, Before: old.Device, After: fresh.Device,
		Bytes: 7, Size: 9, Overrides: override, Outcome: &failed, OutcomeAt: journaltest.At(9), Note: "seen",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	again := s.Apply(journal.Event{Seq: 20, At: journaltest.At(20), Body: journal.Retry{}}).Apply(journal.Event{At: journaltest.At(21), Body: fresh}).
		Apply(journal.Event{At: journaltest.At(22), Body: sending})
	if again.Outcome != nil || again.Retries != 1 || again.Retried != 20 || again.Before != fresh.Device || again.After != (journal.Device{}) || again.Bytes != 0 ||
		again.Commands != 2 || again.Size != 100 || !again.Told.Equal(journaltest.At(22)) {
		t.Errorf("after a retry: %+v", again)
	}
	if !reflect.DeepEqual(s, want) {
		t.Error("Apply has changed its receiver")
	}
}

// someBody returns a body of any type.
func someBody(random *rand.Rand) journal.Body {
	all := journaltest.Bodies()
	return all[random.IntN(len(all))]
}

// TestFoldInParts folds random streams in two parts, and those of several phones in random batches: the states are the same. A
// phone that was told is never begun anew but after Busy or Retry.
func TestFoldInParts(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test that repeats
		streams := make([][]journal.Event, 3)
		for i := range streams {
			for n := range random.IntN(30) {
				streams[i] = append(streams[i], journal.Event{Seq: journal.Seq(n + 1), At: journaltest.At(n), Body: someBody(random)})
			}
		}
		states, rest := make([]journal.State, 3), [3][]journal.Event(streams)
		for len(rest[0])+len(rest[1])+len(rest[2]) > 0 {
			i := random.IntN(3)
			n := min(random.IntN(4), len(rest[i]))
			for _, event := range rest[i][:n] {
				before := states[i]
				states[i] = states[i].Apply(event)
				checkStep(t, seed, before, states[i], event)
			}
			rest[i] = rest[i][n:]
		}
		for i, stream := range streams {
			if want := journal.Fold(stream); !reflect.DeepEqual(states[i], want) {
				t.Fatalf("seed %d: got %+v, want %+v", seed, states[i], want)
			}
		}
	}
}

// checkStep checks what holds for every event.
func checkStep(t *testing.T, seed uint64, before, after journal.State, event journal.Event) {
	t.Helper()
	now := journaltest.At(100)
	was, is := journal.Next(before, now, time.Hour), journal.Next(after, now, time.Hour)
	switch event.Body.(type) {
	case journal.Busy:
		if was.Action == journal.Leave && is.Action != journal.Leave {
			t.Fatalf("seed %d: busy takes an outcome back", seed)
		}
	case journal.Retry:
		if is.Action != journal.Begin {
			t.Fatalf("seed %d: after a retry: %s", seed, is.Action)
		}
	case journal.Outcome:
		if is.Action != journal.Leave {
			t.Fatalf("seed %d: after an outcome: %s", seed, is.Action)
		}
	default:
		if was.Action != journal.Begin && is.Action == journal.Begin || was.Action == journal.Leave && is.Action != journal.Leave {
			t.Fatalf("seed %d: %#v makes %s of %s", seed, event.Body, is.Action, was.Action)
		}
	}
	if event.Body.Kind() == journal.KindInstructing && is.Action == journal.Begin {
		t.Fatalf("seed %d: a phone that was told is begun anew", seed)
	}
	if after.Events != before.Events+1 {
		t.Fatalf("seed %d: %d events after %d", seed, after.Events, before.Events)
	}
}
