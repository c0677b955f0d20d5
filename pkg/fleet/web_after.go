package fleet

import (
	"context"
	"errors"
	"time"
)

// followPage follows a phone that has the image until it says what it runs now. One whose page speaks against the image is
// watched for a short time, and that is its end if it does not restart meanwhile: what a page means by its words is assumed,
// and a restart is none.
func (v *visit) followPage(ctx context.Context, refusal error) error {
	f := v.newFollowing()
	f.visit, f.whole, f.complete, f.refusal = v, true, true, refusal
	if refusal != nil {
		f.limit = time.Now().Add(v.r.options.Doubt)
		f.silence.Reset(v.r.options.Doubt)
	}
	return f.watchOut(ctx)
}

// visitsBetween is how many looks whether a phone restarts there are to one visit of its page.
const visitsBetween = 5

// visitAgain asks the phone's page what it runs now. What answers there, or does not, may still be starting.
func (f *following) visitAgain(ctx context.Context, patience time.Duration) error {
	limit := time.Now().Add(patience)
	within, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	enough := func(d Device) bool { return d.Version != "" && (d.MAC != "" || f.result.Before.MAC == "") }
	before := (*Failure)(nil)
	for {
		d, err := f.visit.look(within, enough)
		failure := (*Failure)(nil)
		switch {
		case ctx.Err() != nil:
			return errStopped
		case err == nil && before != nil && !enough(d):
			return f.pageSilent(before)
		case err == nil:
			f.result.After, f.byPage = d, true
			if d == (Device{}) {
				return failf(KindNoAnswer, "its web page does not say what it runs")
			}
			if err := f.rightPhone(); err != nil {
				return err
			}
			return f.judge()
		case !errors.As(err, &failure):
			return f.pageSilent(nil)
		case failure.Kind != KindPageUnreachable && failure.Kind != KindPageBroken && failure.Kind != KindPageOdd:
			return f.pageSilent(failure)
		}
		before = failure
		f.tell(Event{Step: StepSilent, Err: err, Limit: left(limit)})
		if !f.pause(within, visitsBetween*f.r.options.Probe) {
			if ctx.Err() != nil {
				return errStopped
			}
			return f.pageSilent(failure)
		}
	}
}

// pause waits, and answers calls meanwhile. It reports whether it was not interrupted.
func (f *following) pause(ctx context.Context, d time.Duration) bool {
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

// pageSilent is a phone whose page does not say what it runs: whatever keeps it from that, the update is unproven.
func (f *following) pageSilent(cause *Failure) error {
	failure := &Failure{Kind: KindNoAnswer, Msg: "it was not seen to restart, and its web page does not say what it runs"}
	switch {
	case !f.result.Back.IsZero():
		failure.Msg = "it is back, but its web page does not say what it runs"
	case cause != nil && cause.Kind == KindPageUnreachable:
		failure = failf(KindNeverBack, "its web page went away, and did not come back within %s", span(f.r.options.Patience))
	}
	if cause != nil {
		failure.Err = cause
	}
	return failure
}

// judgePage is judge for a phone whose page took the image, and that runs what it ran.
func (f *following) judgePage() error {
	within, runs := span(f.r.options.Patience), bounded(f.result.After.Version)
	if !f.visit.answered {
		return failf(KindRejected, "it has the whole image, and its web page gave no answer that counts, but it did not restart within %s, and runs %s", within, runs)
	}
	return failf(KindRejected, "its web page took the image, but it did not restart within %s, and runs %s", within, runs)
}
