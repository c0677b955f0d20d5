package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// verify asks the phone what it runs now. It restarted, or had every opportunity to.
func (f *following) verify(ctx context.Context, patience time.Duration) error {
	if f.visit != nil && !f.visit.called {
		return f.visitAgain(ctx, patience)
	}
	f.asking = true
	limit := time.Now().Add(patience)
	for {
		c, err := f.askAgain(ctx, limit)
		if err != nil {
			return err
		}
		if late := c.Message.Reason; late == wpi.ReplyTo || late == wpi.FileStatus {
			if f.hear(c); f.ended {
				return f.verdict
			}
			continue
		}
		if c, err = f.identify(ctx, c); err != nil {
			return f.noAnswer(err)
		}
		f.reply(c, wpi.CleanUp())
		return f.judge()
	}
}

// askAgain is ask, for a phone that was there already: what answers at its port, or does not, may still be starting.
func (f *following) askAgain(ctx context.Context, limit time.Time) (*call, error) {
	var before *Failure
	for {
		c, err := f.ask(ctx, limit)
		failure := (*Failure)(nil)
		switch {
		case err == nil:
			return c, nil
		case errors.As(err, &failure) && (failure.Kind == KindUnreachable || failure.Kind == KindNoPhone):
			before = failure
			f.tell(Event{Step: StepSilent, Err: err, Limit: left(limit)})
			continue
		case before != nil && failure != nil && failure.Kind == KindNoCall:
			err = before
		}
		return nil, f.noAnswer(err)
	}
}

// noAnswer is a phone that was told and does not say what it runs now: whatever keeps it from that, the update is unproven.
func (f *following) noAnswer(err error) error {
	cause := (*Failure)(nil)
	switch {
	case !errors.As(err, &cause), cause.Kind == KindOther, cause.Kind == KindTwice:
		return err
	case cause.Kind == KindUnreachable && f.result.Back.IsZero():
		return &Failure{Kind: KindNeverBack, Msg: fmt.Sprintf("it went away, and did not come back within %s", span(f.r.options.Patience)), Err: cause}
	case f.result.Back.IsZero():
		return &Failure{Kind: KindNoAnswer, Msg: "it was not seen to restart, and does not say what it runs", Err: cause}
	}
	return &Failure{Kind: KindNoAnswer, Msg: "it is back, but does not say what it runs", Err: cause}
}

// judge compares what the phone says with what it should say.
func (f *following) judge() error {
	switch {
	case f.runs(f.result.After):
		return f.success()
	case f.result.After.Version == "":
		return failf(KindNoAnswer, "it answers, but does not say which version it runs")
	case f.typeless(f.result.After):
		return failf(KindNoAnswer, "it runs %s now, but does not say of which software", bounded(f.result.After.Version))
	case f.unreadable():
		return f.oldVersion()
	case !f.result.Down.IsZero():
		return f.oldVersion()
	case f.visit != nil:
		return f.judgePage()
	case f.whole:
		return failf(KindRejected, "it fetched the whole image, but did not restart within %s, and runs %s", span(f.r.options.Patience), bounded(f.result.After.Version))
	}
	return failf(KindRejected, "it did not restart within %s, and runs %s", span(f.r.options.Patience), bounded(f.result.After.Version))
}

// runs reports whether a phone that says this of itself runs what the image holds.
func (f *following) runs(d Device) bool {
	if !f.sameVersion(d) {
		return false
	}
	want, is := f.r.plan.Image.Facts.SoftwareType.Value, f.softwareType(d)
	return want == "" || hwcheck.SameType(want, is) || is == "" && f.neverTyped()
}

// typeless reports whether a phone that runs the image's version does not say whether it is of the image's type.
func (f *following) typeless(d Device) bool {
	return f.sameVersion(d) && d.SoftwareType == "" && !f.runs(d)
}

func (f *following) sameVersion(d Device) bool {
	running := d.running()
	return !running.IsZero() && running == f.r.plan.Image.Facts.Version.Value
}

// neverTyped reports whether the phone says neither now nor before which type of software it runs: that phones with
// HFA leave it out is possible (assumed).
func (f *following) neverTyped() bool {
	return f.result.Before.SoftwareType == "" && f.result.After.SoftwareType == ""
}

// softwareType is the type that a phone says, or that is stated of one that never says any.
func (f *following) softwareType(d Device) string {
	if stated := f.target.Known.SoftwareType; d.SoftwareType == "" && f.neverTyped() && len(stated) > 0 {
		return stated[0].Value
	}
	return d.SoftwareType
}

// ranBefore reports whether the phone may have run that before it was told.
func (f *following) ranBefore() bool {
	before := f.result.Before
	return before.running().IsZero() || f.runs(before) || f.typeless(before)
}

// success is a phone that reports the new version. That alone proves nothing if it may have run it before, and too little
// if the source would have seen it ask for the image.
func (f *following) success() error {
	again := f.ranBefore()
	switch {
	case again && !f.whole:
		return failf(KindUnproven, "it runs the version that it may have run before, and was not seen to fetch the whole image")
	case again && f.result.Down.IsZero():
		return failf(KindUnproven, "it runs the version that it may have run before, and was not seen to restart")
	case f.watched && f.fetch.Requests == 0:
		return failf(KindUnproven, "it reports the new version, and was not seen to fetch the image")
	}
	f.result.Outcome = Updated
	return nil
}

// unreadable reports whether the phone says it in words that are neither a version nor those that it said before.
func (f *following) unreadable() bool {
	c, _ := f.change()
	return c == unclear && f.result.After.running().IsZero()
}

// oldVersion is a phone that does not report the new version.
func (f *following) oldVersion() error {
	d := f.result.After
	if f.unreadable() {
		_, before := f.change()
		return failf(KindNoAnswer, "it says %s now, and said %s before; which software that is cannot be told", bounded(d.Version), before)
	}
	what := bounded(d.Version)
	if d.running() == f.r.plan.Image.Facts.Version.Value {
		what = bounded(d.SoftwareType) + " " + what
	}
	switch c, _ := f.change(); c {
	case unchanged:
		return failf(KindOldVersion, "it restarted, and still runs %s", what)
	case changed:
		return failf(KindOldVersion, "it restarted, and runs %s, which is neither the old nor the new software", what)
	}
	return failf(KindOldVersion, "it restarted, and runs %s, which is not the new software", what)
}
