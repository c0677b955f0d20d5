package rollout_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// TestMessages counts what workers append and read: as much for each phone, however many phones there are, and at however many sites.
// Only the rollout's own stream is read by each worker; phones that end well add nothing to it.
func TestMessages(t *testing.T) {
	if underRace {
		t.Skip("it counts: TestSimulateSites runs the same code with the race detector")
	}
	t.Parallel()
	count := func(phones, sites int) *traffic {
		var c *traffic
		t.Run(fmt.Sprint(phones, " phones at ", sites), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c = countMessages(t, phones, sites) })
		})
		t.Logf("%d phones at %d sites: %d appends with %d events, %d reads with %d events", phones, sites, c.appends, c.stored, c.reads, c.events)
		return c
	}
	within := func(what string, got, want int, percent int) {
		if got*100 > want*(100+percent) || got*100 < want*(100-percent) {
			t.Errorf("%s: %d, which is not within %d%% of %d", what, got, percent, want)
		}
	}
	half, one, five, twenty := count(500, 1), count(1000, 1), count(1000, 5), count(1000, 20)
	within("appends of 500 phones, twice", 2*half.appends, one.appends, 5)
	within("events read of 500 phones, twice", 2*half.events, one.events, 10)
	within("events stored of 500 phones, twice", 2*half.stored, one.stored, 5)
	for _, c := range []*traffic{five, twenty} {
		within("appends at several sites", c.appends, one.appends, 10)
		within("events stored at several sites", c.stored, one.stored, 5)
		within("events read at several sites", c.events, one.events, 15)
		if more := c.events - one.events; more > 2*c.sites*c.control {
			t.Errorf("%d sites read %d events more than one, and the rollout's own stream has %d", c.sites, more, c.control)
		}
		if most := 1 + 3 + c.sites + 3*c.sites + 100; c.control > most {
			t.Errorf("the rollout's own stream has %d events: the plan, the waves, the runs, the ends of waves and failures are %d", c.control, most)
		}
	}
}

// countMessages carries a rollout out at so many sites, and counts what goes to the ledger and comes from it.
func countMessages(t *testing.T, phones, sites int) *traffic {
	t.Helper()
	place, c := journaltest.NewMemory(), &traffic{}
	plan := rollout.Plan{
		Images: []rollout.Image{{Name: "a.bind", Version: newVersion}}, Waves: []rollout.Wave{{Name: "canary"}, {Name: "20%"}, {Name: "rest"}},
		Rules: rollout.Rules{Pause: rollout.PauseNone, Parallel: 8, Attempts: 1, Settle: 15 * time.Minute},
	}
	var names []string
	for n := range sites {
		names = append(names, fmt.Sprint("site", n))
	}
	for n := range phones {
		plan.Phones = append(plan.Phones, rollout.Phone{Address: fmt.Sprintf("10.0.%d.%d", n>>8, n&255), MAC: macOf(n), Site: names[n%sites], Images: []int{0}})
		w := 2
		switch {
		case n < phones/50:
			w = 0
		case n < phones/5:
			w = 1
		}
		plan.Waves[w].Phones = append(plan.Waves[w].Phones, n)
	}
	fatal(t, rollout.Save(t.Context(), place.Open(), name, time.Now(), journal.Planned{}, plan))
	var wait sync.WaitGroup
	for _, site := range names {
		saved, err := rollout.LoadSite(t.Context(), place.Open(), name, site)
		fatal(t, err)
		e := &rollout.Engine{Ledger: counted{place.Open(), c}, Name: name, Site: site, Causes: causes, Begun: journal.RunBegun{Run: "run of " + site}}
		e.Crew = paperCrew{e, plan.Rules.Parallel}
		e.Target = func(phone, _ int) fleet.Target { return fleet.Target{Address: saved.Plan.Phones[phone].Address} }
		wait.Go(func() {
			if d, err := e.Run(t.Context()); err != nil || d.Verb != rollout.Done {
				t.Errorf("%s: %+v, %v", site, d, err)
			}
		})
	}
	wait.Wait()
	saved, err := rollout.Load(t.Context(), place.Open(), name)
	fatal(t, err)
	c.sites, c.control = sites, len(journaltest.List(t, place.Open().Read(t.Context(), journal.Key{Rollout: name})))
	for i, p := range saved.State(causes).Phones {
		if !p.Ended {
			t.Errorf("phone %d has no outcome", i)
		}
	}
	return c
}

