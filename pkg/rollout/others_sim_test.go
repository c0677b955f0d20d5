package rollout_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestSimulateOthers carries out two rollouts and some pushes with the same phones, which are known by several names, at the same time and
// one after the other, with stops. SEEDS, PHONES and SEED in the environment are as for TestSimulate.
func TestSimulateOthers(t *testing.T) {
	usual := 8
	if underRace {
		usual = 2
	}
	seeds, phones, first := env("SEEDS", usual), env("PHONES", 6), env("SEED", 1)
	var told, stops, held int
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			c := simulateOthers(t, seed, phones, fair)
			for _, problem := range c.problems {
				t.Errorf("seed %d with %d phones: %s", seed, phones, problem)
			}
			told, stops, held = told+c.commands, stops+c.stops, held+c.taken
		})
	}
	t.Logf("%d simulations of %d phones, %d stops, %d update commands, %d times a run took a phone over", seeds, phones, stops, told, held)
}

// A crossHow is which rule the runs break.
type crossHow int

const (
	fair    crossHow = iota
	blind            // they do not look at each other
	noByMAC          // they do not find a phone by its MAC address
)

// TestSabotageOthers breaks the rules among several runs on purpose: the simulation has to notice each of them.
func TestSabotageOthers(t *testing.T) {
	if underRace {
		t.Skip("broken rules are looked for without the race detector: TestSimulateOthers runs the same code with it")
	}
	most := env("SABOTAGE", 200)
	for name, row := range map[string]struct {
		how  crossHow
		from int // the first seed: one that noticed it, so that the test is short
	}{"no look at other runs": {blind, 6}, "not found by its MAC address": {noByMAC, 8}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range most {
				seed := (row.from-1+n)%most + 1
				var c *crossing
				t.Run(strconv.Itoa(seed), func(t *testing.T) { c = simulateOthers(t, seed, 6, row.how) })
				if len(c.problems) > 0 {
					t.Logf("seed %d: %s", seed, c.problems[0])
					return
				}
			}
			t.Errorf("not noticed with %d seeds", most)
		})
	}
}

// A crossing is several runs with the same phones.
type crossing struct {
	*world
	random *rand.Rand
	how    crossHow
	settle time.Duration
	jobs   []*job

	cmu      sync.Mutex
	outcomes map[string][]time.Time // of phones, by MAC address
	taken    int

	problems        []string
	stops, commands int
}

// A job is a rollout, or a push.
type job struct {
	name   string
	push   bool
	phones []int // of the world
	plan   rollout.Plan
	now    *process
	alive  *atomic.Bool
}

// A crossLedger notes outcomes, and ends when its process is killed. It takes its time.
type crossLedger struct {
	journal.Ledger
	c     *crossing
	alive *atomic.Bool
	wait  *rand.Rand
	mu    *sync.Mutex
}

func (l crossLedger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	l.mu.Lock()
	took := time.Duration(l.wait.IntN(300)) * time.Millisecond
	l.mu.Unlock()
	time.Sleep(took / 2)
	if !l.alive.Load() {
		answers := make([]journal.Appended, len(batches))
		for i := range answers {
			answers[i].Err = journaltest.ErrDown
		}
		return answers
	}
	answers := l.Ledger.AppendAll(ctx, batches)
	for i, batch := range batches {
		if answers[i].Err == nil {
			l.c.note(batch)
		}
	}
	time.Sleep(took / 2)
	return answers
}

func (l crossLedger) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := l.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

func (l crossLedger) Find(ctx context.Context, phone string) iter.Seq2[journal.Key, error] {
	if l.c.how == blind || l.c.how == noByMAC && strings.HasPrefix(phone, "00:1A:E8") {
		return func(func(journal.Key, error) bool) {}
	}
	return l.Ledger.Find(ctx, phone)
}

// note notes what was recorded.
func (c *crossing) note(batch journal.Batch) {
	c.cmu.Lock()
	defer c.cmu.Unlock()
	for _, event := range batch.Events {
		switch event.Body.(type) {
		case journal.Outcome:
			mac := macOf(c.phoneOf(batch.Key.Phone))
			c.outcomes[mac] = append(c.outcomes[mac], time.Now())
		case journal.TookOver:
			c.taken++
		}
	}
}

// phoneOf returns the number of the phone of a name.
func (c *crossing) phoneOf(name string) int {
	for n := range c.phones {
		if strings.HasPrefix(name, hostOf(n)) || strings.HasPrefix(name, hostName(n)) {
			return n
		}
	}
	return -1
}

func hostName(n int) string { return fmt.Sprintf("phone-%d.example", n) }

