package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// events reports what happens to the caller: one event at a time, and without the password of the phones' pages. It is safe
// for concurrent use.
type events struct {
	caller func(Event)
	others chan Event // about no phone of the plan: nobody waits until they are reported
	turn   sync.Mutex // held while the caller is told

	mu       sync.Mutex
	redactor redactor
	given    map[int]redactor // of phones that were given a password
	ended    map[int]bool     // phones whose last event was reported
}

// maxOthers is how many events about no phone of the plan wait to be reported. More are dropped.
const maxOthers = 64

func newEvents(caller func(Event)) *events {
	return &events{caller: caller, others: make(chan Event, maxOthers), ended: map[int]bool{}, given: map[int]redactor{}}
}

// begin begins the events of a plan: its phones have not ended.
func (r *events) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.ended)
}

// hide redacts one more password from now on.
func (r *events) hide(password secret.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redactor = r.redactor.and(password)
}

// hideOf redacts one more password from now on, in what one phone says: it is given that password.
func (r *events) hideOf(number int, password secret.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given[number] = r.redactor.and(password)
}

// redactOf returns the redactor for what a phone says.
func (r *events) redactOf(number int) redactor {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own, given := r.given[number]; given {
		return own
	}
	return r.redactor
}

// report reports an event. What comes from a phone's address after its last event is about no phone of the plan: whoever
// reports it must not be held up by the caller.
func (r *events) report(e Event) { r.pass(r.redactOf(e.Phone).event(e)) }

// pass reports an event that is redacted already.
func (r *events) pass(e Event) {
	if e.At = time.Now(); e.Phone == NoPhone || r.hasEnded(e.Phone) {
		e.Phone = NoPhone
		select {
		case r.others <- e:
		default:
		}
		return
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.hasEnded(e.Phone) {
		e.Phone = NoPhone
	} else if e.Step == StepDone || e.Step == StepFailed {
		r.mu.Lock()
		r.ended[e.Phone] = true
		r.mu.Unlock()
	}
	r.caller(e)
}

func (r *events) hasEnded(number int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended[number]
}

// reportOthers reports the events about no phone of the plan until the run has ended; then those that are left, unless it
// was stopped.
func (r *events) reportOthers(ctx context.Context, ended <-chan struct{}) {
	tell := func(e Event) {
		r.turn.Lock()
		defer r.turn.Unlock()
		r.caller(e)
	}
	for over := false; !over; {
		select {
		case e := <-r.others:
			tell(e)
		case <-ended:
			over = true
		}
	}
	for ctx.Err() == nil {
		select {
		case e := <-r.others:
			tell(e)
		default:
			return
		}
	}
}
