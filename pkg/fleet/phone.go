package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A phone is one phone of the plan on its way. One goroutine takes it from step to step. Its parts see only what they are
// given: the dialog talks to the phone, the facts are what it says, and a follower or a visit decides what comes next.
type phone struct {
	runner  *Runner
	plan    *Plan
	index   int         // in the plan
	over    atomic.Bool // its last event was reported
	target  Target
	image   *Image // nil: it is only queried
	address string // HOST:PORT
	place   place  // guarded by the registry's lock

	facts    *facts
	dialog   *dialog
	problems *problems
	fetches  *fetchLog
	slot     slot
	grant    *Grant // its access to the image; nil if it has none
	watched  bool   // its fetching can be seen
	result   Result
}

// A reporter reports what happens to a phone.
type reporter interface{ report(Event) }

// An ending is how a phone's way ends, once it does.
type ending struct {
	reached bool
	err     error
}

func (e *ending) end(err error) { e.reached, e.err = true, err }

func newPhone(r *Runner, plan *Plan, index int, t Target, address string) *phone {
	t.MAC = mac(t.MAC)
	p := &phone{runner: r, plan: plan, index: index, target: t, address: address, problems: &problems{}, fetches: newFetchLog(), slot: slot{all: r.slots}}
	p.facts = &facts{target: &p.target, cut: func(s string) string { return r.events.redactOf(index).cut(s) }, claim: func(mac string) bool { return r.registry.claimMAC(p, mac) }}
	if p.image = plan.imageOf(t); p.image != nil {
		p.facts.version, p.facts.kind = p.image.Facts.Version.Value, p.image.Facts.SoftwareType.Value
	}
	p.dialog = &dialog{
		request: p.request, shared: p.shared, reporter: p, facts: p.facts, problems: p.problems, options: r.options,
		calls: make(chan call), closed: make(chan struct{}),
	}
	return p
}

// web returns how the phone's web page is visited, nil if it is not.
func (p *phone) web() *Web { return p.plan.webOf(p.target) }

// number returns the number of the phone in the plan that is carried out: NoPhone after its last event, when another plan may give its number
// to another phone.
func (p *phone) number() int {
	if p.over.Load() {
		return NoPhone
	}
	return p.index
}

// report reports an event of this phone.
func (p *phone) report(e Event) {
	e.Phone = p.number()
	p.runner.events.report(e)
}

// run takes the phone to its end. early ends when it has to be left alone unless it is sent the image already.
func (p *phone) run(ctx, early context.Context) Result {
	begun := time.Now()
	defer close(p.dialog.closed)
	ctx, cancel := context.WithCancel(ctx)
	defer p.dialog.contacts.Wait()
	defer cancel()
	err := p.begin(early, p.plan.Begin)
	if err == nil && !p.slot.take(early) {
		err = errStopped
	}
	if err == nil {
		err = p.begin(early, p.plan.Ready)
	}
	if err == nil {
		switch {
		case p.target.Earlier != nil && p.image != nil:
			err = p.settle(ctx)
		case p.web() == nil:
			err = p.update(ctx)
		case p.image == nil:
			err = p.examinePage(early)
		default:
			err = p.updateByPage(ctx, early)
		}
	}
	p.slot.free()
	p.withdraw()
	p.dialog.drain()
	p.result.Before, p.result.After, p.result.Fetch, p.result.Took = p.facts.before, p.facts.after, p.fetches.state(), time.Since(begun)
	if err != nil {
		f := (*Failure)(nil)
		if !errors.As(err, &f) {
			p.fetches.settle(lateCount)
			p.result.Fetch = p.fetches.state()
			f = p.interrupted(ctx)
		}
		own := *f // an error of Commit may be the same one for several phones
		f = p.becauseOfImage(&own)
		f.Instructed = p.result.Instructed
		p.result.Outcome, p.result.Failure = "", f
	}
	return p.end()
}

// end reports the phone's last event, and returns its result.
func (p *phone) end() Result {
	shown := p.runner.events.redactOf(p.index).result(p.result)
	end := Event{Phone: p.index, Step: StepDone, Outcome: shown.Outcome, Later: shown.Later, Failure: shown.Failure, Device: shown.After}
	if shown.Failure != nil {
		end.Step = StepFailed
	}
	p.runner.events.pass(end)
	p.over.Store(true)
	return shown
}

