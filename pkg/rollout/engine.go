package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Crew takes phones to their end; [fleet.Runner] does.
type Crew interface {
	Run(ctx context.Context, plan fleet.Plan) ([]fleet.Result, error)
}

// An Engine carries out a rollout: wave after wave, as [Plan.Decide] says. What it knows of the phones is what the journal says,
// so it goes on after any stop. It belongs to one run.
type Engine struct {
	Ledger journal.Ledger
	Name   string
	Begun  journal.RunBegun // of this run; no other one has its Run
	Crew   Crew             // takes as many phones at a time as the rules say; its events go to Handle
	Causes CauseFunc

	// Site is the only one whose phones this run takes on; "" for all phones. Begun names it, too. Runs of other sites carry the same
	// rollout out at the same time.
	Site string
	// Alive reports whether this run may still begin phones at its site; nil: it always may. Once it may not, the run follows the phones
	// that are on their way, and ends with [ErrLease].
	Alive func() bool
	// Leave ends, once it is closed, the wait for a ledger that cannot be reached: what happened to phones is kept until then, and
	// recorded if the ledger is back. nil: the run waits a few seconds.
	Leave <-chan struct{}

	Base   fleet.Plan                          // of every turn of the crew, without phones and hooks; its Settle counts before that of the rules
	Target func(phone, image int) fleet.Target // what the crew is told of a phone of the plan, and an image of it
	Gap    time.Duration                       // shortest time from the last event of a phone in an earlier run to its next contact; 1 min if 0

	Event   func(phone int, e fleet.Event) // told what happens; may be nil
	Decided func(*Saved, Decision)         // told what comes next, when that changes; may be nil
	// Others is told when phones are taken over from other runs, which instructed them, and when the number of phones that are left to other
	// runs for now changes; it may be nil.
	Others func(took, left int)
	// Open asks a person whether the next wave may begin; false ends the run. nil: nobody is there, and the run waits for Resume.
	Open func(ctx context.Context, s *Saved, d Decision) (bool, error)

	pace *rate.Limiter
	now  turnRef
	back map[journal.Key]int // how often this run took a phone back from another one
	left int                 // phones that were left to other runs when they were looked at last

	view  *Saved // with a site: the rollout as it was read last
	moved bool   // phones may have changed since
	lost  bool   // something could not be added to the rollout's own stream, since something else was
}

// A TakenError reports that another run carries out the rollout now.
type TakenError struct {
	Name string
	By   journal.Origin
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("another run of cpupdate has taken over rollout %q: this one begins no phone any more", e.Name)
}

// ErrLease reports that a run may not begin phones at its site any more.
var ErrLease = errors.New("another worker may have the site by now: this one begins no phone any more")

// settle returns how long a phone that was instructed may take.
func (e *Engine) settle(s *Saved) time.Duration { return cmp.Or(e.Base.Settle, s.Plan.Rules.Settle) }

// Handle takes an event of the crew, which has to hand it all of them.
func (e *Engine) Handle(event fleet.Event) {
	if t := e.now.get(); t != nil && event.Phone != fleet.NoPhone {
		t.report(event)
	}
}

// lookAgain is how often the journal is read while a rollout waits, or begins phones: somebody may pause, resume or stop it.
const lookAgain = 2 * time.Second

// Run carries out the rollout until there is nothing to do any more, a limit or a person stops it, or another run takes over. It
// returns the last decision.
func (e *Engine) Run(ctx context.Context) (Decision, error) {
	if err := e.begin(ctx); err != nil {
		return Decision{}, err
	}
	var last Decision
	for {
		s, err := e.counted(ctx)
		if err != nil {
			return last, err
		}
		d := s.Plan.Decide(s.State(e.Causes), time.Now())
		if e.Decided != nil && (d.Verb != last.Verb || d.Wave != last.Wave) {
			e.Decided(s, d)
		}
		last = d
		ended, err := e.step(ctx, s, d)
		if ended || err != nil {
			return d, err
		}
	}
}

