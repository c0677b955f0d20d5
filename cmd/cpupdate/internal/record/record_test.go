package record_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

const (
	address = "192.0.2.50"
	newOne  = "V1 R5.2.0"
	oldOne  = "V1 R4.9.0"
)

// A bench is a journal in memory and runs that write it.
type bench struct {
	t     *testing.T
	place *journaltest.Memory
	store *record.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, place: journaltest.NewMemory()}
	b.store = &record.Store{
		Folder: "/state", Origin: func() journal.Origin { return journal.Origin{User: "ada", Host: "laptop", Tool: "v1"} },
		Connect: func(context.Context, string) (journal.Ledger, error) { return b.place.Open(), nil },
	}
	return b
}

// run begins a run with phones.
func (b *bench) run(targets ...fleet.Target) (*record.Run, []fleet.Target) {
	b.t.Helper()
	r, err := b.store.Begin(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = r.Close(context.Background()) }) // of one that is killed, too: its goroutine ends
	known, err := r.List(b.t.Context(), record.Push{Image: journal.Image{Version: newOne, Size: 1000}, Settle: 15 * time.Minute}, targets)
	if err != nil {
		b.t.Fatal(err)
	}
	return r, known
}

// events returns what is recorded of a phone by the newest run, kind by kind, and its state.
func (b *bench) events(phone string) (kinds string, state journal.State) {
	b.t.Helper()
	ledger := b.place.Open()
	for r, err := range ledger.Rollouts(b.t.Context(), journal.Filter{Limit: 1}) {
		if err != nil {
			b.t.Fatal(err)
		}
		for event, err := range ledger.Read(b.t.Context(), journal.Key{Rollout: r.Name, Phone: phone}) {
			if err != nil {
				b.t.Fatal(err)
			}
			kinds += " " + string(event.Body.Kind())
			state = state.Apply(event)
		}
	}
	return strings.TrimSpace(kinds), state
}

func device(version string) fleet.Device {
	return fleet.Device{Type: "CP600", Version: version, MAC: "00:1A:E8:12:34:56"}
}

func fails(kind fleet.Kind, instructed, keeps bool) fleet.Event {
	return fleet.Event{Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: kind, Msg: "x", Instructed: instructed, Keeps: keeps}}
}

// A step is an event of a run, or a step that cannot be undone.
type step struct {
	event  fleet.Event
	commit fleet.Step
}

func events(list ...fleet.Event) (steps []step) {
	for _, e := range list {
		steps = append(steps, step{event: e})
	}
	return steps
}

// play lets the events of a run happen, a second apart.
func (b *bench) play(r *record.Run, steps []step) {
	b.t.Helper()
	for _, s := range steps {
		time.Sleep(time.Second)
		if s.commit != "" {
			if err := r.Commit(b.t.Context(), 0, s.commit); err != nil {
				b.t.Error(err)
			}
			continue
		}
		s.event.At = time.Now()
		r.Event(s.event)
	}
	if err := r.Close(b.t.Context()); err != nil {
		b.t.Error(err)
	}
}

