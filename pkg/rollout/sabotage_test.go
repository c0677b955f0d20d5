package rollout_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestSabotage breaks the rules on purpose: the simulation has to notice each of them.
func TestSabotage(t *testing.T) {
	if underRace {
		t.Skip("broken rules are looked for without the race detector: TestSimulate runs the same code with it")
	}
	most := env("SABOTAGE", 200)
	for _, how := range []sabotage{
		{name: "tell before the barrier", tellFirst: true, from: 6},
		{name: "skip the fence", noFence: true, from: 28},
		{name: "ask first left out", noQuery: true, from: 3},
		{name: "limit off by one", limitPlusOne: true, from: 1},
		{name: "gate ignored", noGate: true, from: 6},
		{name: "waves ignored", oneWave: true, from: 1},
		{name: "window ignored", noWindow: true, from: 4},
		{name: "rate ignored", noRate: true, from: 2},
		{name: "networks ignored", noSubnet: true, from: 1},
		{name: "one more at a time", oneMore: true, from: 3},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			for n := range most {
				seed := (how.from-1+n)%most + 1
				var s *simulation
				t.Run(strconv.Itoa(seed), func(t *testing.T) { s = simulate(t, seed, 12, how) })
				if len(s.problems) > 0 {
					t.Logf("seed %d: %s", seed, s.problems[0])
					return
				}
			}
			t.Errorf("not noticed with %d seeds", most)
		})
	}
}

// wrongCrew breaks what the engine tells the crew.
type wrongCrew struct {
	rollout.Crew
	how sabotage
}

func (c wrongCrew) Run(ctx context.Context, plan fleet.Plan) ([]fleet.Result, error) {
	if commit := plan.Commit; c.how.tellFirst {
		plan.Commit = func(ctx context.Context, n int, step fleet.Step) error {
			go func() { _ = commit(ctx, n, step) }()
			return nil
		}
	}
	if c.how.noQuery {
		for i := range plan.Phones {
			plan.Phones[i].Earlier = nil
		}
	}
	return c.Crew.Run(ctx, plan)
}

// A sabotage breaks rules. The plan in the journal then is not the one that the simulation checks.
type sabotage struct {
	name                                                               string
	tellFirst, noFence, noQuery                                        bool
	limitPlusOne, noGate, oneWave, noWindow, noRate, noSubnet, oneMore bool

	noLease, ownOnly bool // at several sites

	from int // the first seed: one that noticed it, so that the test is short
}

// sabotaged returns the plan that is carried out.
func (s *simulation) sabotaged() (rules rollout.Rules, images []int, sizes []int) {
	rules, sizes = s.rules, s.sizes
	rules.StopOn = slices.Clone(rules.StopOn)
	if s.how.limitPlusOne {
		for i, l := range rules.StopOn {
			if l.Count > 0 {
				rules.StopOn[i].Count++
			}
		}
	}
	if s.how.noGate {
		rules.Pause = rollout.PauseNone
	}
	if s.how.oneWave {
		sizes = []int{len(s.wave)}
	}
	if s.how.noWindow {
		rules.Window = rollout.Window{}
	}
	if s.how.noRate {
		rules.StartRate = 0
	}
	if s.how.noSubnet {
		rules.PerSubnet = 0
	}
	if s.how.oneMore {
		rules.Parallel++
	}
	return rules, []int{direct}, sizes
}