// A paperCrew does not contact phones. Every tenth phone fails.
type paperCrew struct {
	e        *rollout.Engine
	parallel int
}

func (c paperCrew) Run(ctx context.Context, plan fleet.Plan) ([]fleet.Result, error) {
	places := semaphore.NewWeighted(int64(c.parallel))
	var wait sync.WaitGroup
	for n := range plan.Phones {
		wait.Go(func() {
			if err := c.phone(ctx, plan, n, places); err != nil {
				c.e.Handle(fleet.Event{Phone: n, Step: fleet.StepFailed, At: time.Now(), Failure: &fleet.Failure{Kind: fleet.KindNotBegun, Msg: err.Error()}})
			}
		})
	}
	wait.Wait()
	return nil, nil
}

func (c paperCrew) phone(ctx context.Context, plan fleet.Plan, n int, places *semaphore.Weighted) error {
	if err := plan.Begin(ctx, n); err != nil {
		return err
	}
	if err := places.Acquire(ctx, 1); err != nil {
		return err
	}
	defer places.Release(1)
	if err := plan.Ready(ctx, n); err != nil {
		return err
	}
	device := fleet.Device{Version: oldVersion.String(), MAC: "00:1A:E8:12:34:56"}
	tell := func(step fleet.Step, e fleet.Event) {
		e.Phone, e.Step, e.At = n, step, time.Now()
		c.e.Handle(e)
		time.Sleep(5 * time.Second)
	}
	tell(fleet.StepCalled, fleet.Event{Device: device})
	tell(fleet.StepChecked, fleet.Event{Verdict: &hwcheck.Verdict{}})
	if err := plan.Commit(ctx, n, fleet.StepInstructed); err != nil {
		return err
	}
	tell(fleet.StepInstructed, fleet.Event{})
	tell(fleet.StepAccepted, fleet.Event{})
	for i := range int64(10) {
		tell(fleet.StepFetching, fleet.Event{Fetch: serve.Fetch{Sent: i * 10, Size: 100}})
	}
	tell(fleet.StepFetched, fleet.Event{Fetch: serve.Fetch{Sent: 100, Size: 100}})
	tell(fleet.StepRestarting, fleet.Event{})
	if plan.Phones[n].Address[len(plan.Phones[n].Address)-1] == '7' {
		tell(fleet.StepFailed, fleet.Event{Failure: &fleet.Failure{Kind: fleet.KindRejected, Msg: "it kept its software", Instructed: true}})
		return nil
	}
	device.Version = newVersion.String()
	tell(fleet.StepDone, fleet.Event{Device: device, Outcome: fleet.Updated})
	return nil
}

// counted is a ledger that counts what goes through it. No phone is in another rollout.
type counted struct {
	journal.Ledger
	c *traffic
}

func (l counted) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	stored := 0
	answers := l.Ledger.AppendAll(ctx, batches)
	for i, batch := range batches {
		if answers[i].Err == nil {
			stored += len(batch.Events)
		}
	}
	l.c.count(len(batches), stored, 0, 0)
	return answers
}

func (l counted) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := l.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

func (l counted) Find(context.Context, string) iter.Seq2[journal.Key, error] {
	l.c.count(0, 0, 1, 0)
	return func(func(journal.Key, error) bool) {}
}

func (l counted) Read(ctx context.Context, key journal.Key) iter.Seq2[journal.Event, error] {
	return counting(l, l.Ledger.Read(ctx, key))
}

func (l counted) ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error] {
	return counting(l, l.Ledger.(rollout.TailReader).ReadAfter(ctx, key, after)) //nolint:forcetypeassert // the model can
}

func (l counted) ReadSite(ctx context.Context, name, site string) iter.Seq2[journal.Record, error] {
	return counting(l, l.Ledger.(rollout.SiteReader).ReadSite(ctx, name, site)) //nolint:forcetypeassert // the model can
}

func counting[T any](l counted, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		l.c.count(0, 0, 1, 0)
		for one, err := range all {
			l.c.count(0, 0, 0, 1)
			if !yield(one, err) {
				return
			}
		}
	}
}

// traffic counts messages.
type traffic struct {
	mu                             sync.Mutex
	appends, stored, reads, events int

	sites, control int // events of the rollout's own stream
}

func (c *traffic) count(appends, stored, reads, events int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.appends, c.stored, c.reads, c.events = c.appends+appends, c.stored+stored, c.reads+reads, c.events+events
}
