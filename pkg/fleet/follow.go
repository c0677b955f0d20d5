package fleet

import (
	"context"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer"
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
	fetch    transfer.Fetch
	watched  bool  // the phone's fetching can be seen
	whole    bool  // every byte of the image was seen to arrive
	complete bool  // or may have arrived
	parts    int64 // of fetchSteps
	requests int
	told     wpi.Deployment
	accepted bool
	reported bool        // it says that it has the image
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
	ctx, cancel := context.WithCancel(ctx)
	p.result.Down, p.result.Back = time.Time{}, time.Time{}
	f := &following{
		phone: p, probed: make(chan error, 1), limit: time.Now().Add(p.r.options.Patience),
		last: time.Now().Add(longestRun * p.r.options.Patience), told: p.grant.Deployment,
		silence: time.NewTimer(p.r.options.Patience), probes: time.NewTicker(p.r.options.Probe),
		watched: p.grant.Watched,
	}
	defer f.probers.Wait()
	defer cancel()
	defer f.silence.Stop()
	defer f.probes.Stop()
	for !f.ended {
		select {
		case c := <-p.calls:
			f.hear(p.took(&c))
		case <-p.fetched:
			f.look()
		case <-f.probes.C:
			f.probe(ctx)
		case err := <-f.probed:
			f.probing = false
			if ctx.Err() == nil {
				f.noticed(err)
			}
		case <-f.silence.C:
			return f.outOfPatience(ctx)
		case <-ctx.Done():
			return errStopped
		}
		if !p.result.Back.IsZero() && !f.ended {
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
	if f.progress() {
		f.forward()
	}
	f.complete = f.complete || f.fetch.Complete || f.fetch.Perhaps
	switch {
	case f.whole:
	case f.fetch.Complete:
		f.whole = true
		f.forward()
		f.freeSlot()
		f.tell(Event{Step: StepFetched, Fetch: f.fetch, Limit: left(f.limit)})
	case f.fetch.Sent > before.Sent || f.fetch.Requests > before.Requests || f.fetch.Cut != before.Cut:
		f.tell(Event{Step: StepFetching, Fetch: f.fetch, Limit: left(f.limit)})
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

// aboutThis reports whether a file's status is that of the image: phones say the same of logos and ring tones that somebody
// else had them fetch (the guide, pp. 54, 55). How they name an image is not documented.
func (f *following) aboutThis(m *wpi.PhoneMessage) bool {
	if kind, ok := m.Value(wpi.ItemFileType); ok && !strings.EqualFold(kind, "APP") {
		return false
	}
	said, ok := m.Value(wpi.ItemFileName)
	if !ok {
		return true
	}
	name := f.told.Name
	if u, err := url.Parse(f.told.URL); err == nil && f.told.URL != "" {
		name = u.Path
	}
	said = path.Base(said)
	return strings.EqualFold(said, path.Base(name)) || strings.EqualFold(said, url.PathEscape(path.Base(name)))
}

// status is the phone's word on how fetching or installing went. Whether phones send it for firmware is not documented.
func (f *following) status(m *wpi.PhoneMessage) {
	said, _ := m.Value(wpi.ItemFileStatus)
	state := f.fetchState()
	switch {
	case !f.aboutThis(m):
	case !strings.EqualFold(said, wpi.Failed):
		if !f.reported {
			f.reported = true
			f.forward()
		}
	case f.watched && state.Requests == 0:
		f.end(f.because(failf(KindNeverFetch, "it says that its update failed, and it never asked for the image")))
	case f.watched && !f.complete:
		f.end(failf(KindCut, "it says that its update failed, after %d of %d bytes", state.Sent, state.Size))
	default:
		f.end(failf(KindSaysFailed, "it says that its update failed"))
	}
}

// because adds to a failure what went wrong at the phone's address meanwhile.
func (f *following) because(failure *Failure) *Failure {
	failure.Err = f.noted(troubleFetch, troubleTLS)
	return failure
}

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