// counted returns the rollout as it is now. With a site, all other sites know of it what they have to.
func (e *Engine) counted(ctx context.Context) (*Saved, error) {
	for {
		s, err := e.next(ctx)
		switch {
		case err != nil:
			return nil, err
		case s.Control.Run != e.Begun.Run:
			return nil, &TakenError{e.Name, s.By}
		case !e.alive():
			return nil, ErrLease
		}
		if published, err := e.publish(ctx, s); !published || err != nil {
			return s, err
		}
	}
}

// load reads the part of the rollout that this run carries out.
func (e *Engine) load(ctx context.Context) (*Saved, error) {
	if e.Site == "" {
		return Load(ctx, e.Ledger, e.Name)
	}
	return LoadSite(ctx, e.Ledger, e.Name, e.Site)
}

// next returns the rollout as it is now. With a site, only what is new of the rollout's own stream is read, and the phones again if
// they may have changed.
func (e *Engine) next(ctx context.Context) (*Saved, error) {
	if e.Site == "" || e.view == nil {
		s, err := e.load(ctx)
		e.view, e.moved, e.lost = s, false, false
		return s, err
	}
	s, err := e.view.refreshed(ctx, e.Ledger)
	switch {
	case err != nil:
		return nil, err
	case e.lost && s == e.view: // something was added, and cannot be seen: the ledger is not the one of before
		if err = pause(ctx, lookAgain); err == nil {
			s, err = e.load(ctx)
		}
	case e.moved || s.stale:
		s, err = s.reloaded(ctx, e.Ledger)
	}
	e.moved, e.lost = false, false
	if err == nil {
		e.view = s
	}
	return s, err
}

// alive reports whether this run may begin phones.
func (e *Engine) alive() bool { return e.Alive == nil || e.Alive() }

// begin records that this run carries out the rollout from now on.
func (e *Engine) begin(ctx context.Context) error {
	s, err := readControl(ctx, e.Ledger, e.Name)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return err
	}
	if e.Site != "" && s.partAt(e.Site) == nil {
		return fmt.Errorf("rollout %q, site %q: %w", e.Name, e.Site, ErrNoSite)
	}
	if s.Plan.Rules.StartRate > 0 {
		e.pace = rate.NewLimiter(rate.Limit(s.Plan.Rules.StartRate/time.Minute.Seconds()), 1)
	}
	e.Begun.Site = e.Site
	return change(ctx, e.Ledger, e.Name, e.Begun.Run, s, func(*Saved) ([]journal.Body, error) {
		if !e.alive() {
			return nil, ErrLease
		}
		return []journal.Body{e.Begun}, nil
	})
}

// step does what was decided, and reports whether that ends the run.
func (e *Engine) step(ctx context.Context, s *Saved, d Decision) (ended bool, err error) {
	switch {
	case d.Verb == Run && s.Control.Opened <= d.Wave:
		return false, e.note(ctx, s, e.opened(s, d))
	case len(d.Phones) > 0:
		return false, e.take(ctx, s, d)
	case d.Verb == Wait:
		return false, e.idle(ctx, s, d.Until)
	case d.Verb == Paused, d.Verb == Ask && e.Open == nil:
		return false, e.idle(ctx, s, time.Time{})
	case d.Verb == Ask:
		open, err := e.Open(ctx, s, d)
		if err != nil || !open {
			return true, err
		}
		return false, e.note(ctx, s, e.opened(s, d))
	case d.Verb == Over && s.Control.reached <= d.Wave:
		return true, e.note(ctx, s, limitReached(s, d, e.Causes))
	}
	return true, nil
}

func opened(s *Saved, state State, d Decision) journal.WaveOpened {
	return journal.WaveOpened{Wave: d.Wave + 1, Name: s.Plan.Waves[d.Wave].Name, Phones: s.Plan.size(state, d.Wave)}
}

func (e *Engine) opened(s *Saved, d Decision) journal.WaveOpened {
	return opened(s, s.State(e.Causes), d)
}

