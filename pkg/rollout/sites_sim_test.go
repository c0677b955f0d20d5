package rollout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
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

// TestSimulateSites carries out rollouts at several sites, with a worker or two at each, and disturbs them: networks are cut,
// heartbeats fail, workers are killed, acknowledgements are lost, people pause, stop and retry. The environment is that of
// TestSimulate.
func TestSimulateSites(t *testing.T) {
	usual := 4
	if underRace {
		usual = 2
	}
	seeds, phones, first := env("SEEDS", usual), env("PHONES", 12), env("SEED", 1)
	var stops, told, runs int
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			s := simulateSites(t, seed, phones, sabotage{})
			for _, problem := range s.problems {
				t.Errorf("seed %d with %d phones: %s (repeat: make simulate SEED=%[1]d SEEDS=1 PHONES=%[2]d)", seed, phones, problem)
			}
			stops, told, runs = stops+s.stops, told+s.told, runs+len(s.runs)
		})
	}
	t.Logf("%d rollouts of %d phones, %d disturbances, %d runs, %d phones instructed", seeds, phones, stops, runs, told)
}

// A sitesSim is a rollout at several sites.
type sitesSim struct {
	*simulation
	names  []string // of the sites
	queue  queue
	hosts  []*host
	loses  bool // acknowledgements
	wait   sync.WaitGroup
	making sync.Mutex // of processes

	rmu   sync.Mutex
	runs  map[string]*siteRun
	ended bool
}

// A siteRun is a run of a worker.
type siteRun struct {
	site      string
	confirmed []time.Time // when its lease was
	over      bool
	overlaps  bool // another one of the site went on when it began
}

// simulateSites carries out a rollout with disturbances, and returns what was wrong.
func simulateSites(t *testing.T, seed, phones int, how sabotage) *sitesSim {
	t.Helper()
	return atSites(t, seed, how, func(s *sitesSim) {
		random := s.random
		for n := range 2 + random.IntN(3) {
			s.names = append(s.names, fmt.Sprint("site", n))
		}
		for n := range phones {
			faults := s.faults()
			s.stalls[macOf(n)] = slices.Contains(faults, "stalls-mid-download")
			s.phone(faults...)
			s.sites = append(s.sites, s.names[random.IntN(len(s.names))])
		}
		s.names = slices.DeleteFunc(s.names, func(site string) bool { return !slices.Contains(s.sites, site) })
		s.loses = random.IntN(2) == 0
		s.choose(phones)
		for _, site := range s.names {
			for range 1 + random.IntN(2) {
				s.host(site)
			}
		}
		s.drive(max(random.IntN(12)-3, 0))
	})
}

// silentSite carries out a rollout at one site, whose only worker sends no heartbeat for ten minutes while it begins a phone each
// minute.
func silentSite(s *sitesSim) {
	s.scene(rollout.Rules{StartRate: 1}, []string{"berlin"}, 12)
	h := s.host("berlin")
	time.Sleep(20 * time.Second)
	h.beSilent(10 * time.Minute)
	s.drive(0)
}

// otherSite carries out a rollout whose second wave is at another site than its first, which takes a few minutes.
func otherSite(s *sitesSim) {
	s.scene(rollout.Rules{StartRate: 1}, []string{"berlin", "paris"}, 4, 4)
	s.host("berlin")
	s.host("paris")
	s.drive(0)
}

// scene makes phones without faults, one wave for each size, at each site in turn, and saves the plan.
func (s *sitesSim) scene(rules rollout.Rules, sites []string, sizes ...int) {
	s.names, s.sizes = sites, sizes
	for w, size := range sizes {
		for range size {
			s.phone()
			s.sites, s.wave = append(s.sites, sites[w%len(sites)]), append(s.wave, w)
		}
	}
	s.rules = rules
	s.rules.Pause, s.rules.Parallel, s.rules.Attempts, s.rules.Settle = rollout.PauseNone, 2, 1, 10*time.Minute
	s.plan(s.sabotaged())
}

// atSites makes a world with sites, carries out in it what do does, and checks it.
func atSites(t *testing.T, seed int, how sabotage, do func(s *sitesSim)) *sitesSim {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(seed), 11)) //nolint:gosec // a test that repeats
	s := &sitesSim{simulation: &simulation{seed: seed, random: random, how: how}, queue: queue{jobs: map[string]*message{}}, runs: map[string]*siteRun{}}
	synctest.Test(t, func(t *testing.T) {
		s.world = newWorld(t)
		s.stalls, s.retried = map[string]bool{}, map[int]int{}
		s.opened, s.simulation.ended, s.busy, s.on = map[int]bool{}, map[int]time.Time{}, map[string]int{}, map[string]bool{}
		do(s)
		s.checkSites()
	})
	return s
}

