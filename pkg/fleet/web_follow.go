package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// followPage follows a phone that has the image until it says what it runs now. One whose page refuses the image is
// watched for a short time, and that is its end if it does not restart meanwhile: what a page means by its words is assumed,
// and a restart is not.
func (p *phone) followPage(ctx context.Context, v *visit, refusal error) error {
	f := p.newFollower()
	f.visit, f.fetch.whole, f.fetch.complete, f.refusal = v, true, true, refusal
	if refusal != nil {
		f.silence.end(f.options.RefusalWatch)
	}
	return p.followed(f, f.watch(ctx))
}

// probesPerVisit is how many probes whether a phone restarts there are to one visit of its page.
const probesPerVisit = 5

// verifyByPage asks the phone's page what it runs now. If this machine stood still when the time for that had passed, it asks
// once more.
func (f *follower) verifyByPage(ctx context.Context, patience time.Duration) error {
	for {
		limit := time.Now().Add(patience)
		err := f.verifyByPageUntil(ctx, limit)
		failure := (*Failure)(nil)
		silent := errors.As(err, &failure) && (failure.Kind == KindNoAnswer || failure.Kind == KindNeverBack)
		if !silent || !stoodStill(limit) || ctx.Err() != nil {
			return err
		}
	}
}

// verifyByPageUntil asks the page until the limit. What answers there, or does not, may still be starting.
func (f *follower) verifyByPageUntil(ctx context.Context, limit time.Time) error {
	within, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	enough := func(d Device) bool { return d.Version != "" && (d.MAC != "" || f.facts.before.MAC == "") }
	before := (*Failure)(nil)
	for {
		d, err := f.visit.query(within, enough)
		failure := (*Failure)(nil)
		switch {
		case ctx.Err() != nil:
			return errStopped
		case err == nil && before != nil && !enough(d):
			return f.pageSilent(before)
		case err == nil:
			return f.classifyPage(d)
		case !errors.As(err, &failure):
			return f.pageSilent(nil)
		case failure.Kind != KindPageUnreachable && failure.Kind != KindPageBroken && failure.Kind != KindPageOdd:
			return f.pageSilent(failure)
		}
		before = failure
		f.reporter.report(Event{Step: StepSilent, Err: err, Limit: left(limit)})
		if !f.pause(within, probesPerVisit*f.options.Probe) {
			if ctx.Err() != nil {
				return errStopped
			}
			return f.pageSilent(failure)
		}
	}
}

// classifyPage compares what the page says with what the phone should run.
func (f *follower) classifyPage(d Device) error {
	f.facts.after, f.facts.fromPage = d, true
	if d == (Device{}) {
		return failf(KindNoAnswer, "its web page does not report its version")
	}
	if err := f.facts.rightPhone(); err != nil {
		return err
	}
	return f.classify()
}

// pause waits, and answers calls meanwhile. It reports whether it was not interrupted.
func (f *follower) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	f.visit.while(func() {
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	})
	return ctx.Err() == nil
}

// pageSilent describes a phone whose page does not say what it runs: whatever keeps it from that, the update is unproven.
func (f *follower) pageSilent(cause *Failure) error {
	failure := &Failure{Kind: KindNoAnswer, Msg: "it was not observed to restart, and its web page does not report its version"}
	switch {
	case !f.restart.back.IsZero():
		failure.Msg = "it is back, but its web page does not report its version"
	case cause != nil && cause.Kind == KindPageUnreachable:
		failure = failf(KindNeverBack, "its web page went down and did not come back within %s", display.Span(f.options.Patience))
	}
	if cause != nil {
		failure.Err = cause
	}
	return failure
}
