package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestSimulate carries out rollouts with random phones, faults, rules and stops, one for each seed. SEEDS, PHONES and SEED in the
// environment say how many, of how many phones, and from which seed on: make simulate.
func TestSimulate(t *testing.T) {
	usual := 8
	if underRace {
		usual = 2
	}
	seeds, phones, first := env("SEEDS", usual), env("PHONES", 12), env("SEED", 1)
	var stops, told int
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			s := simulate(t, seed, phones, sabotage{})
			for _, problem := range s.problems {
				t.Errorf("seed %d with %d phones: %s (repeat: make simulate SEED=%[1]d SEEDS=1 PHONES=%[2]d)", seed, phones, problem)
			}
			stops, told = stops+s.stops, told+s.told
		})
	}
	t.Logf("%d rollouts of %d phones, %d stops, %d phones instructed", seeds, phones, stops, told)
}

// env returns a number of the environment.
func env(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// A simulation is a rollout with stops.
type simulation struct {
	*world
	seed    int
	random  *rand.Rand
	how     sabotage
	rules   rollout.Rules
	wave    []int // of each phone
	sizes   []int
	cuts    []time.Time     // when runs were ended
	twoRuns bool            // two of them went on at the same time
	retried map[int]int     // how often a person let a phone begin anew
	stalls  map[string]bool // phones that fetch for ever, by MAC address

	smu    sync.Mutex
	opened map[int]bool      // waves that a person opened
	ended  map[int]time.Time // when a phone ended first
	busy   map[string]int    // phones of a network that are on their way, by run and network
	on     map[string]bool   // phones on their way, by run
	full   string            // what was too much

	problems []string
	stops    int
	told     int
}

// simulate carries out a rollout, and returns what was wrong.
func simulate(t *testing.T, seed, phones int, how sabotage) *simulation {
	t.Helper()
	s := &simulation{seed: seed, random: rand.New(rand.NewPCG(uint64(seed), 7)), how: how} //nolint:gosec // a test that repeats
	synctest.Test(t, func(t *testing.T) {
		s.world = newWorld(t)
		s.stalls = map[string]bool{}
		s.opened, s.ended, s.busy, s.on = map[int]bool{}, map[int]time.Time{}, map[string]int{}, map[string]bool{}
		for n := range phones {
			faults := s.faults()
			s.stalls[macOf(n)] = slices.Contains(faults, "stalls-mid-download")
			s.phone(faults...)
		}
		s.choose(phones)
		s.drive()
		s.check()
	})
	return s
}

// faults returns what is wrong with a phone.
func (s *simulation) faults() []string {
	all := []string{
		"reject-image", "no-contact-port", "busy", "busy-forever", "calls-late", "calls-late", "calls-late", "calls-twice", "never-fetches", "stalls-mid-download",
		"cut-mid-download", "cut-and-resumes", "reboots-with-old-version", "never-comes-back", "comes-back-elsewhere", "refuse-deployment", "accepts",
		"ignores-contact", "contact-gap", "other-mac", "status-failed", "never-version", "close-connections", "start-up-to-last", "restarts-with-other-version",
	}
	if s.random.IntN(2) == 0 {
		return nil
	}
	return []string{all[s.random.IntN(len(all))]}
}

// maybe returns a value in half of all cases.
func maybe[T any](r *rand.Rand, value T) (v T) {
	if r.IntN(2) == 0 {
		return value
	}
	return v
}

// choose chooses rules and waves, and saves the plan.
func (s *simulation) choose(phones int) {
	r := s.random
	s.rules = rollout.Rules{
		Pause:    []rollout.Pause{rollout.PauseNone, rollout.PauseCanary, rollout.PauseEach}[r.IntN(3)],
		Parallel: 1 + r.IntN(6), PerSubnet: maybe(r, 1+r.IntN(3)), StartRate: maybe(r, 0.5+r.Float64()*5),
		Attempts: 1 + r.IntN(3), Settle: time.Duration(10+r.IntN(10)) * time.Minute,
		Window: maybe(r, rollout.Window{From: r.IntN(24 * 60), To: 0}),
	}
	if s.rules.Window.IsSet() {
		s.rules.Window.To = (s.rules.Window.From + 5 + r.IntN(600)) % (24 * 60)
	}
	for _, cause := range []rollout.Cause{rollout.Unverified, rollout.Rejected, rollout.Unreachable, rollout.AnyCause} {
		switch r.IntN(4) {
		case 0:
			s.rules.StopOn = append(s.rules.StopOn, rollout.Limit{Cause: cause, Count: 1 + r.IntN(3)})
		case 1:
			s.rules.StopOn = append(s.rules.StopOn, rollout.Limit{Cause: cause, Percent: 10 + r.IntN(60)})
		}
	}
	for left := phones; left > 0; {
		size := min(1+r.IntN(1+phones/2), left)
		for range size {
			s.wave = append(s.wave, len(s.sizes))
		}
		s.sizes, left = append(s.sizes, size), left-size
	}
	s.plan(s.sabotaged())
}

// plan saves a plan.
func (s *simulation) plan(rules rollout.Rules, images, sizes []int) {
	s.world.plan(rules, images, sizes...)
}

// slow is a ledger that takes its time, before and after it stores.
type slow struct {
	journal.Ledger
	s *simulation
}

func (l slow) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	hash := fnv.New64()
	fmt.Fprint(hash, l.s.seed, time.Now().UnixNano(), batches[0].Key, len(batches))
	took := time.Duration(hash.Sum64()%400) * time.Millisecond
	time.Sleep(took / 2)
	if l.s.how.noFence {
		for i := range batches {
			batches[i].After = l.seq(ctx, batches[i].Key)
		}
	}
	answers := l.Ledger.AppendAll(ctx, batches)
	time.Sleep(took / 2)
	return answers
}