// TestEvents records runs with one phone: which events, in which order, and what the next run does.
func TestEvents(t *testing.T) {
	t.Parallel()
	called := fleet.Event{Step: fleet.StepCalled, Device: device(oldOne)}
	verdict := &hwcheck.Verdict{Answer: hwcheck.Compatible, Reason: "agreed", Findings: []hwcheck.Finding{{Rule: "a", Outcome: hwcheck.Overridden}, {Rule: "b"}}}
	fetching := func(sent int64) fleet.Event {
		return fleet.Event{Step: fleet.StepFetching, Fetch: serve.Fetch{Sent: sent, Size: 1000}}
	}
	begin := append(events(fleet.Event{Step: fleet.StepContacted}, called, fleet.Event{Step: fleet.StepChecked, Verdict: verdict}), step{commit: fleet.StepInstructed})
	told := append(begin[:len(begin):len(begin)], events(fleet.Event{Step: fleet.StepInstructed})...)
	with := func(before []step, more ...fleet.Event) []step {
		return append(before[:len(before):len(before)], events(more...)...)
	}
	for name, row := range map[string]struct {
		steps []step
		kinds string
		next  journal.Action
		check func(s journal.State) bool
	}{
		"updated": {
			steps: with(told, fleet.Event{Step: fleet.StepAccepted}, fetching(0), fetching(50), fetching(120), fetching(130), fetching(20), fleet.Event{Step: fleet.StepFetched, Fetch: serve.Fetch{Sent: 1000, Size: 1000}},
				fleet.Event{Step: fleet.StepRestarting}, fleet.Event{Step: fleet.StepBack}, fleet.Event{Step: fleet.StepCalled, Device: device(newOne)}, fleet.Event{Step: fleet.StepDone, Outcome: fleet.Updated, Device: device(newOne)}),
			kinds: "listed begun reported checked instructing instructed accepted fetching fetching fetching fetched restarting back reported reported outcome",
			check: func(s journal.State) bool {
				return s.Before.Version == oldOne && s.After.Version == newOne && s.Outcome.Result == journal.Updated && s.Outcome.Took == 15*time.Second && s.Overrides[0] == journal.Override{Rule: "a", Reason: "agreed"} && len(s.Overrides) == 1
			},
		},
		"by its page": {
			steps: append(events(fleet.Event{Step: fleet.StepFound, Device: device(oldOne)}), append([]step{{commit: fleet.StepSending}}, events(fleet.Event{Step: fleet.StepSending}, fleet.Event{Step: fleet.StepSent, Upload: fleet.Upload{Sent: 1000}}, fails(fleet.KindNeverBack, true, false))...)...),
			kinds: "listed begun reported sending sent outcome",
			check: func(s journal.State) bool {
				return s.Bytes == 1000 && s.Outcome.Failure == "never-back" && s.Outcome.Instructed
			},
		},
		"busy, and again": {
			steps: with(append(with(told, fleet.Event{Step: fleet.StepBusy}, called), step{commit: fleet.StepInstructed}), fleet.Event{Step: fleet.StepInstructed}, fails(fleet.KindInterrupted, true, false)),
			kinds: "listed begun reported checked instructing instructed busy reported instructing instructed let-go",
			next:  journal.Query,
			check: func(s journal.State) bool { return s.Attempt == 2 && s.Commands == 2 && s.Before.Version == oldOne },
		},
		"busy to the end":                   {steps: with(told, fleet.Event{Step: fleet.StepBusy}, fails(fleet.KindBusy, false, false)), kinds: "listed begun reported checked instructing instructed busy outcome"},
		"stopped while busy":                {steps: with(told, fleet.Event{Step: fleet.StepBusy}, fails(fleet.KindInterrupted, false, false)), kinds: "listed begun reported checked instructing instructed busy let-go", next: journal.Begin},
		"stopped before it was contacted":   {steps: events(fails(fleet.KindInterrupted, false, false)), kinds: "listed let-go", next: journal.Begin},
		"stopped before the barrier":        {steps: events(called, fails(fleet.KindInterrupted, false, false)), kinds: "listed begun reported let-go", next: journal.Begin},
		"stopped at the barrier, in time":   {steps: with(begin, fails(fleet.KindInterrupted, false, false)), kinds: "listed begun reported checked instructing outcome", check: func(s journal.State) bool { return !s.Outcome.Instructed }},
		"stopped on its way":                {steps: with(told, fails(fleet.KindInterrupted, true, false)), kinds: "listed begun reported checked instructing instructed let-go", next: journal.Query},
		"stopped, and it keeps its old one": {steps: with(told, fails(fleet.KindInterrupted, true, true)), kinds: "listed begun reported checked instructing instructed outcome"},
		"the image changed, not sent":       {steps: events(called, fails(fleet.KindImage, false, false)), kinds: "listed begun reported let-go", next: journal.Begin},
		"the image changed, sent":           {steps: with(told, fails(fleet.KindImage, true, false)), kinds: "listed begun reported checked instructing instructed let-go", next: journal.Query},
		"another phone is locked out":       {steps: events(fails(fleet.KindStopped, false, false)), kinds: "listed let-go", next: journal.Begin},
		"locked out":                        {steps: events(called, fails(fleet.KindLocked, false, false)), kinds: "listed begun reported outcome"},
		"nothing to do": {
			steps: events(called, fleet.Event{Step: fleet.StepChecked, Verdict: &hwcheck.Verdict{NothingToDo: true}}, fleet.Event{Step: fleet.StepDone, Outcome: fleet.NothingToDo, Device: device(oldOne)}), kinds: "listed begun reported checked reported outcome",
			check: func(s journal.State) bool { return s.Outcome.Result == journal.NothingToDo },
		},
		"checked only": {steps: events(fleet.Event{Step: fleet.StepDone, Outcome: fleet.Checked}), kinds: "listed begun outcome", check: func(s journal.State) bool { return s.Outcome.Result == journal.CheckedOnly }},
		"killed":       {steps: told, kinds: "listed begun reported checked instructing instructed", next: journal.Query},
		"nobody's":     {steps: events(fleet.Event{Phone: fleet.NoPhone, Step: fleet.StepUnknownCaller}, fleet.Event{Step: fleet.StepCalled}), kinds: "listed begun", next: journal.Begin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				r, _ := b.run(fleet.Target{Address: address, Note: "reception"})
				b.play(r, row.steps)
				kinds, state := b.events(address)
				if kinds != row.kinds {
					t.Errorf("recorded %s, want %s", kinds, row.kinds)
				}
				if next := journal.Next(state, time.Now(), time.Minute).Action; next != row.next {
					t.Errorf("the next run would %s, want %s", next, row.next)
				}
				if row.check != nil && !row.check(state) {
					t.Errorf("%+v, outcome %+v", state, state.Outcome)
				}
			})
		})
	}
}

