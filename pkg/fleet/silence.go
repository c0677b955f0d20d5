package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// All steps forward together may take some patiences, or longer if the image is so large that it needs more time at the lowest
// rate, in bytes a second: phones that fetch at the same time share a line.
const (
	maxPatiences = 6
	leastRate    = 4 << 10
)

// longest returns how long all steps forward of an image may take.
func longest(patience time.Duration, size int64) time.Duration {
	return max(maxPatiences*patience, time.Duration(size/leastRate)*time.Second)
}

// A silence measures how long a phone has made no step forward, and how long it may go on so.
type silence struct {
	patience time.Duration
	timer    *time.Timer
	limit    time.Time // when it ends
	begun    time.Time
	last     time.Time // beyond which no step forward leads
}

func newSilence(patience time.Duration) *silence {
	now := time.Now()
	return &silence{patience: patience, timer: time.NewTimer(patience), limit: now.Add(patience), begun: now, last: now.Add(maxPatiences * patience)}
}

// restart begins the silence anew: the phone made a step forward.
func (s *silence) restart() {
	s.limit = time.Now().Add(s.patience)
	if s.limit.After(s.last) {
		s.limit = s.last
	}
	s.timer.Reset(time.Until(s.limit))
}

// allow makes room for an image of that size.
func (s *silence) allow(size int64) { s.last = s.begun.Add(longest(s.patience, size)) }

// end ends the silence after some time.
func (s *silence) end(after time.Duration) {
	s.limit = time.Now().Add(after)
	s.timer.Reset(after)
}

// again begins the silence anew if it ended while this machine stood still, and reports whether it did: the phone is looked at
// once more.
func (s *silence) again() bool {
	if !stoodStill(s.limit) {
		return false
	}
	s.limit = time.Now().Add(s.patience)
	s.timer.Reset(s.patience)
	return true
}

// stoodStill reports whether this machine stood still when a limit passed: it noticed that late.
func stoodStill(limit time.Time) bool { return time.Since(limit) > netconn.Standstill }

// A stillWatch notices that this machine stood still while it waited for something.
type stillWatch struct {
	ticks *time.Ticker
	last  time.Time
	still time.Duration // for how long it stood
}

func newStillWatch() *stillWatch {
	return &stillWatch{ticks: time.NewTicker(stillTick), last: time.Now()}
}

const stillTick = time.Second

// look returns for how long the machine has stood still since the watch began.
func (w *stillWatch) look() time.Duration {
	now := time.Now()
	if late := now.Sub(w.last) - stillTick; late > netconn.Standstill {
		w.still += late
	}
	w.last = now
	return w.still
}

func (w *stillWatch) stop() { w.ticks.Stop() }

// A patience calls a function when it ends, unless this machine stood still meanwhile: then it begins anew.
type patience struct {
	span  time.Duration
	over  func()
	mu    sync.Mutex
	limit time.Time
	timer *time.Timer
}

func newPatience(span time.Duration, over func()) *patience {
	p := &patience{span: span, over: over}
	p.begin()
	return p
}

// begin begins the patience, or begins it anew.
func (p *patience) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = time.Now().Add(p.span)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.span, p.end)
		return
	}
	p.timer.Reset(p.span)
}

func (p *patience) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
}

// end ends the patience.
func (p *patience) end() {
	p.mu.Lock()
	limit := p.limit
	p.mu.Unlock()
	if stoodStill(limit) {
		p.begin()
		return
	}
	p.over()
}

func (s *silence) left() time.Duration { return left(s.limit) }

func (s *silence) stop() { s.timer.Stop() }

// outOfPatience decides about a phone that made no step forward for too long.
func (f *follower) outOfPatience(ctx context.Context) error {
	f.noteFetch()
	patience := display.Span(f.options.Patience)
	neverAsked := f.fetch.watched && f.fetch.now.Requests == 0
	switch {
	case f.refusal != nil && f.restart.down.IsZero():
		return f.refusal
	case !f.restart.down.IsZero():
		return failf(KindNeverBack, "it went down to restart and did not come back within %s", patience)
	case neverAsked && f.facts.runs(f.facts.after) && !f.facts.ranBefore():
		return failf(KindUnproven, "it reports the new version, but was not observed to fetch the image")
	case neverAsked:
		return f.because(failf(KindNeverFetch, "it received the %s, but did not request the image within %s", f.command(), patience))
	}
	f.withdraw() // no contact while it fetches, be it for a second time
	if f.fetch.watched && !f.fetch.whole && !f.fetch.toEnd() {
		return f.halfway(ctx)
	}
	f.reporter.report(Event{Step: StepSilent, Err: errNoRestart, Limit: f.options.Patience})
	return f.verify(ctx, f.options.Patience)
}

// halfway queries a phone that requested the image and was not seen to get all of it. What it reports counts: it may have had
// the rest in a way that cannot be seen, and only a phone that got the command knew where to ask.
func (f *follower) halfway(ctx context.Context) error {
	limit := min(f.options.Patience, halfwayContacts*f.options.ContactInterval)
	cut := failf(KindCut, "it stopped fetching after %d of %d bytes and did not continue within %s",
		f.fetch.now.Sent, f.fetch.now.Size, display.Span(f.options.Patience))
	f.reporter.report(Event{Step: StepSilent, Err: errNoWhole, Limit: limit})
	err := f.verify(ctx, limit)
	failure := (*Failure)(nil)
	switch {
	case err == nil, !errors.As(err, &failure), failure.anotherPhone():
		return err
	}
	return cut
}

// halfwayContacts is how often a phone is queried that did not fetch all of the image.
const halfwayContacts = 2

// errNoWhole is why a phone is queried that was not seen to fetch the whole image.
var errNoWhole = errors.New("it was not observed to fetch the whole image; querying its version")

// errNoRestart is why a phone is queried that was not seen to restart.
var errNoRestart = errors.New("it was not observed to restart; querying its version")
