package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Crew takes phones to their end; [fleet.Runner] does.
type Crew interface {
	Run(ctx context.Context, plan fleet.Plan) ([]fleet.Result, error)
}

// A Recorder writes what happens to phones into the journal.
type Recorder interface {
	// Begin begins with a phone, at a step of its images, for the attempt-th time. state is what the journal says of it.
	Begin(phone, step, attempt int, state journal.State)
	// Event records what happened. again says that a failure is not the end: another attempt follows.
	Event(phone int, e fleet.Event, again bool)
	// Commit records a step that cannot be undone before it is taken.
	Commit(ctx context.Context, phone int, step fleet.Step) error
	// Flush returns when all that was recorded is durable.
	Flush(ctx context.Context) error
}

// An Engine carries out a rollout: wave after wave, as [Plan.Decide] says. What it knows of the phones is what the journal says,
// so it goes on after any stop.
type Engine struct {
	Ledger journal.Ledger
	Name   string
	By     journal.Origin
	Crew   Crew
	Record Recorder
	Causes CauseFunc

	Base   fleet.Plan                          // of every run of the crew, without phones
	Target func(phone, image int) fleet.Target // what is told to the crew of a phone

	Event   func(phone int, e fleet.Event) // may be nil
	Decided func(Decision)                 // told what comes next, if that changes; may be nil
	// Open asks a person whether the next wave may begin. nil, or false without an error: nobody is there, and the engine ends.
	Open func(ctx context.Context, wave Wave) (bool, error)

	mu  sync.Mutex
	now *turn // phones that the crew takes on now
}

// Handle takes an event of the crew, which has to hand it all of them.
func (e *Engine) Handle(event fleet.Event) {
	e.mu.Lock()
	t := e.now
	e.mu.Unlock()
	if t != nil {
		t.report(event)
	}
}

// lookAgain is how often the journal is read while the rollout waits: somebody may pause, resume or stop it.
const lookAgain = 2 * time.Second

