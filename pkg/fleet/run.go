package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Runner carries out a plan. It needs a TLS listener that hands the phones' calls to Calls, and failed handshakes to
// Troubled; then Run.
type Runner struct {
	options Options
	service *wpi.Service
	plan    Plan
	slots   *semaphore.Weighted

	telling   sync.Mutex // one event at a time
	strangers chan Event // those about no phone of the plan, which nobody waits for

	halt context.CancelFunc // leaves alone the phones that are not sent the image yet

	mu     sync.Mutex
	secret secret.Secret             // of the phones' pages
	pages  map[netip.AddrPort]*phone // that were or will be visited
	locked bool                      // a phone's page takes no password for now
	over   map[int]bool              // phones whose last event was told
	phones []*phone
	byIP   map[netip.Addr][]*phone // of the phones that were contacted
	macs   map[string]*phone

	writing map[*wpi.Session]chan struct{} // closed when the answer is written
}

// New returns a runner.
func New(o Options) *Runner {
	o = o.complete()
	r := &Runner{
		options: o,
		over:    map[int]bool{}, strangers: make(chan Event, mostStrangers),
		slots:   semaphore.NewWeighted(int64(o.Parallel)),
		byIP:    map[netip.Addr][]*phone{},
		macs:    map[string]*phone{},
		pages:   map[netip.AddrPort]*phone{},
		writing: map[*wpi.Session]chan struct{}{},
	}
	r.service = wpi.NewService(wpi.ServiceOptions{
		Admit: r.Known, Answer: r.answer, Written: r.written, Trouble: r.garbled,
	})
	return r
}

// Known reports whether a phone was contacted at an address: only from there somebody is answered.
func (r *Runner) Known(remote netip.Addr) bool { return len(r.at(remote)) > 0 }

// Calls answers phones that call.
func (r *Runner) Calls() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.service.ServeHTTP(w, q.WithContext(context.WithValue(q.Context(), withCookie{}, len(q.Header["Cookie"]) > 0)))
	})
}

// withCookie is the key of whether a call came with a cookie.
type withCookie struct{}

// Run takes every phone of the plan to its end, and returns how it ended with each. A plan that cannot be is an error;
// when the context ends, the phones that are not done are KindInterrupted. A runner runs once.
func (r *Runner) Run(ctx context.Context, plan Plan) ([]Result, error) {
	if err := r.prepare(plan); err != nil {
		return nil, err
	}
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		r.tellStrangers(ctx, ended)
	}()
	early, halt := context.WithCancel(ctx)
	defer halt()
	r.halt = halt
	var all sync.WaitGroup
	results := make([]Result, len(r.phones))
	for i, p := range r.phones {
		all.Go(func() { results[i] = p.run(ctx, early) })
	}
	all.Wait()
	close(ended)
	<-told
	return results, nil
}

// prepare makes the plan's phones.
func (r *Runner) prepare(plan Plan) error {
	r.plan = plan
	seen, pages := map[string]int{}, map[string]int{}
	var phones []*phone
	for i, t := range plan.Phones {
		address, err := hwcheck.ContactAddress(t.Address)
		if err != nil {
			return fmt.Errorf("phone %d: %w", i+1, err)
		}
		if first, twice := seen[address]; twice {
			return fmt.Errorf("phone %d: %s is phone %d already", i+1, t.Address, first+1)
		}
		seen[address] = i
		p := newPhone(r, i, t, address)
		if plan.Image != nil && plan.Image.Web != nil {
			page := pageAddress(address, plan.Image.Web.Port)
			if first, twice := pages[page]; twice {
				return fmt.Errorf("phone %d: the web page of %s, %s, is that of phone %d already", i+1, t.Address, page, first+1)
			}
			pages[page] = i
		}
		phones = append(phones, p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phones = phones
	if plan.Image != nil && plan.Image.Web != nil {
		r.secret = plan.Image.Web.Password
	}
	return nil
}

// mostStrangers is how many events about no phone of the plan wait to be told. More are not told.
const mostStrangers = 64

// tell tells an event. After a phone's last one, what comes from its address is about no phone of the plan: who hears of
// that must not be held up by whoever is told.
func (r *Runner) tell(e Event) { r.pass(r.veil().event(e)) }

// pass is tell for what went through the veil.
func (r *Runner) pass(e Event) {
	if e.At = time.Now(); e.Phone == NoPhone || r.isOver(e.Phone) {
		e.Phone = NoPhone
		select {
		case r.strangers <- e:
		default:
		}
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	if r.isOver(e.Phone) {
		e.Phone = NoPhone
	} else if e.Step == StepDone || e.Step == StepFailed {
		r.mu.Lock()
		r.over[e.Phone] = true
		r.mu.Unlock()
	}
	r.options.Event(e)
}

func (r *Runner) isOver(number int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over[number]
}

// tellStrangers tells the events about no phone of the plan, until the run has ended; then those that are left, unless it
// was stopped.
func (r *Runner) tellStrangers(ctx context.Context, ended <-chan struct{}) {
	tell := func(e Event) {
		r.telling.Lock()
		defer r.telling.Unlock()
		r.options.Event(e)
	}
	for over := false; !over; {
		select {
		case e := <-r.strangers:
			tell(e)
		case <-ended:
			over = true
		}
	}
	for ctx.Err() == nil {
		select {
		case e := <-r.strangers:
			tell(e)
		default:
			return
		}
	}
}

// errStranger is a call of somebody who was not asked.
var errStranger = errors.New("not one of the phones that were asked to call")

// answer finds the phone that calls, and has it answer. Only phones that were asked to call are answered.
func (r *Runner) answer(ctx context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
	p := r.caller(c)
	if p == nil {
		r.note(c.Remote, troubleCaller, errStranger)
		r.stranger(c.Remote, errStranger)
		return wpi.ServiceMessage{}, wpi.ErrNotAnswered
	}
	cookie, _ := ctx.Value(withCookie{}).(bool)
	said := call{Call: c, cookie: cookie, answer: make(chan wpi.ServiceMessage, 1), written: make(chan struct{})}
	r.mu.Lock()
	r.writing[c.Session] = said.written
	r.mu.Unlock()
	select {
	case p.calls <- said:
	case <-p.done:
		return wpi.CleanUp(), nil
	case <-ctx.Done():
		r.written(c, wpi.ServiceMessage{}, ctx.Err())
		return wpi.ServiceMessage{}, ctx.Err()
	}
	// Whoever took the call answers it: that takes no waiting.
	return <-said.answer, nil
}

// written is told that an answer was written, or cannot be.
func (r *Runner) written(c wpi.Call, _ wpi.ServiceMessage, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done := r.writing[c.Session]; done != nil {
		close(done)
		delete(r.writing, c.Session)
	}
}