func limitReached(s *Saved, d Decision, causes CauseFunc) journal.LimitReached {
	count := s.Plan.ended(s.State(causes), d.Wave)
	return journal.LimitReached{Wave: d.Wave + 1, Cause: string(d.Reached.Cause), Limit: d.Reached.String(), Count: d.Reached.count(count)}
}

// note adds events to the stream of the rollout. Another process may have done so meanwhile: that is no failure, the next decision
// takes it into account.
func (e *Engine) note(ctx context.Context, s *Saved, bodies ...journal.Body) error {
	lost, err := e.append(ctx, s, bodies)
	e.lost = lost
	return err
}

// append adds events to the stream of the rollout, if there are any, unless something else was added: then they are lost.
func (e *Engine) append(ctx context.Context, s *Saved, bodies []journal.Body) (lost bool, err error) {
	var events []journal.Event
	for _, body := range bodies {
		events = append(events, journal.Event{At: time.Now(), Body: body})
	}
	if len(events) == 0 {
		return false, nil
	}
	_, err = e.Ledger.Append(ctx, journal.Key{Rollout: e.Name}, s.Seq, events...)
	if errors.Is(err, journal.ErrConflict) {
		return true, nil
	}
	return false, err
}

// idle waits until a time, or until something is decided about the rollout. A zero time is never.
func (e *Engine) idle(ctx context.Context, s *Saved, until time.Time) error {
	for {
		wait := lookAgain
		if !until.IsZero() {
			wait = min(wait, max(time.Until(until), time.Millisecond))
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		now, err := s.refreshed(ctx, e.Ledger)
		if err != nil || now.Seq != s.Seq || !e.alive() || !until.IsZero() && !time.Now().Before(until) {
			return err
		}
	}
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readControl reads what was decided about a rollout, without its phones.
func readControl(ctx context.Context, l journal.Ledger, name string) (*Saved, error) {
	s := &Saved{Name: name}
	for event, err := range l.Read(ctx, journal.Key{Rollout: name}) {
		if err != nil {
			return nil, err
		}
		if err := s.apply(event); err != nil {
			return nil, err
		}
	}
	if s.At.IsZero() {
		return nil, fmt.Errorf("rollout %q: %w", name, ErrNoRollout)
	}
	return s, nil
}

// otherPause is how often a rollout looks again at phones that only other runs have to do with at present.
const otherPause = 30 * time.Second

// meet finds out what other runs did with the phones of a decision. It returns those that can be taken on now, and when to look again at the
// others.
func (e *Engine) meet(ctx context.Context, s *Saved, phones []int) (o *otherRuns, all []*met, again time.Time, err error) {
	if e.back == nil {
		e.back = map[journal.Key]int{}
	}
	o = &otherRuns{ledger: e.Ledger, rollout: e.Name, run: e.Begun.Run, push: s.Planned.Push, settle: e.settle(s), back: e.back}
	for _, i := range phones {
		p, step := s.Plan.Phones[i], s.Step(i)
		m := &met{phone: i, key: keyOf(e.Name, p, step), site: p.Site, names: namesOf(p.Address, p.MAC), version: s.image(i, step).Version, own: s.Steps[i][step], entry: s.begun}
		if s.Planned.Push {
			m.entry = m.own.Seq // it was listed
		}
		all = append(all, m)
	}
	if err := o.meet(ctx, all); err != nil {
		return nil, nil, again, err
	}
	again = time.Now().Add(otherPause)
	took, left := 0, 0
	all = slices.DeleteFunc(all, func(m *met) bool {
		s.Steps[m.phone][s.Step(m.phone)] = m.own
		switch {
		case !m.until.IsZero():
			again = earlierOf(again, m.until)
			left++
		case m.told != nil:
			took++
		}
		return !m.until.IsZero()
	})
	if e.Others != nil && (took > 0 || left != e.left) {
		e.Others(took, left)
	}
	e.left = left
	return o, all, again, nil
}
