package fleet

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// A slot is one of the places for phones that are contacted or fetch.
type slot struct {
	all  *semaphore.Weighted
	held bool
}

// take waits for a free slot, and reports whether it got one before the context ended.
func (s *slot) take(ctx context.Context) bool {
	s.held = s.all.Acquire(ctx, 1) == nil
	return s.held
}

// free lets the next phone begin.
func (s *slot) free() {
	if s.held {
		s.held = false
		s.all.Release(1)
	}
}

// A wait is how long a phone may take that is asked to call.
type wait struct {
	patience time.Duration // how long it may be silent after a request
	limit    time.Time     // when it is given up
	requests int           // that it acknowledged
	warned   time.Time     // when it was reported last that it cannot be reached
}

// await begins a wait. Silence counts from a contact request, not from the time until the next one may be sent.
func (d *dialog) await(patience time.Duration) *wait {
	return &wait{patience: patience, limit: d.due().Add(patience)}
}

// due returns when the next contact request may be sent.
func (d *dialog) due() time.Time {
	if now := time.Now(); d.nextContact.Before(now) {
		return now
	}
	return d.nextContact
}

// acknowledged notes that the phone took a contact request. The first one begins the silence.
func (w *wait) acknowledged() {
	if w.requests++; w.requests == 1 {
		w.limit = time.Now().Add(w.patience)
	}
}

// over reports whether the wait has ended. One that ended while this machine stood still begins anew: the phone may have called
// meanwhile, and found nobody.
func (w *wait) over() bool {
	if stoodStill(w.limit) {
		w.limit = time.Now().Add(w.patience)
	}
	return w.ended()
}

// queue waits for a free slot, and reports whether it got one before the context ended. The wait goes on meanwhile, but for the time for which
// this machine stood still, and may have ended then.
func (w *wait) queue(ctx context.Context, s *slot) bool {
	watch := newStillWatch()
	defer watch.stop()
	limit := w.limit
	taken := make(chan bool, 1)
	go func() { taken <- s.take(ctx) }()
	for {
		select {
		case ok := <-taken:
			return ok
		case <-watch.ticks.C:
			w.limit = limit.Add(watch.look())
		}
	}
}

// ended reports whether the time of the wait is over, for whatever reason.
func (w *wait) ended() bool { return !time.Now().Before(w.limit) }
