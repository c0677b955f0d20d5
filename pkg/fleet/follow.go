package fleet

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// How many steps forward a fetch has at most: each begins the silence anew, and a phone could take one byte at a time.
const (
	fetchSteps    = 256 // of as many parts of the image
	fetchRequests = 16
)

// longestRun is how many patiences all steps forward together may take.
const longestRun = 6

// A following is a phone that was told, until it says what it runs now.
type following struct {
	*phone
	fetch    serve.Fetch
	watched  bool  // the phone's fetching can be seen
	whole    bool  // every byte of the image was seen to arrive
	complete bool  // or may have arrived
	parts    int64 // of fetchSteps
	requests int
	told     wpi.Deployment
	visit    *visit // by which it got the image; nil if it fetched it
	refusal  error  // what its page has against the image, which it has all the same; nil if nothing
	accepted bool
	reported bool        // it says that it has the image
	gaveUp   bool        // it says that its update failed, and what it fetched is still being counted
	silence  *time.Timer // since the last step forward
	limit    time.Time   // when it ends
	last     time.Time   // beyond which no step forward leads
	asking   bool        // it is asked what it runs
	probes   *time.Ticker
	probed   chan error // how a bare connect went
	probing  bool
	probers  sync.WaitGroup
	misses   int
	verdict  error // how it ended
	ended    bool
}

// follow takes a phone that was told to its end. It returns errBusy for one that says that it is busy.
func (p *phone) follow(ctx context.Context) error {
	f := p.newFollowing()
	f.told, f.watched = p.grant.Deployment, p.grant.Watched
	return f.watchOut(ctx)
}

func (p *phone) newFollowing() *following {
	p.result.Down, p.result.Back = time.Time{}, time.Time{}
	return &following{
		phone: p, probed: make(chan error, 1), limit: time.Now().Add(p.r.options.Patience),
		last:    time.Now().Add(longestRun * p.r.options.Patience),
		silence: time.NewTimer(p.r.options.Patience), probes: time.NewTicker(p.r.options.Probe),
	}
}

// watchOut looks and listens until the phone says what it runs now.
func (f *following) watchOut(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.probers.Wait()
	defer cancel()
	defer f.silence.Stop()
	defer f.probes.Stop()
	for !f.ended {
		select {
		case c := <-f.calls:
			f.hear(f.took(&c))
		case <-f.fetched:
			f.look()
		case <-f.probes.C:
			f.probe(ctx)
		case err := <-f.probed:
			f.probing = false
			if ctx.Err() == nil {
				f.noticed(err)
			}
		case <-f.silence.C:
			if !f.gaveUp {
				return f.outOfPatience(ctx)
			}
			f.end(f.failed())
		case <-ctx.Done():
			return errStopped
		}
		if !f.result.Back.IsZero() && !f.ended {
			return f.verify(ctx, f.r.options.Patience)
		}
	}
	return f.verdict
}

func (f *following) end(err error) { f.ended, f.verdict = true, err }

// forward is a step forward: the silence begins anew.
func (f *following) forward() {
	f.limit = time.Now().Add(f.r.options.Patience)
	if f.limit.After(f.last) {
		f.limit = f.last
	}
	f.silence.Reset(time.Until(f.limit))
}

// look takes over how far the phone got with fetching.
func (f *following) look() {
	before := f.fetch
	f.fetch = f.fetchState()
	if f.progress() && !f.gaveUp {
		f.forward()
	}
	f.complete = f.complete || f.fetch.Complete || f.fetch.Perhaps
	switch {
	case f.whole:
	case f.fetch.Complete:
		f.whole = true
		if !f.gaveUp {
			f.forward()
		}
		f.freeSlot()
		f.tell(Event{Step: StepFetched, Fetch: f.fetch, Limit: left(f.limit)})
	case f.fetch.Sent > before.Sent || f.fetch.Requests > before.Requests || f.fetch.Cut != before.Cut:
		f.tell(Event{Step: StepFetching, Fetch: f.fetch, Limit: left(f.limit)})
	}
	if f.gaveUp && f.counted() {
		f.end(f.failed())
	}
}

