package rollout_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestPlanOfJournal refuses plans that no planner writes: a journal is a file that anybody may have written.
func TestPlanOfJournal(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*rollout.Plan){
		"no image for a phone of a wave":    func(p *rollout.Plan) { p.Phones[0].Images = nil },
		"a phone with an image, in no wave": func(p *rollout.Plan) { p.Waves[0].Phones = nil },
		"a wave of an unknown size":         func(p *rollout.Plan) { p.Waves[0].Name = "many" },
		"an unknown pause":                  func(p *rollout.Plan) { p.Rules.Pause = "full moon" },
		"a negative pause between attempts": func(p *rollout.Plan) { p.Rules.Settle = -1 },
		"negative places":                   func(p *rollout.Plan) { p.Rules.Parallel = -1 },
		"negative places in a network":      func(p *rollout.Plan) { p.Rules.PerSubnet = -1 },
		"negative attempts":                 func(p *rollout.Plan) { p.Rules.Attempts = -1 },
		"a negative rate":                   func(p *rollout.Plan) { p.Rules.StartRate = -1 },
		"a rate without end":                func(p *rollout.Plan) { p.Rules.StartRate = 1e300 },
		"an unknown limit":                  func(p *rollout.Plan) { p.Rules.StopOn[0].Cause = "tired" },
		"a limit of nothing":                func(p *rollout.Plan) { p.Rules.StopOn[0].Count = 0 },
		"a limit of two kinds":              func(p *rollout.Plan) { p.Rules.StopOn[0].Percent = 5 },
		"a limit of more than all":          func(p *rollout.Plan) { p.Rules.StopOn[1].Percent = 101 },
	} {
		plan, ledger := wholePlan(), journaltest.NewMemory().Open()
		change(&plan)
		fatal(t, rollout.Save(t.Context(), ledger, name, time.Now(), journal.Planned{}, plan))
		if _, err := rollout.Load(t.Context(), ledger, name); !errors.Is(err, rollout.ErrPlan) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestEventsOfJournal takes nothing from events that no planner writes.
func TestEventsOfJournal(t *testing.T) {
	t.Parallel()
	load := func(key journal.Key, change func(journal.Body) journal.Body) (*rollout.Saved, error) {
		ledger := journaltest.NewMemory().Open()
		fatal(t, rollout.Save(t.Context(), ledger, name, time.Now(), journal.Planned{}, wholePlan()))
		return rollout.FromRecords(name, func(yield func(journal.Record, error) bool) {
			for r, err := range ledger.ReadAll(t.Context(), name) {
				if r.Key == key {
					r.Event.Body = change(r.Event.Body)
				}
				if !yield(r, err) {
					return
				}
			}
		})
	}
	whole, phone := journal.Key{Rollout: name}, journal.Key{Rollout: name, Phone: "Berlin/192.0.2.1"}
	for _, images := range []string{"[1]", "[-1]", "[0" + strings.Repeat(",0", 1000) + "]", "[]"} {
		_, err := load(phone, func(b journal.Body) journal.Body {
			listed := b.(journal.Listed)
			listed.Plan = json.RawMessage(strings.Replace(string(listed.Plan), `"images":[0,0]`, `"images":`+images, 1))
			return listed
		})
		if !errors.Is(err, rollout.ErrPlan) {
			t.Errorf("images %.20s: %v", images, err)
		}
	}
	_, err := load(phone, func(b journal.Body) journal.Body {
		listed := b.(journal.Listed)
		listed.Plan = json.RawMessage(strings.ReplaceAll(string(listed.Plan), "192.0.2.1", "192.0.2.2"))
		return listed
	})
	if !errors.Is(err, rollout.ErrPlan) {
		t.Errorf("two phones of one address: %v", err)
	}
	_, err = load(whole, func(b journal.Body) journal.Body {
		planned := b.(journal.Planned)
		planned.Plan = json.RawMessage(strings.Replace(string(planned.Plan), "22:00-06:00", "25:00-26:00", 1))
		return planned
	})
	if !errors.Is(err, rollout.ErrPlan) {
		t.Errorf("a window that cannot be: %v", err)
	}
	_, err = load(whole, func(b journal.Body) journal.Body {
		planned := b.(journal.Planned)
		planned.Push = true
		return planned
	})
	if !errors.Is(err, rollout.ErrNoRollout) {
		t.Errorf("a push with a plan: %v", err)
	}
}

// TestResumeAfterLimit opens the wave that waits for a person along with going on in spite of the limit of the wave before: one command is
// enough.
func TestResumeAfterLimit(t *testing.T) {
	t.Parallel()
	ledger := journaltest.NewMemory().Open()
	plan := rollout.Plan{
		Images: []rollout.Image{{Name: "cp.bind"}},
		Phones: []rollout.Phone{{Address: "192.0.2.1", Images: []int{0}}, {Address: "192.0.2.2", Images: []int{0}}},
		Waves:  []rollout.Wave{{Name: "canary", Phones: []int{0}}, {Name: "rest", Phones: []int{1}}},
		Rules:  rollout.Rules{Pause: rollout.PauseCanary, Attempts: 1, StopOn: rollout.Limits{{Cause: rollout.Rejected, Count: 1}}},
	}
	fatal(t, rollout.Save(t.Context(), ledger, name, time.Now(), journal.Planned{}, plan))
	causes := func(fleet.Kind, bool) (rollout.Cause, bool) { return rollout.Rejected, false }
	s, err := rollout.Load(t.Context(), ledger, name)
	fatal(t, err)
	_, err = ledger.Append(t.Context(), s.Key(0, 0), s.Steps[0][0].Seq, journal.Event{At: time.Now(), Body: journal.Outcome{Result: journal.Failed, Failure: "rejected"}})
	fatal(t, err)
	verb := func() rollout.Verb {
		s, err := rollout.Load(t.Context(), ledger, name)
		fatal(t, err)
		return s.Plan.Decide(s.State(causes), time.Now()).Verb
	}
	if got := verb(); got != rollout.Over {
		t.Errorf("before: %s", got)
	}
	fatal(t, rollout.Resume(t.Context(), ledger, name, journal.Origin{User: "ada"}, causes))
	if got := verb(); got != rollout.Run {
		t.Errorf("after: %s", got)
	}
}