// TestKilledAgain kills run after run before it gets to know anything: the phone stays one that was instructed, with what it said
// before that, and since then.
func TestKilledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		r, _ := b.run(fleet.Target{Address: address})
		r.Event(fleet.Event{Step: fleet.StepCalled, At: time.Now(), Device: device(oldOne)})
		if err := r.Commit(t.Context(), 0, fleet.StepInstructed); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		for range 120 {
			b.place.Crash(func(int) int { return 0 })
			time.Sleep(time.Second)
			target := fleet.Target{Address: address + ":8085", MAC: "00:1A:E8:12:34:56"}
			_, known := b.run(target)
			e := known[0].Earlier
			if e == nil || !e.At.Equal(at) || e.Before.Version != oldOne || record.Earlier(known) != 1 {
				t.Fatalf("%+v", e)
			}
		}
		count := 0
		for _, err := range b.place.Open().Find(t.Context(), address) {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
		if count != 1 { // the other runs named it with its port
			t.Errorf("%d streams", count)
		}
		b.place.Crash(func(n int) int { return n })
		r, known := b.run(fleet.Target{Address: address})
		end := fleet.Event{Step: fleet.StepDone, At: time.Now(), Outcome: fleet.Updated, Later: true, Device: device(newOne)}
		r.Event(end)
		if err := r.Close(t.Context()); err != nil || known[0].Earlier == nil {
			t.Error(err)
		}
		if kinds, s := b.events(address); s.Before.Version != oldOne || s.Outcome.Version != newOne || !s.Outcome.Instructed || s.Outcome.Text == "" {
			t.Errorf("%s: %+v", kinds, s)
		}
		if _, known = b.run(fleet.Target{Address: address}); known[0].Earlier != nil {
			t.Errorf("after the outcome: %+v", known[0].Earlier)
		}
	})
}

// TestTaken lets a second run take a phone over at each step of the first one.
func TestTaken(t *testing.T) {
	t.Parallel()
	for _, instructed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			first, _ := b.run(fleet.Target{Address: address})
			first.Event(fleet.Event{Step: fleet.StepCalled, At: time.Now(), Device: device(oldOne)})
			if instructed {
				if err := first.Commit(t.Context(), 0, fleet.StepInstructed); err != nil {
					t.Fatal(err)
				}
			}
			second, known := b.run(fleet.Target{Address: address})
			if (known[0].Earlier != nil) != instructed {
				t.Errorf("instructed %v: %+v", instructed, known[0].Earlier)
			}
			err := first.Commit(t.Context(), 0, fleet.StepInstructed)
			if f := (*fleet.Failure)(nil); !errors.As(err, &f) || f.Kind != fleet.KindTaken {
				t.Errorf("the first run goes on: %v", err)
			}
			end := fails(fleet.KindTaken, false, false)
			end.At = time.Now()
			first.Event(end)
			if err := first.Close(t.Context()); err != nil {
				t.Errorf("what the other run records is said to be lost: %v", err)
			}
			if !instructed {
				if err := second.Commit(t.Context(), 0, fleet.StepInstructed); err != nil {
					t.Error(err)
				}
			}
			_ = second.Close(t.Context())
		})
	}
}

// TestElsewhere names a phone by another address than the run that instructed it: what it says it is counts.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]fleet.Kind{time.Minute: fleet.KindTaken, time.Hour: ""} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			first, _ := b.run(fleet.Target{Address: address})
			first.Event(fleet.Event{Step: fleet.StepCalled, At: time.Now(), Device: device(oldOne)})
			if err := first.Commit(t.Context(), 0, fleet.StepInstructed); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after)
			second, known := b.run(fleet.Target{Address: "phone.example"})
			second.Event(fleet.Event{Step: fleet.StepCalled, At: time.Now(), Device: device(oldOne)})
			err := second.Commit(t.Context(), 0, fleet.StepInstructed)
			kind := fleet.Kind("")
			if f := (*fleet.Failure)(nil); errors.As(err, &f) {
				kind = f.Kind
			}
			if kind != want || known[0].Earlier != nil {
				t.Errorf("after %s: %v", after, err)
			}
			_, _ = first.Close(t.Context()), second.Close(t.Context())
		})
	}
}