// begin waits until whoever runs the plan lets the phone begin.
func (p *phone) begin(ctx context.Context, may func(context.Context, int) error) error {
	if may == nil {
		return nil
	}
	err := may(ctx, p.index)
	failure := (*Failure)(nil)
	switch {
	case err == nil || errors.As(err, &failure):
		return err
	case ctx.Err() != nil:
		return errStopped
	}
	return &Failure{Kind: KindNotBegun, Msg: "it was left alone", Err: err}
}

// commit lets whoever runs the plan record a step that cannot be undone, before it is taken.
func (p *phone) commit(ctx context.Context, step Step) error {
	if p.plan.Commit == nil {
		return nil
	}
	err := p.plan.Commit(ctx, p.index, step)
	failure := (*Failure)(nil)
	switch {
	case err == nil || errors.As(err, &failure):
		return err
	case ctx.Err() != nil:
		return errStopped
	}
	return &Failure{Kind: KindNotRecorded, Msg: "it was left alone, because the next step could not be recorded", Err: err}
}

// errStopped reports that the run's context has ended. The context's cause is not this phone's: it may be how another one
// failed.
var errStopped = errors.New("the run was stopped")

// interrupted describes a run that was stopped.
func (p *phone) interrupted(ctx context.Context) *Failure {
	if ctx.Err() == nil && p.runner.stopped() {
		return failf(KindStopped, "skipped, because another phone is locked out: the password was not sent to this one")
	}
	byPage := p.web() != nil
	switch {
	case p.result.Instructed:
	case byPage && !p.web().Transfer:
		return failf(KindInterrupted, "interrupted before the image was sent")
	case byPage:
		return failf(KindInterrupted, "interrupted before the transfer form was submitted")
	default:
		return failf(KindInterrupted, "interrupted before the update command was sent")
	}
	sent := "interrupted after the update command was sent; "
	if byPage {
		sent = "interrupted after the transfer form was submitted; "
	}
	switch now := p.result.Fetch; {
	case !p.watched:
		return failf(KindInterrupted, "%sthe phone may still update", sent)
	case now.Complete, !p.result.Down.IsZero():
		return failf(KindInterrupted, "%sthe phone may still update, since it has the image: keep it on power", sent)
	case now.Perhaps:
		return failf(KindInterrupted, "%sthe phone may still update, since it may have the whole image: keep it on power", sent)
	case now.Requests == 0:
		return &Failure{Kind: KindInterrupted, Msg: sent + "it keeps its old software, since it had not requested the image", Keeps: true}
	default:
		return &Failure{Kind: KindInterrupted, Msg: fmt.Sprintf("%sits fetch was cut after %d of %d bytes, and it keeps its old software", sent, now.Sent, now.Size), Keeps: true}
	}
}

// update takes a phone through its provisioning interface: it gets contact requests, is identified, checked, instructed and followed.
func (p *phone) update(ctx context.Context) error {
	if err := p.noneFits(); err != nil {
		return err
	}
	patience := p.runner.options.Patience
	w := p.dialog.await(patience)
	for {
		c, err := p.firstCall(ctx, w)
		if err != nil {
			return err
		}
		if c, err = p.dialog.identify(ctx, c, patience); err != nil {
			return err
		}
		p.facts.before = p.facts.after
		instructed, err := p.instruct(ctx, c)
		if err != nil || !instructed {
			return err
		}
		err = p.follow(ctx)
		if !errors.Is(err, errBusy) {
			return err
		}
		p.result.Instructed = false
		p.withdraw()
		if err = p.dialog.busyAgain(w); err != nil {
			return err
		}
	}
}

// firstCall asks the phone to call. One that cannot be reached may be restarting: it is tried again, and makes room for
// other phones meanwhile. If the wait ends while it waits for its turn among them, it has one more try: it may be back for long. If the end of
// the wait cuts the last try short, the try before says why the phone cannot be reached.
func (p *phone) firstCall(ctx context.Context, w *wait) (*call, error) {
	var before error
	for last := false; ; {
		c, err := p.dialog.ask(ctx, w)
		if before != nil && errors.Is(err, errNoTime) {
			err = before
		}
		before = err
		if err == nil || p.runner.options.SkipUnreachable || last || w.over() || !mayStart(err) {
			return c, err
		}
		p.dialog.unreached(err, w)
		p.slot.free()
		if c, stopped := p.dialog.nextTurn(ctx, w); c != nil || stopped != nil {
			return c, stopped
		}
		if w.over() {
			return nil, err
		}
		if !w.queue(ctx, &p.slot) {
			return nil, errStopped
		}
		if last = w.ended(); last {
			w.limit = time.Now().Add(2*p.runner.options.Timeout + p.runner.options.Probe) // for two ports
		}
	}
}

