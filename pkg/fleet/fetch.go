package fleet

import (
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A fetchLog is how far a phone got with fetching, as the source sees it. It is safe for concurrent use.
type fetchLog struct {
	changed chan struct{} // holds a value when there is news

	mu     sync.Mutex
	now    serve.Fetch
	grants int // how often the source was opened to the phone
}

func newFetchLog() *fetchLog { return &fetchLog{changed: make(chan struct{}, 1)} }

// watch returns what the source calls from now on: what belongs to an earlier access no longer counts.
func (l *fetchLog) watch() func(serve.Fetch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grants++
	l.now = serve.Fetch{}
	mine := l.grants
	return func(f serve.Fetch) {
		l.mu.Lock()
		if mine == l.grants {
			l.now = f
		}
		l.mu.Unlock()
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

// settle waits until no request is under way any more, or the limit has passed.
func (l *fetchLog) settle(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for l.state().Open > 0 {
		select {
		case <-l.changed:
		case <-timer.C:
			return
		}
	}
}

func (l *fetchLog) state() serve.Fetch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// How many steps forward a fetch has at most: each begins the silence anew, and a phone could take one byte at a time.
const (
	fetchSteps    = 256 // of as many parts of the image
	fetchRequests = 16
)

// fetchProgress is what a follower knows of a phone's fetch.
type fetchProgress struct {
	now      serve.Fetch
	watched  bool  // the phone's fetching can be seen
	whole    bool  // every byte of the image was seen to arrive
	complete bool  // or may have arrived
	ended    bool  // it was reported that the phone fetched the image
	parts    int64 // of fetchSteps
	requests int
}

// advance takes over a new state, and reports whether that is a step forward.
func (p *fetchProgress) advance(now serve.Fetch) bool {
	p.now = now
	p.complete = p.complete || now.Complete || now.Perhaps
	parts, requests := int64(0), min(now.Requests, fetchRequests)
	if now.Size > 0 {
		parts = now.Sent * fetchSteps / now.Size
	}
	if parts <= p.parts && requests <= p.requests {
		return false
	}
	p.parts, p.requests = max(parts, p.parts), max(requests, p.requests)
	return true
}

// toEnd reports whether the phone fetched the image to its end, and may have all of it: it fetched in parts, or went on where
// an earlier fetch had ended.
func (p *fetchProgress) toEnd() bool { return p.now.Perhaps && !p.now.Cut && p.now.Open == 0 }

// counted reports whether the count of what the phone fetched is final. Bytes that only may have arrived do not count: the
// connection on which they were sent may yet be seen to be cut.
func (p *fetchProgress) counted(now serve.Fetch) bool {
	return !p.watched || now.Complete || now.Requests > 0 && now.Open == 0
}
