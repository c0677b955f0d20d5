package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A turn is phones that the crew takes on together.
type turn struct {
	e      *Engine
	saved  *Saved
	writer *journal.Writer
	wave   int
	phones []int        // of the plan
	steps  []int        // which of its images each of them gets
	recs   []*Recording // of each of them
	begin  bool         // phones that were not instructed may begin
	nets   *subnets
	others *otherRuns
	last   []time.Time // of each of them: last event of another rollout with it

	held context.Context // ends when no phone may be begun any more
	hold context.CancelFunc

	failed  chan struct{} // one element: a phone ended badly
	looking sync.Mutex    // before mu: what was decided is read
	looked  time.Time     // when that was done last

	mu      sync.Mutex
	control *Saved // what was decided by then
	state   State
	inWave  map[int]bool
	ended   map[Cause]int // phones of the wave here that ended badly
	begun   []bool        // of phones
	failure error         // why the run cannot go on
}

// A turnRef is the turn that goes on.
type turnRef struct {
	mu  sync.Mutex
	now *turn
}

func (r *turnRef) get() *turn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *turnRef) set(t *turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = t
}

// closeTime is how long the end of a turn may take to be recorded.
const closeTime = 15 * time.Second

// take has the crew take on the phones of a decision, those that are left to other runs excepted.
func (e *Engine) take(ctx context.Context, s *Saved, d Decision) error {
	others, met, again, err := e.meet(ctx, s, d.Phones)
	if err != nil {
		return err
	}
	e.moved = true
	if len(met) == 0 {
		return e.idle(ctx, s, again)
	}
	t := e.newTurn(ctx, s, d, met, others)
	_, err = t.run(ctx)
	switch {
	case err != nil && isLocked(t.failure): // not less than that: the password must not be tried again
		return fmt.Errorf("%w; %w", t.failure, err)
	case err != nil:
		return err
	case t.failure != nil:
		return t.failure
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !slices.Contains(t.begun, true):
		return pause(ctx, lookAgain)
	}
	return nil
}

// isLocked reports whether a phone accepts no password for now.
func isLocked(err error) bool {
	f := (*fleet.Failure)(nil)
	return errors.As(err, &f) && f.Kind == fleet.KindLocked
}

// run has the crew take on the phones, and returns how that ended with each of them. The error is that of the crew, or a [LossError].
func (t *turn) run(ctx context.Context) ([]fleet.Result, error) {
	defer t.hold()
	e, plan := t.e, t.e.Base
	plan.Settle, plan.Commit, plan.Phones = e.settle(t.saved), t.commit, t.targets()
	if !t.saved.Planned.Push {
		plan.Begin, plan.Ready = t.mayBegin, t.mayContact
	}
	e.now.set(t)
	stop := t.publishing(ctx)
	results, err := e.Crew.Run(ctx, plan)
	e.now.set(nil)
	stop()
	t.drain(ctx)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	_ = t.writer.Close(limited) // its losses say more
	losses := slices.DeleteFunc(t.writer.Losses(), func(l journal.Loss) bool {
		return errors.Is(l.Err, journal.ErrConflict) // another run took over, and records it
	})
	if err == nil && len(losses) > 0 {
		err = &LossError{losses}
	}
	return results, err
}

var errNoTime = errors.New("the journal did not answer in time")

// A LossError reports phones of which not everything could be recorded.
type LossError struct{ Losses []journal.Loss }

func (e *LossError) Error() string {
	var names []string
	for _, loss := range e.Losses {
		names = append(names, loss.Key.Phone)
	}
	const named = 3
	if more := len(names) - named; more > 0 {
		names = append(names[:named], fmt.Sprintf("%d more", more))
	}
	why := e.Losses[0].Err
	if e.Unwrap() == nil {
		why = errNoTime
	}
	return fmt.Sprintf("what happened last is not recorded for %s: %v", strings.Join(names, ", "), why)
}