// simulateOthers carries out the runs, and returns what was wrong.
func simulateOthers(t *testing.T, seed, phones int, how crossHow) *crossing {
	t.Helper()
	c := &crossing{random: rand.New(rand.NewPCG(uint64(seed), 11)), how: how, outcomes: map[string][]time.Time{}} //nolint:gosec // a test that repeats
	synctest.Test(t, func(t *testing.T) {
		c.world = newWorld(t)
		c.settle = time.Duration(5+c.random.IntN(15)) * time.Minute
		for n := range phones {
			c.phone(c.faults()...)
			c.net.Name(hostName(n), netip.MustParseAddr(hostOf(n)))
		}
		c.plan(rollout.Rules{Settle: c.settle, Parallel: phones, Attempts: 2}, []int{direct}, phones)
		c.jobs = append(c.jobs, &job{name: name, phones: c.all(phones), plan: c.load().Plan})
		c.planned("autumn", phones)
		c.drive()
		c.check()
	})
	return c
}

func (c *crossing) all(phones int) (all []int) {
	for n := range phones {
		all = append(all, n)
	}
	return all
}

// faults returns what is wrong with a phone.
func (c *crossing) faults() []string {
	all := []string{
		"reject-image", "busy", "busy-forever", "calls-late", "never-fetches", "stalls-mid-download", "cut-mid-download", "reboots-with-old-version", "never-comes-back",
		"refuse-deployment", "accepts", "contact-gap", "status-failed", "never-version", "restarts-with-other-version",
	}
	if c.random.IntN(3) > 0 {
		return nil
	}
	return []string{all[c.random.IntN(len(all))]}
}

// chosen returns a plan with some of the phones, by one of their names.
func (c *crossing) chosen(phones int) (which []int, plan rollout.Plan) {
	plan = rollout.Plan{Images: c.jobs[0].plan.Images, Rules: c.jobs[0].plan.Rules, Waves: []rollout.Wave{{Name: "rest"}}}
	for n := range phones {
		if c.random.IntN(4) == 0 && n > 0 {
			continue
		}
		p := rollout.Phone{Address: []string{hostOf(n), hostOf(n) + ":8085", hostName(n)}[c.random.IntN(3)], Images: []int{direct}, Class: "a"}
		if c.random.IntN(2) == 0 {
			p.MAC = macOf(n)
		}
		plan.Waves[0].Phones = append(plan.Waves[0].Phones, len(plan.Phones))
		which, plan.Phones = append(which, n), append(plan.Phones, p)
	}
	return which, plan
}

// planned adds a rollout.
func (c *crossing) planned(name string, phones int) {
	j := &job{name: name}
	j.phones, j.plan = c.chosen(phones)
	c.jobs = append(c.jobs, j)
	fatal(c.t, rollout.Save(c.t.Context(), c.ledger, name, time.Now(), journal.Planned{}, j.plan))
}

// begin starts a process for a job.
func (c *crossing) begin(j *job) {
	alive := new(atomic.Bool)
	alive.Store(true)
	j.alive = alive
	seed := c.random.Uint64()
	p := c.process(func(e *rollout.Engine) {
		e.Name = j.name
		e.Ledger = crossLedger{e.Ledger, c, alive, rand.New(rand.NewPCG(seed, 1)), new(sync.Mutex)} //nolint:gosec // a test
		target := e.Target
		e.Target = func(phone, image int) fleet.Target {
			t := target(j.phones[phone], image)
			t.Address, t.MAC = j.plan.Phones[phone].Address, j.plan.Phones[phone].MAC
			return t
		}
	})
	j.now = p
	if !j.push {
		p.start()
		return
	}
	go func() {
		defer close(p.done)
		push, err := p.Push(p.ctx, journal.Planned{}, j.plan)
		if err == nil {
			_, err = push.Run(p.ctx)
		}
		p.err = err
	}()
}

// kill ends the process of a job at once.
func (c *crossing) kill(j *job) {
	j.alive.Store(false)
	_ = j.now.server.Close()
	j.now.cancel()
	_, _ = j.now.wait()
	j.now = nil
}

