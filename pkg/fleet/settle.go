package fleet

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// settle finds out what became of a phone that an earlier run instructed: it is queried at once, and again with growing pauses,
// until it runs the new version or the time for that is over. It may be restarting or installing all that time.
func (p *phone) settle(ctx context.Context) error {
	earlier := p.target.Earlier
	p.facts.before = earlier.Before
	p.result.Instructed, p.result.Later = true, true
	until := earlier.At.Add(cmp.Or(p.plan.Settle, defaultSettle))
	pause := p.runner.options.ContactInterval
	var v *visit
	if p.web() != nil {
		v = p.newVisit()
		defer v.end(ctx)
	}
	for {
		err := p.querySettling(ctx, v, until)
		failure := (*Failure)(nil)
		switch {
		case errors.As(err, &failure) && !mayPass(failure), err != nil && failure == nil:
			return err
		case err == nil && p.facts.runs(p.facts.after):
			return p.settled()
		case err == nil && p.otherwise():
			return failf(KindUnproven, "%s; it ran %s then and runs %s now, which is not the version of the image", p.instructedThen(), bounded(earlier.Before.Version), bounded(p.facts.after.Version))
		case !time.Now().Before(until):
			return p.unsettled(failure)
		}
		p.report(Event{Step: StepSettling, Device: p.facts.after, Err: asError(failure), Limit: left(until)})
		p.slot.free()
		if !p.pauseUntil(ctx, time.Now().Add(min(pause, left(until)))) || !p.slot.take(ctx) {
			return errStopped
		}
		pause *= 2
	}
}

// querySettling asks the phone what it runs: by a call, or by its web page if it does not call in a run that visits pages. One
// that is silent is waited for all of patience, and at least until it should be settled.
// v is nil in a run that visits no pages.
func (p *phone) querySettling(ctx context.Context, v *visit, until time.Time) error {
	patience := max(p.runner.options.Patience, left(until))
	p.facts.after = Device{}
	if v == nil {
		return p.queryWaiting(ctx, p.dialog.await(patience))
	}
	err := p.dialog.query(ctx, p.dialog.await(p.runner.options.ConfirmFirst))
	if err == nil || isOther(err) || ctx.Err() != nil {
		return err
	}
	if err = v.read(ctx); err != nil || p.facts.after.Version != "" || v.admitted {
		return err
	}
	limit := newPatience(v.options.Patience, func() {})
	defer limit.stop()
	if err = v.admit(ctx, limit); err != nil {
		return err
	}
	v.admitted, v.mayLogin = true, true
	return v.read(ctx)
}

// read asks the page what the phone runs. It logs in only if the page does not say that without, and if it may.
func (v *visit) read(ctx context.Context) error {
	d, err := v.query(ctx, func(d Device) bool {
		v.facts.after = d
		return d.Version != "" || v.facts.rightPageSoFar() != nil // another phone's page gets no password
	})
	v.facts.after, v.facts.fromPage = d, true
	if err != nil || d.MAC == "" {
		return err
	}
	return v.facts.rightPhone()
}

// queryWaiting queries a phone, and goes on while it cannot be reached.
func (p *phone) queryWaiting(ctx context.Context, w *wait) error {
	var unreached error
	for {
		err := p.dialog.query(ctx, w)
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case w.over() && w.requests == 0 && unreached != nil:
			return unreached
		case w.over() || !mayStart(err):
			return err
		}
		unreached = err
		p.dialog.unreached(err, w)
		if !p.pauseUntil(ctx, p.dialog.due()) {
			return errStopped
		}
	}
}

// mayPass reports whether a phone that cannot be queried now may only be restarting or installing.
func mayPass(f *Failure) bool {
	switch f.Kind {
	case KindAnotherPhone, KindDuplicate, KindStopped, KindPageTrust, KindTLS, KindGarbled,
		KindNotTrusted, KindNoCertificate, KindCertificate, KindOtherCertificate:
		return false
	}
	return true
}

// asError returns a failure as an error, nil if there is none.
func asError(f *Failure) error {
	if f == nil {
		return nil
	}
	return f
}

// settled decides about a phone that runs the image's version.
func (p *phone) settled() error {
	if p.facts.ranBefore() {
		return failf(KindUnproven, "an earlier run instructed it; it runs a version that it may have run before that")
	}
	p.result.Outcome = Updated
	return nil
}

// unsettled describes a phone that does not run the new version in time. silent is why it could not be queried, if so.
func (p *phone) unsettled(silent *Failure) error {
	earlier := p.instructedThen()
	switch said := p.facts.after.Version; {
	case silent != nil:
		return &Failure{Kind: KindNoAnswer, Msg: earlier + ", and it does not report its version now", Err: silent}
	case said == "":
		return failf(KindNoAnswer, "%s, and it does not report its version now", earlier)
	default:
		return failf(KindUnproven, "%s, and it still runs %s", earlier, bounded(said))
	}
}

// instructedThen says when an earlier run instructed the phone.
func (p *phone) instructedThen() string {
	return "an earlier run instructed it at " + p.target.Earlier.At.Local().Format(time.DateTime)
}

// otherwise reports whether the phone runs neither the version that it ran then nor that of the image: somebody else updated it.
func (p *phone) otherwise() bool {
	then, now := p.facts.before.running(), p.facts.after.running()
	return !then.IsZero() && !now.IsZero() && now != then && !p.facts.sameVersion(p.facts.after)
}

// pauseUntil waits, or until the phone calls. It reports whether the run goes on.
func (p *phone) pauseUntil(ctx context.Context, when time.Time) bool {
	timer := time.NewTimer(time.Until(when))
	defer timer.Stop()
	select {
	case <-timer.C:
	case c := <-p.dialog.calls: // it may be back, and is queried as soon as it may be
		p.dialog.reply(p.dialog.took(&c), wpi.CleanUp())
	case <-ctx.Done():
		return false
	}
	return true
}
