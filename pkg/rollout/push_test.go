package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

const (
	address = "192.0.2.50"
	newOne  = "V1 R9.2.0"
	oldOne  = "V1 R4.9.0"
)

// A bench is a journal in memory, and pushes that write it.
type bench struct {
	t     *testing.T
	place *journaltest.Memory
	runs  int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{t: t, place: journaltest.NewMemory()}
}

// A pushed is a push whose crew does what the test says.
type pushed struct {
	*rollout.Engine
	*rollout.Push
	b     *bench
	do    chan func(fleet.Plan)
	ended chan error
	once  sync.Once
	err   error
}

// Run is the crew.
func (p *pushed) Run(ctx context.Context, plan fleet.Plan) ([]fleet.Result, error) {
	for do := range p.do {
		do(plan)
	}
	return make([]fleet.Result, len(plan.Phones)), nil
}

// begin lists the phones of a push.
func (b *bench) begin(phones ...rollout.Phone) (*pushed, error) {
	b.t.Helper()
	b.runs++
	p := &pushed{b: b, do: make(chan func(fleet.Plan)), ended: make(chan error, 1)}
	p.Engine = &rollout.Engine{
		Ledger: b.place.Open(), Name: fmt.Sprintf("push-%d", b.runs), Begun: journal.RunBegun{Run: fmt.Sprint(b.runs)}, Crew: p,
		Target: func(phone, _ int) fleet.Target {
			return fleet.Target{Address: phones[phone].Address, MAC: phones[phone].MAC}
		},
	}
	plan := rollout.Plan{
		Images: []rollout.Image{{Version: newVersion, Size: 1000}}, Phones: phones, Rules: rollout.Rules{Settle: 15 * time.Minute},
	}
	var err error
	p.Push, err = p.Engine.Push(b.t.Context(), journal.Planned{}, plan)
	return p, err
}

// run begins a push, and lets its crew work.
func (b *bench) run(phones ...rollout.Phone) *pushed {
	b.t.Helper()
	p, err := b.begin(phones...)
	fatal(b.t, err)
	go func() {
		_, err := p.Push.Run(context.WithoutCancel(b.t.Context()))
		p.ended <- err
	}()
	b.t.Cleanup(func() { _ = p.end() }) // of one that is killed, too
	return p
}

// end ends a push, and returns its error.
func (p *pushed) end() error {
	p.once.Do(func() {
		close(p.do)
		p.err = <-p.ended
	})
	return p.err
}

// event lets something happen to a phone.
func (p *pushed) event(e fleet.Event) {
	done := make(chan struct{})
	p.do <- func(fleet.Plan) {
		e.At = time.Now()
		p.Handle(e)
		close(done)
	}
	<-done
}

// commit announces a step that cannot be undone.
func (p *pushed) commit(step fleet.Step) error {
	failed := make(chan error)
	p.do <- func(plan fleet.Plan) { failed <- plan.Commit(p.b.t.Context(), 0, step) }
	return <-failed
}

// earlier returns what an earlier run did with the first phone.
func (p *pushed) earlier() *fleet.Earlier { return p.Targets()[0].Earlier }

// one is the phone of most tests.
func one() rollout.Phone { return rollout.Phone{Address: address} }

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

// play lets the events of a push happen, a second apart.
func (b *bench) play(p *pushed, steps []step) {
	b.t.Helper()
	for _, s := range steps {
		time.Sleep(time.Second)
		if s.commit == "" {
			p.event(s.event)
		} else if err := p.commit(s.commit); err != nil {
			b.t.Error(err)
		}
	}
	if err := p.end(); err != nil {
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
				b.play(b.run(rollout.Phone{Address: address, Note: "reception"}), row.steps)
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

// TestKilledAgain kills push after push before it gets to know anything: the phone stays one that was instructed, with what it said
// before that, and since then.
func TestKilledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		p := b.run(one())
		p.event(fleet.Event{Step: fleet.StepCalled, Device: device(oldOne)})
		fatal(t, p.commit(fleet.StepInstructed))
		at := time.Now()
		for range 120 {
			b.place.Crash(func(int) int { return 0 })
			time.Sleep(time.Second)
			p := b.run(rollout.Phone{Address: address + ":8085", MAC: "00:1A:E8:12:34:56"})
			e := p.earlier()
			if e == nil || !e.At.Equal(at) || e.Before.Version != oldOne || p.Earlier() != 1 {
				t.Fatalf("%+v", e)
			}
		}
		count := 0
		for _, err := range b.place.Open().Find(t.Context(), address) {
			fatal(t, err)
			count++
		}
		if count != 1 { // the other runs named it with its port
			t.Errorf("%d streams", count)
		}
		b.place.Crash(func(n int) int { return n })
		p = b.run(one())
		if p.earlier() == nil {
			t.Error("the phone is not one that was instructed")
		}
		p.event(fleet.Event{Step: fleet.StepDone, Outcome: fleet.Updated, Later: true, Device: device(newOne)})
		fatal(t, p.end())
		if kinds, s := b.events(address); s.Before.Version != oldOne || s.Outcome.Version != newOne || !s.Outcome.Instructed || s.Outcome.Text == "" {
			t.Errorf("%s: %+v", kinds, s)
		}
		if p = b.run(one()); p.earlier() != nil {
			t.Errorf("after the outcome: %+v", p.earlier())
		}
	})
}

