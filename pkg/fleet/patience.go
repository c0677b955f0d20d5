package fleet

import (
	"context"
	"errors"
)

// outOfPatience is a phone that made no step forward for too long.
func (f *following) outOfPatience(ctx context.Context) error {
	f.look()
	patience := span(f.r.options.Patience)
	state := f.fetch
	switch {
	case f.refusal != nil && f.result.Down.IsZero():
		return f.refusal
	case !f.result.Down.IsZero():
		return failf(KindNeverBack, "it went away to restart, and did not come back within %s", patience)
	case f.watched && state.Requests == 0 && f.runs(f.result.After) && !f.ranBefore():
		return failf(KindUnproven, "it reports the new version, and was not seen to fetch the image")
	case f.watched && state.Requests == 0:
		return f.because(failf(KindNeverFetch, "it was told where the image is, but did not ask for it within %s", patience))
	}
	f.withdraw() // no contact while it fetches, be it for a second time
	if f.watched && !f.whole {
		return f.halfway(ctx)
	}
	f.tell(Event{Step: StepSilent, Err: errNoRestart, Limit: f.r.options.Patience})
	return f.verify(ctx, f.r.options.Patience)
}

// halfway is a phone that asked for the image and was not seen to get all of it. What it reports counts: it may have had
// the rest in a way that cannot be seen, and nobody but who was told knew where to ask.
func (f *following) halfway(ctx context.Context) error {
	limit := min(f.r.options.Patience, halfwayContacts*f.r.options.ContactInterval)
	cut := failf(KindCut, "it stopped fetching after %d of %d bytes, and did not go on within %s",
		f.fetch.Sent, f.fetch.Size, span(f.r.options.Patience))
	f.tell(Event{Step: StepSilent, Err: errNoWhole, Limit: limit})
	err := f.verify(ctx, limit)
	failure := (*Failure)(nil)
	switch {
	case err == nil, !errors.As(err, &failure), failure.Kind == KindOther, failure.Kind == KindTwice:
		return err
	}
	return cut
}

// halfwayContacts is how often a phone is asked that did not fetch all of the image.
const halfwayContacts = 2

// errNoWhole is a phone that is asked what it runs, though it was not seen to fetch the whole image.
var errNoWhole = errors.New("it was not seen to fetch the whole image, and is asked what it runs")

// errNoRestart is a phone that is asked what it runs, though it was not seen to restart.
var errNoRestart = errors.New("it was not seen to restart, and is asked what it runs")