// host starts a machine at a site, and tells it that there is something to do.
func (s *sitesSim) host(site string) *host {
	s.queue.publish(site)
	h := &host{s: s, site: site}
	s.hosts = append(s.hosts, h)
	s.wait.Go(h.work)
	return h
}

// drive waits until the rollout has ended, and disturbs it so many times before.
func (s *sitesSim) drive(left int) {
	limit := 60 * 24 * time.Hour
	if s.how.name != "" {
		limit = 14 * 24 * time.Hour // workers that look for work cost a second a day, and what ends at all ends in four days
	}
	for start := time.Now(); !s.person(); {
		pause := time.Duration(s.random.ExpFloat64() * float64(3*time.Minute))
		if left == 0 {
			pause = time.Minute
		}
		time.Sleep(pause)
		if left > 0 {
			left--
			s.stops++
			s.disturb()
		}
		if time.Since(start) > limit {
			s.problem("the rollout does not end: %s", s.ends())
			break
		}
	}
	s.rmu.Lock()
	s.ended = true
	s.rmu.Unlock()
	for _, h := range s.hosts {
		h.kill(0)
	}
	s.wait.Wait()
}

// over reports whether the test ends.
func (s *sitesSim) isOver() bool {
	s.rmu.Lock()
	defer s.rmu.Unlock()
	return s.ended
}

// person does what a person does who looks at the rollout, and reports whether it has ended.
func (s *sitesSim) person() bool {
	saved := s.load()
	switch d := saved.Plan.Decide(saved.State(causes), time.Now()); d.Verb {
	case rollout.Done:
		return s.queue.empty()
	case rollout.Ask:
		s.resume()
	case rollout.Paused:
	default:
		if !s.queue.empty() {
			return false
		}
		s.resume()
		s.queue.publish(s.names...)
	}
	return false
}

// disturb does something to a worker, or to all of them.
func (s *sitesSim) disturb() {
	by := journal.Origin{User: "boss"}
	h := s.hosts[s.random.IntN(len(s.hosts))]
	takes := time.Duration(5+s.random.IntN(115)) * time.Second
	switch s.random.IntN(9) {
	case 0, 1:
		h.cutOff(takes)
	case 2, 3, 4:
		h.beSilent(takes)
	case 5, 6:
		h.kill(takes)
	case 7:
		if rollout.Hold(s.t.Context(), s.ledger, name, by, "") == nil {
			time.Sleep(takes)
			s.resume()
			s.queue.publish(s.names...)
		}
	default:
		saved := s.load()
		if phones := saved.Failed(causes); s.random.IntN(2) == 0 && len(phones) > 0 {
			s.retry(saved, phones)
			return
		}
		_ = rollout.End(s.t.Context(), s.ledger, name, by, "")
	}
}

// retry lets phones begin anew.
func (s *sitesSim) retry(saved *rollout.Saved, phones []int) {
	switch err := rollout.Retry(s.t.Context(), s.ledger, saved, phones, journal.Origin{User: "boss"}, "", causes); {
	case err == nil, errors.Is(err, journal.ErrConflict): // a part of it may be recorded
		for _, i := range phones {
			s.retried[i]++
		}
	default:
		s.problem("retry: %v", err)
	}
	s.queue.publish(s.names...)
}

// work waits for messages, and carries the rollout out at its site.
func (h *host) work() {
	for !h.s.isOver() {
		if h.silent() {
			time.Sleep(time.Second)
			continue
		}
		if ticket, ok := h.s.queue.pull(h.site); ok {
			h.carry(ticket)
		}
		time.Sleep(time.Second)
	}
}

// carry carries the rollout out until nothing is left to do at the site, or another worker has it.
func (h *host) carry(ticket int) {
	s := h.s
	run, p := h.begin(ticket)
	if p == nil {
		return
	}
	stop := make(chan struct{})
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		for {
			select {
			case <-stop:
				return
			case <-time.After(heartbeat):
				if !h.silent() && s.queue.beat(h.site, ticket) {
					s.confirm(run)
				}
			}
		}
	}()
	d, err := p.start().wait()
	close(stop)
	<-beats
	h.mu.Lock()
	dead := h.link.dead
	h.run, h.link = nil, nil
	h.mu.Unlock()
	s.rmu.Lock()
	s.runs[run].over = true
	s.rmu.Unlock()
	switch {
	case dead:
	case err != nil && !isPassing(err):
		s.smu.Lock()
		s.problem("run at %s: %v", h.site, err)
		s.smu.Unlock()
		s.queue.end(h.site, ticket, false)
	case err == nil && isEnd(d):
		s.queue.end(h.site, ticket, true)
		h.again()
	default:
		time.Sleep(2 * time.Second)
		s.queue.end(h.site, ticket, false)
	}
}