// progress reports whether the fetch made a step forward.
func (f *following) progress() bool {
	parts, requests := int64(0), min(f.fetch.Requests, fetchRequests)
	if f.fetch.Size > 0 {
		parts = f.fetch.Sent * fetchSteps / f.fetch.Size
	}
	if parts <= f.parts && requests <= f.requests {
		return false
	}
	f.parts, f.requests = max(parts, f.parts), max(requests, f.requests)
	return true
}

// hear answers what the phone says after it was told.
func (f *following) hear(c *call) {
	f.look() // what it did comes before what it says of it
	m := c.Message
	answer := wpi.CleanUp()
	switch {
	case f.visit != nil && (m.Reason == wpi.ReplyTo || m.Reason == wpi.PhoneCleanUp || m.Reason == wpi.FileStatus):
		// It was asked nothing but what it is.
	case m.Reason == wpi.ReplyTo && m.Action != "" && !strings.EqualFold(m.Action, wpi.ActionSoftwareDeployment):
		// To something that it was asked before.
	case m.Reason == wpi.ReplyTo && m.Status == wpi.Busy:
		if f.untouched(c) {
			answer = wpi.CleanUpAndCall()
			f.end(errBusy)
		}
	case m.Reason == wpi.ReplyTo && m.Status == wpi.Failed:
		if f.ofThis(c) {
			f.end(failf(KindNotTaken, "it refuses the update"))
		}
	case m.Reason == wpi.ReplyTo:
		if m.Status == wpi.Accepted && !f.accepted {
			f.accepted = true
			f.forward()
			f.tell(Event{Step: StepAccepted, Limit: left(f.limit)})
		}
	case m.Reason == wpi.PhoneCleanUp:
		if f.ofThis(c) {
			f.end(f.brokeOff(m))
		}
	case m.Reason == wpi.FileStatus:
		f.status(m)
	default:
		f.introduced(m)
	}
	f.reply(c, answer)
}

// untouched reports whether a phone that says that it is busy can be believed, and told again: it says so in the
// conversation in which it was told, and did nothing else before.
func (f *following) untouched(c *call) bool {
	began := f.accepted || f.reported || f.complete || f.fetchState().Requests > 0
	return c.Session == f.session && f.ofThis(c) && !began && !f.asking && f.result.Down.IsZero()
}

// ofThis reports whether a message belongs to the conversation in which the phone was told. Of a phone that returns no
// cookies, nobody knows; one that does cannot be known by its address alone.
func (f *following) ofThis(c *call) bool { return !f.cookies || c.cookie && c.Session == f.session }

// introduced is a phone that says what it is, without being asked: after a restart, if this machine is its own service. It
// is not believed before it had the whole image, where that can be seen.
func (f *following) introduced(m *wpi.PhoneMessage) {
	f.result.After = Device{}
	f.read(m)
	if err := f.rightPhone(); err != nil {
		f.end(err)
		return
	}
	if f.watched && !f.complete {
		return
	}
	started := m.Reason == wpi.StartUp
	if started {
		f.wentDown()
		f.cameBack()
	}
	switch {
	case f.runs(f.result.After) && (started || !f.ranBefore()):
		f.end(f.success())
	case started && f.result.After.Version != "" && !f.typeless(f.result.After):
		f.end(f.oldVersion())
	}
}

func (f *following) wentDown() {
	if f.result.Down.IsZero() {
		f.result.Down = time.Now()
		f.forward()
		f.freeSlot()
		f.tell(Event{Step: StepRestarting, Limit: left(f.limit)})
	}
}

func (f *following) cameBack() {
	if f.result.Back.IsZero() {
		f.result.Back = time.Now()
		f.tell(Event{Step: StepBack, Limit: f.r.options.Patience})
	}
}
