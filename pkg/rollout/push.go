package rollout

import (
	"context"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Push is a rollout of one wave that is carried out at once: one attempt at each phone, without limits, and without another run
// after it.
type Push struct {
	engine *Engine
	saved  *Saved
	met    []*met
	others *otherRuns
}

// Push records a push and its phones, and takes over what earlier runs did with them. Nothing is done to the phones yet. All phones of the
// plan get its first image.
func (e *Engine) Push(ctx context.Context, planned journal.Planned, plan Plan) (*Push, error) {
	now := time.Now()
	planned.Push, planned.Phones = true, len(plan.Phones)
	if _, err := journal.Create(ctx, e.Ledger, e.Name, now, planned); err != nil {
		return nil, err
	}
	plan.Waves = []Wave{{Name: WaveSize{Rest: true}.String()}}
	batches := make([]journal.Batch, len(plan.Phones))
	for i, p := range plan.Phones {
		plan.Phones[i].Images = []int{0}
		plan.Waves[0].Phones = append(plan.Waves[0].Phones, i)
		listed := journal.Listed{Address: p.Address, MAC: p.MAC, Note: p.Note}
		if contact, err := hwcheck.ContactAddress(p.Address); err == nil {
			listed.Address = contact
		}
		batches[i] = journal.Batch{Key: keyOf(e.Name, p, 0), Events: []journal.Event{{At: now, Body: listed}}}
	}
	s := &Saved{Name: e.Name, At: now, Planned: planned, Plan: plan, Control: Control{Run: e.Begun.Run}}
	for i, answer := range e.Ledger.AppendAll(ctx, batches) {
		if answer.Err != nil {
			return nil, answer.Err
		}
		event := batches[i].Events[0]
		event.Seq = answer.Seq
		s.Steps = append(s.Steps, []journal.State{journal.State{}.Apply(event)})
	}
	others, met, _, err := e.meet(ctx, s, plan.Waves[0].Phones)
	if err != nil {
		return nil, err
	}
	return &Push{e, s, met, others}, nil
}

// Targets returns what the crew is told of the phones, with what earlier runs did with them.
func (p *Push) Targets() []fleet.Target {
	targets := make([]fleet.Target, len(p.met))
	for i := range targets {
		targets[i] = p.saved.target(p.engine, i, 0)
	}
	return targets
}

// Earlier returns how many of the phones an earlier run instructed.
func (p *Push) Earlier() int {
	n := 0
	for _, steps := range p.saved.Steps {
		if !steps[0].Told.IsZero() {
			n++
		}
	}
	return n
}

// Run has the crew take on the phones, and returns how that ended with each of them. After a [LossError] it returns the results, too.
func (p *Push) Run(ctx context.Context) ([]fleet.Result, error) {
	t := p.engine.newTurn(ctx, p.saved, Decision{Verb: Run}, p.met, p.others)
	return t.run(ctx)
}