func (l slow) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := l.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

// seq returns the last event of a stream.
func (l slow) seq(ctx context.Context, key journal.Key) (seq journal.Seq) {
	for event, err := range l.Read(ctx, key) {
		if err != nil {
			return seq
		}
		seq = event.Seq
	}
	return seq
}

// begin starts a run.
func (s *simulation) begin() *process {
	return s.process(func(e *rollout.Engine) {
		e.Ledger = slow{e.Ledger, s}
		e.Crew = wrongCrew{e.Crew, s.how}
		run := e.Begun.Run
		e.Event = func(phone int, event fleet.Event) { s.note(run, phone, event) }
		e.Open = func(_ context.Context, saved *rollout.Saved, d rollout.Decision) (bool, error) {
			s.open(d.Wave)
			return true, nil
		}
	}).start()
}

func (s *simulation) open(wave int) {
	s.smu.Lock()
	defer s.smu.Unlock()
	s.opened[wave] = true
}

// note notes an event of a run.
func (s *simulation) note(run string, phone int, e fleet.Event) {
	s.smu.Lock()
	defer s.smu.Unlock()
	who, where := fmt.Sprint(run, " ", phone), run+" "+subnet(macOf(phone))
	if e.Step == fleet.StepDone || e.Step == fleet.StepFailed {
		if s.on[who] {
			delete(s.on, who)
			s.busy[where]--
		}
		if _, before := s.ended[phone]; !before {
			s.ended[phone] = e.At
		}
		return
	}
	if e.Step == fleet.StepContacted && !s.on[who] {
		s.on[who] = true
		s.busy[where]++
		if n := s.rules.PerSubnet; n > 0 && s.busy[where] > n && !s.settling(phone) {
			s.full = fmt.Sprintf("%d phones of a network are on their way at once, not %d", s.busy[where], n)
		}
	}
}

// settling reports whether a phone may have been instructed before: such phones are queried at any time.
func (s *simulation) settling(phone int) bool {
	return s.phones[phone].State().Instructed > 0 || s.stops > 0
}

// drive carries the rollout out, with stops.
func (s *simulation) drive() {
	stops := s.random.IntN(7)
	p := s.begin()
	for {
		limit := 60 * 24 * time.Hour
		if stops > 0 {
			limit = time.Duration(s.random.ExpFloat64() * float64(3*time.Minute))
		}
		timer := time.NewTimer(limit)
		select {
		case <-p.done:
			timer.Stop()
			if s.over(p) {
				return
			}
			p = s.begin()
		case <-timer.C:
			if stops == 0 {
				s.problem("the rollout does not end: %s", s.ends())
				p.cancel()
				_, _ = p.wait()
				return
			}
			stops--
			s.stops++
			p = s.disturb(p)
		}
	}
}

// disturb stops a run in some way, and returns the one that goes on.
func (s *simulation) disturb(p *process) *process {
	by := journal.Origin{User: "boss"}
	pause := time.Duration(s.random.IntN(600)) * time.Second
	switch s.random.IntN(6) {
	case 0: // a second run
		s.twoRuns = true
		next := s.begin()
		_, _ = p.wait()
		return next
	case 1: // Ctrl-C
		s.cuts = append(s.cuts, time.Now())
		p.cancel()
		_, _ = p.wait()
	case 2: // paused for a while
		if rollout.Hold(s.t.Context(), s.ledger, name, by, "") == nil {
			time.Sleep(pause)
			s.resume()
		}
		return p
	case 3:
		_ = rollout.End(s.t.Context(), s.ledger, name, by, "")
		_, _ = p.wait()
		s.resume()
	default: // power
		keep := s.random.IntN(3)
		s.place.Crash(func(n int) int {
			switch keep {
			case 0:
				return 0
			case 1:
				return n
			}
			return s.random.IntN(n + 1)
		})
		s.cuts = append(s.cuts, time.Now())
		p.cancel()
		_ = p.server.Close()
		_, _ = p.wait()
		s.ledger = s.place.Open()
	}
	time.Sleep(pause)
	return s.begin()
}

// resume lets the rollout go on as a person does, who looks at it before.
func (s *simulation) resume() {
	before := s.load().Control.Opened
	if err := rollout.Resume(s.t.Context(), s.ledger, name, journal.Origin{}, causes); err != nil && !errors.Is(err, rollout.ErrNothing) {
		s.problem("resume: %v", err)
	}
	if now := s.load().Control.Opened; now > before {
		s.open(now - 1)
	}
}

// over reports whether a run that ended is the last one.
func (s *simulation) over(p *process) bool {
	d, err := p.wait()
	taken := (*rollout.TakenError)(nil)
	switch {
	case errors.As(err, &taken) && s.twoRuns:
	case err != nil:
		s.problem("run: %v", err)
		return true
	case d.Verb == rollout.Over || d.Verb == rollout.Stop:
		s.resume()
	case d.Verb == rollout.Done:
		return true
	}
	return false
}

func (s *simulation) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// String names the seed.
func (s *simulation) String() string { return strings.TrimSpace(fmt.Sprint(s.seed, " ", s.how.name)) }
