package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// verify asks the phone what it runs now. It restarted, or had every opportunity to.
func (f *follower) verify(ctx context.Context, patience time.Duration) error {
	f.endSubmission()
	if f.visit != nil && !f.visit.called {
		return f.verifyByPage(ctx, patience)
	}
	f.queried = true
	w := f.dialog.await(patience)
	for {
		c, err := f.askAgain(ctx, w)
		if err != nil {
			return err
		}
		if late := c.Message.Reason; late == wpi.ReplyTo || late == wpi.FileStatus {
			if f.answer(c); f.ending.reached {
				return f.ending.err
			}
			continue
		}
		if c, err = f.dialog.identify(ctx, c, patience); err != nil {
			return f.noAnswer(err)
		}
		f.dialog.reply(c, wpi.CleanUp())
		return f.classify()
	}
}

// askAgain asks a phone to call that was there already: what answers at its port, or does not, may still be starting.
func (f *follower) askAgain(ctx context.Context, w *wait) (*call, error) {
	var before *Failure
	for {
		c, err := f.dialog.ask(ctx, w)
		failure := (*Failure)(nil)
		switch {
		case err == nil:
			return c, nil
		case errors.As(err, &failure) && (failure.Kind == KindUnreachable || failure.Kind == KindNoPhone):
			before = failure
			f.dialog.unreached(err, w)
			continue
		case before != nil && w.requests == 0 && failure != nil && failure.Kind == KindNoCall:
			err = before
		}
		return nil, f.noAnswer(err)
	}
}

// noAnswer describes a phone that does not say what it runs now: whatever keeps it from that, the update is unproven.
func (f *follower) noAnswer(err error) error {
	cause := (*Failure)(nil)
	switch {
	case !errors.As(err, &cause), cause.anotherPhone():
		return err
	case cause.Kind == KindUnreachable && f.restart.back.IsZero():
		return &Failure{Kind: KindNeverBack, Msg: fmt.Sprintf("it could not be reached again within %s", display.Span(f.options.Patience)), Err: cause}
	case f.restart.back.IsZero():
		return &Failure{Kind: KindNoAnswer, Msg: "it was not observed to restart, and does not report its version", Err: cause}
	}
	return &Failure{Kind: KindNoAnswer, Msg: "it is back, but does not report its version", Err: cause}
}

// classify compares what the phone says with what it should say. nil is a phone that is updated.
func (f *follower) classify() error {
	said := f.facts.after
	within, version := display.Span(f.options.Patience), bounded(said.Version)
	switch {
	case f.facts.runs(said):
		return f.success()
	case said.Version == "":
		return failf(KindNoAnswer, "it answers, but does not report its version")
	case f.facts.lacksType(said):
		return failf(KindNoAnswer, "it runs %s now, but does not report its software type", version)
	case f.facts.unreadable(), !f.restart.down.IsZero():
		return f.oldVersion()
	case f.answered():
		return failf(KindRejected, "its web page reports a complete transfer, but it did not restart within %s and runs %s", within, version)
	case f.visit != nil && !f.visit.web.Transfer && !f.visit.answered:
		return failf(KindRejected, "it has the whole image, but its web page did not confirm the upload; it did not restart within %s and runs %s", within, version)
	case f.visit != nil && !f.visit.web.Transfer:
		return failf(KindRejected, "its web page accepted the image, but it did not restart within %s and runs %s", within, version)
	case f.fetch.toEnd():
		return failf(KindRejected, "it fetched the image to its end, but did not restart within %s and runs %s", within, version)
	case f.fetch.whole:
		return failf(KindRejected, "it fetched the whole image, but did not restart within %s and runs %s", within, version)
	}
	return failf(KindRejected, "it did not restart within %s and runs %s", within, version)
}

// answered reports whether the phone's page confirms a transfer that cannot be seen.
func (f *follower) answered() bool {
	return f.visit != nil && f.visit.web.Transfer && f.visit.answered && !f.fetch.watched
}

// success decides about a phone that reports the new version. That alone proves nothing if it may have run it before, and
// too little if the source would have seen it ask for the image.
func (f *follower) success() error {
	again := f.facts.ranBefore()
	switch {
	case again && !f.fetch.whole:
		return failf(KindUnproven, "it runs a version that it may have run before, and was not observed to fetch the whole image")
	case again && f.restart.down.IsZero():
		return failf(KindUnproven, "it runs a version that it may have run before, and was not observed to restart")
	case f.fetch.watched && f.fetch.now.Requests == 0:
		return failf(KindUnproven, "it reports the new version, but was not observed to fetch the image")
	}
	return nil
}

// oldVersion describes a phone that does not report the new version.
func (f *follower) oldVersion() error {
	said := f.facts.after
	c, before := f.facts.change()
	if f.facts.unreadable() {
		return failf(KindNoAnswer, "it reports %s now and reported %s before; which software that is cannot be determined", bounded(said.Version), before)
	}
	what := bounded(said.Version)
	if f.facts.sameVersion(said) {
		what = bounded(said.SoftwareType) + " " + what
	}
	switch c {
	case unchanged:
		return failf(KindOldVersion, "it restarted and still runs %s", what)
	case changed:
		return failf(KindOldVersion, "it restarted and runs %s, which is neither the old nor the new software", what)
	case unclear:
	}
	return failf(KindOldVersion, "it restarted and runs %s, which is not the new software", what)
}