// Unwrap returns why the first one could not be recorded. That its time ended is not an interrupt.
func (e *LossError) Unwrap() error {
	if err := e.Losses[0].Err; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (e *Engine) newTurn(ctx context.Context, s *Saved, d Decision, phones []*met, others *otherRuns) *turn {
	t := &turn{
		e: e, saved: s, writer: journal.NewWriter(ctx, e.Ledger), others: others, wave: d.Wave, begin: d.Verb == Run, nets: newSubnets(s.Plan.Rules.PerSubnet),
		state: s.State(e.Causes), begun: make([]bool, len(phones)), inWave: map[int]bool{},
		failed: make(chan struct{}, 1), control: s,
	}
	t.held, t.hold = context.WithCancel(ctx)
	t.ended = s.Plan.endedHere(t.state, d.Wave)
	for _, i := range s.Plan.Waves[d.Wave].Phones {
		t.inWave[i] = true
	}
	for n, m := range phones {
		t.begun[n] = s.Planned.Push // nothing holds it back
		step := s.Step(m.phone)
		t.writer.Resume(m.key, m.own.Seq)
		t.phones, t.steps, t.last = append(t.phones, m.phone), append(t.steps, step), append(t.last, m.last)
		t.recs = append(t.recs, &Recording{Writer: t.writer, Key: m.key, Run: e.Begun.Run, Image: s.image(m.phone, step)})
	}
	return t
}

// image returns the image that a phone gets at a step.
func (s *Saved) image(phone, step int) journal.Image {
	image := s.Plan.Images[s.Plan.Phones[phone].Images[step]]
	version := ""
	if !image.Version.IsZero() {
		version = image.Version.String()
	}
	return journal.Image{Name: image.Name, Version: version, SoftwareType: image.SoftwareType, SHA256: image.SHA256, Size: image.Size}
}

// targets returns what the crew is told of the phones.
func (t *turn) targets() []fleet.Target {
	targets := make([]fleet.Target, len(t.phones))
	for n, i := range t.phones {
		targets[n] = t.saved.target(t.e, i, t.steps[n])
	}
	return targets
}

// target returns what the crew is told of a phone, with what an earlier run did with it.
func (s *Saved) target(e *Engine, phone, step int) fleet.Target {
	target, st := e.Target(phone, s.Plan.Phones[phone].Images[step]), s.Steps[phone][step]
	if !st.Told.IsZero() && st.Outcome == nil {
		b := st.Before
		target.Earlier = &fleet.Earlier{
			At:     earlierOf(st.StepAt, time.Now()), // the clock may have been set back since
			Before: fleet.Device{Type: b.Type, SoftwareType: b.SoftwareType, Version: b.Version, PartNumber: b.PartNumber, MAC: b.MAC},
		}
	}
	return target
}

func earlierOf(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// report takes over an event of the crew: it has the numbers of the turn.
func (t *turn) report(event fleet.Event) {
	n := event.Phone
	i, rec := t.phones[n], t.recs[n]
	last := event.Step == fleet.StepDone || event.Step == fleet.StepFailed
	again := false
	if last {
		t.nets.leave(t.saved.Plan.Phones[i].Address)
		t.mu.Lock()
		begun := t.begun[n]
		if f := event.Failure; begun {
			again = t.end(i, event, rec.announced())
		} else if f != nil && !final(f, false) {
			t.mu.Unlock()
			return // it was not begun: nothing happened to it
		}
		t.mu.Unlock()
	}
	rec.Event(event, again)
	if t.e.Event != nil {
		t.e.Event(i, event)
	}
}

// end takes over the end of a phone, and reports whether another attempt follows. told says that an update command or an image was
// announced to it. The lock is held.
func (t *turn) end(i int, event fleet.Event, told bool) (again bool) {
	p, f := &t.state.Phones[i], event.Failure
	if t.saved.Planned.Push {
		return false // it has one attempt, and no limits
	}
	if f != nil {
		switch f.Kind {
		case fleet.KindImage, fleet.KindLocked, fleet.KindStopped:
			if t.failure == nil || f.Kind == fleet.KindLocked {
				t.failure = f
			}
			t.hold()
		}
		if !final(f, told) {
			return false
		}
	}
	at := Progress{Ended: true, Updated: f == nil, Attempts: p.Attempts, At: event.At}
	if f != nil {
		at.Attempts++
		at.Cause, at.MayPass = t.e.Causes(f.Kind, f.Instructed)
		at.MayPass = at.MayPass && !f.Instructed && !told
		again = t.saved.Plan.mayRetry(at)
	}
	*p = at
	if f != nil && !again {
		if t.inWave[i] {
			t.ended[at.Cause]++
		}
		select {
		case t.failed <- struct{}{}:
		default:
		}
	}
	return again
}