// instruct answers the call in which the phone said what it is: with the update command if the image suits it and is wanted,
// else with the end of the conversation. It reports whether the phone was instructed.
func (p *phone) instruct(ctx context.Context, c *call) (bool, error) {
	message, err := p.answer(ctx)
	if err == nil && message != nil {
		err = p.commit(ctx, StepInstructed)
	}
	if err == nil && message != nil && ctx.Err() != nil {
		err = errStopped // since it was identified
	}
	if err != nil || message == nil {
		p.dialog.reply(c, wpi.CleanUp())
		return false, err
	}
	p.problems.clear()
	p.result.Instructed, p.dialog.instructed = true, c.Session
	p.dialog.reply(c, *message)
	p.report(Event{Step: StepInstructed, Limit: p.runner.options.Patience})
	return true, nil
}

// answer returns the update command for the phone, or nil if it gets none.
func (p *phone) answer(ctx context.Context) (*wpi.ServiceMessage, error) {
	p.result.Known = p.known()
	if p.image == nil {
		p.result.Outcome = Queried
		return nil, nil //nolint:nilnil // no command is no error
	}
	if ended, err := p.decide(); ended || err != nil {
		return nil, err
	}
	return p.deployment(ctx)
}

// known joins what is stated of the phone with what it says, and what the hardware table says of that.
func (p *phone) known() hwcheck.Phone { return p.plan.complete(p.facts.claims()) }

// deployment opens the source to the phone, and returns the update command.
func (p *phone) deployment(ctx context.Context) (*wpi.ServiceMessage, error) {
	if err := p.runner.checkImage(ctx, p.image); err != nil {
		return nil, err
	}
	image, at := p.image, p.runner.registry.placeOf(p)
	d, err := p.openSource(Request{Phone: at.remote.Addr(), Local: at.local, Accepts: p.accepts, Watch: p.fetches.watch(), Failed: p.runner.imageFailed})
	if err != nil {
		return nil, err
	}
	d.Priority = image.Priority
	d.Version = dotted(image.Facts.Version.Value)
	d.SoftwareType = image.Facts.SoftwareType.Value
	if said := p.facts.after.SoftwareType; hwcheck.SameType(d.SoftwareType, said) {
		d.SoftwareType = said // as the phone itself calls it
	}
	message, err := d.Message()
	if err != nil {
		return nil, noCommand(err)
	}
	return &message, nil
}

// openSource gives the phone access to the image, and returns where it is.
func (p *phone) openSource(r Request) (wpi.Deployment, error) {
	grant, err := p.image.Source.Grant(r)
	if err != nil {
		return wpi.Deployment{}, noCommand(err)
	}
	p.grant, p.watched = grant, grant.Watched
	return grant.Deployment, nil
}

func noCommand(err error) *Failure {
	return &Failure{Kind: KindSource, Msg: "no update command can be made for it", Err: err}
}

// withdraw ends the phone's access to the image.
func (p *phone) withdraw() {
	if p.grant != nil && p.grant.Withdraw != nil {
		p.grant.Withdraw()
	}
	p.grant = nil
}

// follow takes a phone that was instructed to its end. It returns errBusy for one that says that it is busy.
func (p *phone) follow(ctx context.Context) error {
	f := p.newFollower()
	f.update, f.fetch.watched = p.grant.Deployment, p.grant.Watched
	return p.followed(f, f.watch(ctx))
}

// followed takes over what a follower saw.
func (p *phone) followed(f *follower, err error) error {
	p.result.Down, p.result.Back = f.restart.down, f.restart.back
	if err == nil {
		p.result.Outcome = Updated
	}
	if failure := (*Failure)(nil); f.said != "" && errors.As(err, &failure) && failure.Err == nil {
		failure.Err = fmt.Errorf("it reported the status %s for the image", f.said)
	}
	return err
}

// contactAddress returns the address that took the last contact request.
func (p *phone) contactAddress() string { return p.runner.registry.placeOf(p).contacted.String() }

// maxShown bounds what a phone says in an error, in bytes.
const maxShown = 200

// bounded cuts what a phone says to what an error may hold.
func bounded(s string) string { return secret.Cut(s, maxShown) }

// left returns how long it is until a limit, and a moment if that has passed: every wait has one.
func left(limit time.Time) time.Duration { return max(time.Until(limit), time.Nanosecond) }

// mac returns a MAC address in its normal form, or as it stands if it is not one.
func mac(s string) string {
	if parsed, err := hwcheck.ParseMAC(s); err == nil {
		return parsed
	}
	return bounded(s)
}