// TestNoJournal begins, lists and ends runs whose journal fails.
func TestNoJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var none *record.Run
		none.Event(fleet.Event{Step: fleet.StepCalled})
		targets := []fleet.Target{{Address: address}}
		if known, err := none.List(t.Context(), record.Push{}, targets); err != nil || len(known) != 1 || none.Commit(t.Context(), 0, fleet.StepSending) != nil || none.Close(t.Context()) != nil {
			t.Errorf("%v, %v", known, err)
		}
		b := newBench(t)
		broken := &journal.Error{Place: "/state/journal.db", Kind: journal.ErrFull, Text: "was not extended"}
		for calls := range 4 { // planned, listed, taken over, then all
			b.place.Fail(nil)
			dead, _ := b.run(fleet.Target{Address: address})
			if err := dead.Commit(t.Context(), 0, fleet.StepInstructed); err != nil {
				t.Fatal(err)
			}
			b.place.Crash(func(n int) int { return n })
			r, err := b.store.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			b.place.Fail(func([]journal.Batch) journaltest.Fault {
				if n++; n > calls {
					return journaltest.Fault{Err: broken}
				}
				return journaltest.Fault{}
			})
			known, err := r.List(t.Context(), record.Push{Image: journal.Image{Version: newOne}}, targets)
			own := (*exit.Error)(nil)
			if !errors.As(err, &own) || own.Code != exit.CodeSettings || !strings.Contains(strings.Join(own.Hints, ""), "make room") || known[0].Earlier != nil {
				t.Errorf("after %d calls: %v", calls, err)
			}
			r.Event(fleet.Event{Step: fleet.StepCalled})
			if err := r.Commit(t.Context(), 0, fleet.StepInstructed); err != nil {
				t.Error(err)
			}
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		b.place.Fail(nil)
		var many []fleet.Target
		for i := range 6 {
			many = append(many, fleet.Target{Address: fmt.Sprintf("192.0.2.%d", i+100)})
		}
		r, _ := b.run(many...)
		b.place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: broken} })
		for i := range many {
			r.Event(fleet.Event{Phone: i, Step: fleet.StepContacted, At: time.Now()})
		}
		if err := r.Commit(t.Context(), 0, fleet.StepInstructed); !errors.Is(err, journal.ErrFull) {
			t.Errorf("a step that is not recorded: %v", err)
		}
		err := r.Close(t.Context())
		if own := (*exit.Error)(nil); !errors.As(err, &own) || own.Code != exit.CodeSettings || !strings.HasPrefix(err.Error(), "what happened last is not recorded for 192.0.2.100, 192.0.2.101, 192.0.2.102, 3 more: journal /state/journal.db was not extended") {
			t.Errorf("the end: %v", err)
		}
	})
}

// TestStore finds the file, and gives each error a hint.
func TestStore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		store record.Store
		want  string
	}{
		{record.Store{Folder: "state"}, "state/journal.db"},
		{record.Store{Folder: "state", Variable: "v.db"}, "v.db"},
		{record.Store{Folder: "state", Variable: "v.db", Flag: "f.db"}, "f.db"},
		{record.Store{FolderErr: errors.New("x"), Flag: "f.db"}, "f.db"},
		{record.Store{FolderErr: errors.New("x")}, ""},
	} {
		if path, err := row.store.Path(); strings.ReplaceAll(path, `\`, "/") != row.want || (err != nil) != (row.want == "") {
			t.Errorf("%+v: %s, %v", row.store, path, err)
		}
	}
	if _, err := (&record.Store{FolderErr: errors.New("x")}).Begin(t.Context()); err == nil {
		t.Error("a run begins without a folder")
	}
	seen := map[string]bool{}
	for _, kind := range []error{journal.ErrFull, journal.ErrReadOnly, journal.ErrForeign, journal.ErrNewer, journal.ErrDamaged, journal.ErrBusy, journal.ErrNoShare, journal.ErrGone, journal.ErrIO} {
		own := (*exit.Error)(nil)
		err := record.Error(&journal.Error{Place: "x", Kind: kind, Text: "fails"})
		if !errors.As(err, &own) || own.Code != exit.CodeSettings || len(own.Hints) != 1 || seen[own.Hints[0]] || !errors.Is(err, kind) {
			t.Errorf("%v: %+v", kind, own)
			continue
		}
		seen[own.Hints[0]] = true
		if record.Error(err) != err { //nolint:errorlint // the very one
			t.Error("an error gets two hints")
		}
	}
	if record.Error(nil) != nil || !errors.Is(record.Error(context.Canceled), context.Canceled) {
		t.Error("other errors")
	}
	store := record.Store{Folder: t.TempDir(), Origin: func() journal.Origin { return journal.Origin{} }}
	r, err := store.Begin(t.Context()) // a real file
	if err != nil || r.Close(t.Context()) != nil {
		t.Error(err)
	}
}