// Run carries out the rollout until there is nothing to do any more, or a person has to decide. It returns the last decision.
func (e *Engine) Run(ctx context.Context) (Decision, error) {
	var last Verb
	for {
		saved, err := Load(ctx, e.Ledger, e.Name)
		if err != nil {
			return Decision{}, err
		}
		d := saved.Plan.Decide(saved.State(e.Causes), time.Now())
		if d.Verb != last && e.Decided != nil {
			e.Decided(d)
		}
		last = d.Verb
		switch {
		case len(d.Phones) > 0:
			err = e.take(ctx, saved, d)
		case d.Verb == Wait:
			err = pause(ctx, min(time.Until(d.Until), lookAgain))
		case d.Verb == Paused:
			err = pause(ctx, lookAgain)
		case d.Verb == Ask:
			var open bool
			if open, err = e.ask(ctx, saved, d); err == nil && !open {
				return d, nil
			}
		case d.Verb == Over:
			return d, e.note(ctx, saved, journal.LimitReached{
				Wave: d.Wave + 1, Cause: string(d.Reached.Cause), Limit: d.Reached.String(), Count: saved.Plan.ended(saved.State(e.Causes), d.Wave)[d.Reached.Cause],
			})
		default:
			return d, nil
		}
		if err != nil {
			return d, err
		}
	}
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// note adds an event to the stream of the rollout. Another process may have done so meanwhile: that is no failure, the next look
// decides anew.
func (e *Engine) note(ctx context.Context, s *Saved, body journal.Body) error {
	_, err := e.Ledger.Append(ctx, journal.Key{Rollout: e.Name}, s.Seq, journal.Event{At: time.Now(), Body: body})
	if errors.Is(err, journal.ErrConflict) {
		return nil
	}
	return err
}

// ask opens the next wave if a person says so.
func (e *Engine) ask(ctx context.Context, s *Saved, d Decision) (bool, error) {
	if e.Open == nil {
		return false, nil
	}
	wave := s.Plan.Waves[d.Wave]
	open, err := e.Open(ctx, wave)
	if err != nil || !open {
		return false, err
	}
	return true, e.note(ctx, s, journal.WaveOpened{Wave: d.Wave + 1, Name: wave.Name, Phones: len(wave.Phones)})
}

// A turn is phones that the crew takes on at a time.
type turn struct {
	e      *Engine
	saved  *Saved
	wave   int
	phones []int // of the plan
	begin  bool  // phones that were not instructed may begin
	pace   *rate.Limiter
	nets   *subnets

	mu    sync.Mutex
	state State
	at    time.Time // when the control was read last
}

// take has the crew take on the phones of a decision.
func (e *Engine) take(ctx context.Context, s *Saved, d Decision) error {
	rules := s.Plan.Rules
	t := &turn{e: e, saved: s, wave: d.Wave, phones: d.Phones, begin: d.Verb == Run, state: s.State(e.Causes), nets: newSubnets(rules.PerSubnet)}
	if rules.StartRate > 0 {
		t.pace = rate.NewLimiter(rate.Limit(rules.StartRate/60), 1)
	}
	plan := e.Base
	plan.Settle, plan.Begin, plan.Phones = rules.Settle, t.mayBegin, nil
	plan.Commit = func(ctx context.Context, number int, step fleet.Step) error {
		return e.Record.Commit(ctx, t.phones[number], step)
	}
	for _, i := range d.Phones {
		step := s.Step(i)
		image := 0
		if images := s.Plan.Phones[i].Images; len(images) > 0 {
			image = images[step]
		}
		target, state := e.Target(i, image), s.Steps[i][step]
		if t.state.Phones[i].Instructed {
			b := state.Before
			target.Earlier = &fleet.Earlier{At: state.StepAt, Before: fleet.Device{Type: b.Type, SoftwareType: b.SoftwareType, Version: b.Version, PartNumber: b.PartNumber, MAC: b.MAC}}
		}
		e.Record.Begin(i, step, t.state.Phones[i].Attempts+1, state)
		plan.Phones = append(plan.Phones, target)
	}
	e.mu.Lock()
	e.now = t
	e.mu.Unlock()
	_, err := e.Crew.Run(ctx, plan)
	if flushed := e.Record.Flush(context.WithoutCancel(ctx)); err == nil {
		err = flushed
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// report takes over an event of the crew: it has the numbers of the turn.
func (t *turn) report(event fleet.Event) {
	if event.Phone == fleet.NoPhone {
		return
	}
	i := t.phones[event.Phone]
	again := false
	if event.Step == fleet.StepDone || event.Step == fleet.StepFailed {
		again = t.ended(i, event)
	}
	t.e.Record.Event(i, event, again)
	if t.e.Event != nil {
		t.e.Event(i, event)
	}
}

// ended takes over the end of a phone, and reports whether another attempt follows.
func (t *turn) ended(i int, event fleet.Event) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &t.state.Phones[i]
	p.Attempts++
	p.Ended, p.Updated, p.At = true, event.Failure == nil, event.At
	if f := event.Failure; f != nil {
		p.Cause, p.MayPass = t.e.Causes(f.Kind, f.Instructed)
		p.MayPass = p.MayPass && !f.Instructed
	}
	t.nets.leave(t.saved.Plan.Phones[i].Address)
	return t.saved.Plan.mayRetry(*p)
}

// errHeld is why a phone is not begun.
var errHeld = errors.New("the rollout begins no phone now")

// mayBegin waits until a phone may be begun. Its error leaves the phone alone for now.
func (t *turn) mayBegin(ctx context.Context, number int) error {
	i := t.phones[number]
	if t.state.Phones[i].Instructed {
		return nil // it is only queried
	}
	if !t.begin {
		return errHeld
	}
	if err := t.nets.enter(ctx, t.saved.Plan.Phones[i].Address); err != nil {
		return err
	}
	if t.pace != nil {
		if err := t.pace.Wait(ctx); err != nil {
			return err
		}
	}
	return t.open(ctx)
}

// open reports whether phones of the wave may still be begun: limits, people and the clock may be against it by now.
func (t *turn) open(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.at) >= lookAgain {
		t.at = now
		control, err := readControl(ctx, t.e.Ledger, t.e.Name)
		if err != nil {
			return fmt.Errorf("the journal cannot be read: %w", err)
		}
		t.state.Control = control
	}
	d := t.saved.Plan.gate(t.state)
	if d.Verb != Run || d.Wave != t.wave || !t.saved.Plan.Rules.Window.Open(time.Now()) {
		return errHeld
	}
	return nil
}

// readControl reads what people and limits decided about a rollout.
func readControl(ctx context.Context, l journal.Ledger, name string) (Control, error) {
	s := &Saved{Name: name}
	for event, err := range l.Read(ctx, journal.Key{Rollout: name}) {
		if err != nil {
			return Control{}, err
		}
		if err := s.apply(event); err != nil {
			return Control{}, err
		}
	}
	return s.Control, nil
}