// TestTaken lets a second push take a phone over at each step of the first one.
func TestTaken(t *testing.T) {
	t.Parallel()
	for _, instructed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			first := b.run(one())
			first.event(fleet.Event{Step: fleet.StepCalled, Device: device(oldOne)})
			if instructed {
				fatal(t, first.commit(fleet.StepInstructed))
			}
			second := b.run(one())
			if (second.earlier() != nil) != instructed {
				t.Errorf("instructed %v: %+v", instructed, second.earlier())
			}
			err := first.commit(fleet.StepInstructed)
			if f := (*fleet.Failure)(nil); !errors.As(err, &f) || f.Kind != fleet.KindTaken {
				t.Errorf("the first run goes on: %v", err)
			}
			first.event(fails(fleet.KindTaken, false, false))
			if err := first.end(); err != nil {
				t.Errorf("what the other run records is said to be lost: %v", err)
			}
			if !instructed {
				fatal(t, second.commit(fleet.StepInstructed))
			}
		})
	}
}

// TestElsewhere names a phone by another address than the push that instructed it: what it says it is counts.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]fleet.Kind{time.Minute: fleet.KindTaken, time.Hour: ""} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			first := b.run(one())
			first.event(fleet.Event{Step: fleet.StepCalled, Device: device(oldOne)})
			fatal(t, first.commit(fleet.StepInstructed))
			time.Sleep(after)
			second := b.run(rollout.Phone{Address: "phone.example"})
			second.event(fleet.Event{Step: fleet.StepCalled, Device: device(oldOne)})
			err := second.commit(fleet.StepInstructed)
			kind := fleet.Kind("")
			if f := (*fleet.Failure)(nil); errors.As(err, &f) {
				kind = f.Kind
			}
			if kind != want || second.earlier() != nil {
				t.Errorf("after %s: %v", after, err)
			}
		})
	}
}

// TestPushNotRecorded lists and ends pushes whose journal fails, and one that is not recorded.
func TestPushNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		broken := &journal.Error{Place: "/state/journal.db", Kind: journal.ErrFull, Text: "was not extended"}
		for calls := range 4 { // planned, listed, taken over, then all
			b.place.Fail(nil)
			dead := b.run(one())
			fatal(t, dead.commit(fleet.StepInstructed))
			b.place.Crash(func(n int) int { return n })
			n := 0
			b.place.Fail(func([]journal.Batch) journaltest.Fault {
				if n++; n > calls {
					return journaltest.Fault{Err: broken}
				}
				return journaltest.Fault{}
			})
			p, err := b.begin(one())
			if !errors.Is(err, journal.ErrFull) {
				t.Fatalf("after %d calls: %v", calls, err)
			}
			p.Ledger = journal.Discard{}
			unrecorded, err := p.Engine.Push(t.Context(), journal.Planned{}, rollout.Plan{Images: []rollout.Image{{Version: newVersion}}, Phones: []rollout.Phone{one()}})
			if err != nil || unrecorded.Earlier() != 0 {
				t.Errorf("unrecorded: %v", err)
				continue
			}
			p.Push = unrecorded
			go func() {
				_, err := unrecorded.Run(t.Context())
				p.ended <- err
			}()
			p.event(fleet.Event{Step: fleet.StepCalled, Device: device(oldOne)})
			if err := p.commit(fleet.StepInstructed); err != nil {
				t.Error(err)
			}
			if err := p.end(); err != nil {
				t.Error(err)
			}
		}
		b.place.Fail(nil)
		var many []rollout.Phone
		for i := range 6 {
			many = append(many, rollout.Phone{Address: fmt.Sprintf("192.0.2.%d", i+100)})
		}
		p := b.run(many...)
		b.place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: broken} })
		for i := range many {
			p.event(fleet.Event{Phone: i, Step: fleet.StepContacted})
		}
		if err := p.commit(fleet.StepInstructed); !errors.Is(err, journal.ErrFull) {
			t.Errorf("a step that is not recorded: %v", err)
		}
		const want = "what happened last is not recorded for 192.0.2.100, 192.0.2.101, 192.0.2.102, 3 more: journal /state/journal.db was not extended"
		loss := (*rollout.LossError)(nil)
		if err := p.end(); !errors.As(err, &loss) || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, journal.ErrFull) {
			t.Errorf("the end: %v", err)
		}
	})
}