// drive starts and ends processes, and carries the rollouts to their end.
func (c *crossing) drive() {
	phones := len(c.phones)
	for range 4 + c.random.IntN(10) {
		switch c.random.IntN(6) {
		case 0, 1:
			if j := c.jobs[c.random.IntN(2)]; j.now == nil {
				c.begin(j)
			}
		case 2:
			j := &job{name: fmt.Sprintf("push-%d", len(c.jobs)), push: true}
			j.phones, j.plan = c.chosen(phones)
			c.jobs = append(c.jobs, j)
			c.begin(j)
		case 3, 4:
			if j := c.jobs[c.random.IntN(len(c.jobs))]; j.now != nil {
				c.stops++
				c.kill(j)
			}
		default:
			c.crash()
		}
		time.Sleep(time.Duration(c.random.ExpFloat64() * float64(2*time.Minute)))
	}
	for _, j := range c.jobs {
		if j.now == nil && !j.push {
			c.begin(j)
		}
	}
	limit := time.Now().Add(8 * time.Hour)
	for _, j := range c.jobs {
		if j.now == nil {
			continue
		}
		timer := time.NewTimer(time.Until(limit))
		select {
		case <-j.now.done:
		case <-timer.C:
			c.problem("%s does not end", j.name)
			j.now.cancel()
		}
		timer.Stop()
		if d, err := j.now.wait(); err != nil || !j.push && d.Verb != rollout.Done {
			c.problem("%s ends with %s, %v", j.name, d.Verb, err)
		}
	}
}

// crash cuts the power of the machine.
func (c *crossing) crash() {
	c.stops++
	c.place.Crash(func(n int) int { return c.random.IntN(n + 1) })
	for _, j := range c.jobs {
		if j.now != nil {
			c.kill(j)
		}
	}
	c.ledger = c.place.Open()
}

func (c *crossing) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// check compares what happened with what may happen.
func (c *crossing) check() {
	if os.Getenv("TRACE") != "" {
		c.trace()
	}
	commands := map[string][]time.Time{}
	for _, e := range c.events() {
		switch of := commands[e.Phone]; e.Kind {
		case phonesim.Instructed:
			commands[e.Phone] = append(of, e.Time)
		case phonesim.Busy: // it did not take the command, and may get it again
			if len(of) > 0 {
				commands[e.Phone] = of[:len(of)-1]
			}
		}
	}
	for n := range c.phones {
		of := commands[macOf(n)]
		c.commands += len(of)
		for i := 1; i < len(of); i++ {
			c.checkAgain(n, of[i-1], of[i])
		}
	}
	for _, j := range c.jobs {
		if !j.push {
			c.checkEnds(j)
		}
	}
}

// checkAgain checks that a phone might be instructed again: a rollout waits, and a push needs to know how it ended.
func (c *crossing) checkAgain(n int, before, now time.Time) {
	by, at := "", time.Time{}
	for _, j := range c.jobs {
		for i, phone := range j.phones {
			if phone != n {
				continue
			}
			for _, event := range journaltest.List(c.t, c.ledger.Read(c.t.Context(), journal.Key{Rollout: j.name, Phone: j.plan.Phones[i].Address})) {
				if event.Body.Kind() == journal.KindInstructing && event.At.After(at) && !event.At.After(now) {
					by, at = j.name, event.At
				}
			}
		}
	}
	known := slices.ContainsFunc(c.outcomes[macOf(n)], func(end time.Time) bool { return end.After(before) && end.Before(now) })
	switch {
	case now.Sub(before) >= c.settle:
	case strings.HasPrefix(by, "push-") && !known:
		c.problem("phone %d was instructed again by %s after %s, and nobody knew how it ended", n, by, now.Sub(before))
	case !strings.HasPrefix(by, "push-"):
		c.problem("phone %d was instructed again by %s after %s, not %s", n, by, now.Sub(before), c.settle)
	}
}

// checkEnds checks that a rollout knows how it ended with each phone, and did not instruct it twice.
func (c *crossing) checkEnds(j *job) {
	saved, err := rollout.Load(c.t.Context(), c.ledger, j.name)
	fatal(c.t, err)
	for i, steps := range saved.Steps {
		st, n := steps[0], j.phones[i]
		switch {
		case st.Outcome == nil:
			c.problem("phone %d has no outcome in %s", n, j.name)
		case st.Outcome.Result == journal.Updated && c.phones[n].State().Version != newVersion:
			c.problem("phone %d is not updated, but %s says so", n, j.name)
		}
	}
}

// trace prints what happened, for a person.
func (c *crossing) trace() {
	var lines []string
	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, at.UTC().Format("02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
	for _, e := range c.events() {
		add(e.Time, "  phone %s: %s %s", e.Phone[len("00:1A:E8:00:"):], e.Kind, e.Detail)
	}
	for _, j := range c.jobs {
		for _, r := range journaltest.List(c.t, c.ledger.ReadAll(c.t.Context(), j.name)) {
			add(r.Event.At, "%s %s: %s %+v", j.name, r.Key.Phone, r.Event.Body.Kind(), r.Event.Body)
		}
	}
	slices.Sort(lines)
	c.t.Logf("settle %s\n%s", c.settle, strings.Join(lines, "\n"))
}