func isEnd(d rollout.Decision) bool {
	return d.Verb == rollout.Done || d.Verb == rollout.Over || d.Verb == rollout.Stop
}

// again looks whether a person decided something while the worker still had the message: it was not published anew then.
func (h *host) again() {
	s := h.s
	saved, err := rollout.LoadSite(s.t.Context(), s.ledger, name, h.site)
	if err == nil && !isEnd(saved.Plan.Decide(saved.State(causes), time.Now())) {
		s.queue.publish(h.site)
	}
}

// begin makes a run.
func (h *host) begin(ticket int) (run string, p *process) {
	s := h.s
	s.making.Lock()
	defer s.making.Unlock()
	if s.isOver() {
		return "", nil
	}
	phones := s.at(h.site)
	var l *link
	p = s.process(func(e *rollout.Engine) {
		run = e.Begun.Run
		l = &link{Ledger: e.Ledger, host: h}
		e.Ledger, e.Site, e.Crew = l, h.site, wrongCrew{e.Crew, s.how}
		e.Leave = s.t.Context().Done()
		e.Alive = func() bool { return s.how.noLease || s.holds(run, time.Now()) }
		e.Event = func(phone int, event fleet.Event) { s.note(run, phones[phone], event) }
	})
	s.rmu.Lock()
	r := &siteRun{site: h.site}
	for _, other := range s.runs {
		r.overlaps = r.overlaps || other.site == h.site && !other.over
	}
	s.runs[run] = r
	s.rmu.Unlock()
	s.confirm(run)
	h.mu.Lock()
	h.run, h.link = p, l
	h.mu.Unlock()
	_ = ticket
	return run, p
}

func (s *sitesSim) confirm(run string) {
	s.rmu.Lock()
	defer s.rmu.Unlock()
	s.runs[run].confirmed = append(s.runs[run].confirmed, time.Now().Truncate(time.Millisecond)) // as exact as the times of events
}

// holds reports whether a run held the lease of its site at a time, as far as it knew.
func (s *sitesSim) holds(run string, at time.Time) bool {
	s.rmu.Lock()
	defer s.rmu.Unlock()
	for _, c := range slices.Backward(s.runs[run].confirmed) {
		if !c.After(at) {
			return at.Sub(c) < ackWait
		}
	}
	return false
}

// TestSabotageSites breaks the rules on purpose: the simulation has to notice each of them.
func TestSabotageSites(t *testing.T) {
	if underRace {
		t.Skip("broken rules are looked for without the race detector: TestSimulateSites runs the same code with it")
	}
	t.Run("skip the fence", func(t *testing.T) {
		t.Parallel()
		most, from := env("SABOTAGE", 200), 30
		for n := range most {
			seed := (from-1+n)%most + 1
			var s *sitesSim
			t.Run(strconv.Itoa(seed), func(t *testing.T) { s = simulateSites(t, seed, 12, sabotage{name: "skip the fence", noFence: true}) })
			if len(s.problems) > 0 {
				t.Logf("seed %d: %s", seed, s.problems[0])
				return
			}
		}
		t.Errorf("not noticed with %d seeds", most)
	})
	// The others have scenes of their own: in the simulation it depends on chance whether a phone waits when it matters.
	for _, c := range []struct {
		how     sabotage
		scene   func(*sitesSim)
		problem string
	}{
		{sabotage{name: "the lease ignored", noLease: true}, silentSite, "had no lease"},
		{sabotage{name: "other sites ignored", ownOnly: true}, otherSite, "was begun before phone 0 of wave 0 had ended"},
	} {
		t.Run(c.how.name, func(t *testing.T) {
			t.Parallel()
			if s := atSites(t, 1, sabotage{}, c.scene); len(s.problems) > 0 {
				t.Errorf("with all rules: %s", s.problems)
			}
			s := atSites(t, 1, c.how, c.scene)
			if len(s.problems) == 0 || !strings.Contains(s.problems[0], c.problem) {
				t.Errorf("not noticed: %s", s.problems)
			}
		})
	}
}
