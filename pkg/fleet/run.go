package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Runner carries out a plan. It needs a TLS listener that hands the phones' calls to Calls, and failed handshakes to
// Troubled; then Run.
type Runner struct {
	options  Options
	service  *wpi.Service
	slots    *semaphore.Weighted
	events   *events
	registry *registry
	halt     context.CancelFunc // leaves alone the phones that are not sent the image yet
	stop     context.CancelFunc // ends the way of every phone

	mu      sync.Mutex
	locked  bool                           // a phone's page takes no password for now
	image   error                          // why the image cannot be sent any more
	writing map[*wpi.Session]chan struct{} // closed when the answer is written
}

// New returns a runner.
func New(o Options) *Runner {
	o = o.complete()
	r := &Runner{
		options: o, events: newEvents(o.Event), registry: newRegistry(), slots: semaphore.NewWeighted(int64(o.Parallel)),
		writing: map[*wpi.Session]chan struct{}{},
	}
	r.service = wpi.NewService(wpi.ServiceOptions{
		Admit: r.Known, Answer: r.answer, Written: r.written, Trouble: r.garbled,
	})
	return r
}

// Known reports whether a phone was contacted at an address: only from there somebody is answered.
func (r *Runner) Known(remote netip.Addr) bool { return len(r.registry.at(remote)) > 0 }

// Calls answers phones that call.
func (r *Runner) Calls() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		came := arrival{cookie: len(q.Header["Cookie"]) > 0, identity: identityOf(q)}
		r.service.ServeHTTP(w, q.WithContext(context.WithValue(q.Context(), arrivalKey{}, came)))
	})
}

// An arrival is what is known of a call besides its message.
type arrival struct {
	cookie   bool      // it came with one
	identity *identity // nil without a certificate
}

// arrivalKey is the key of a call's arrival in its context.
type arrivalKey struct{}

// Run takes every phone of the plan to its end, and returns the results. A plan that cannot be carried out is an error;
// when the context ends, the phones that are not done are KindInterrupted. Several plans run one after the other, not at a time:
// a phone may be in more than one of them.
func (r *Runner) Run(ctx context.Context, plan Plan) ([]Result, error) {
	phones, err := r.prepare(plan)
	if err != nil {
		return nil, err
	}
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		r.events.reportOthers(ctx, ended)
	}()
	within, stop := context.WithCancel(ctx)
	defer stop()
	early, halt := context.WithCancel(within)
	defer halt()
	r.stop, r.halt = stop, halt
	var all sync.WaitGroup
	results := make([]Result, len(phones))
	for i, p := range phones {
		all.Go(func() { results[i] = p.run(within, early) })
	}
	all.Wait()
	close(ended)
	<-told
	return results, nil
}

// prepare makes the plan's phones.
func (r *Runner) prepare(plan Plan) ([]*phone, error) {
	r.events.begin()
	seen, pages := map[string]int{}, map[string]int{}
	var phones []*phone
	for i, t := range plan.Phones {
		address, err := hwcheck.ContactAddress(t.Address)
		if err != nil {
			return nil, fmt.Errorf("phone %d: %w", i+1, err)
		}
		if first, twice := seen[address]; twice {
			return nil, fmt.Errorf("phone %d: %s is the same as phone %d", i+1, t.Address, first+1)
		}
		seen[address] = i
		for _, password := range plan.imageOf(t).secrets() {
			r.events.hide(password)
		}
		if web := plan.webOf(t); web != nil {
			r.events.hide(web.Password)
			page := pageAddress(address, web.Port)
			if first, twice := pages[page]; twice {
				return nil, fmt.Errorf("phone %d: the web page of %s, %s, is the same as that of phone %d", i+1, t.Address, page, first+1)
			}
			pages[page] = i
		}
		phones = append(phones, newPhone(r, &plan, i, t, address))
	}
	r.registry.forget(phones)
	return phones, nil
}

// errUnknownCaller reports a call from an address that got no contact request.
var errUnknownCaller = errors.New("a call without a contact request")

// answer finds the phone that calls, and has it answer. Only phones that got a contact request are answered.
func (r *Runner) answer(ctx context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
	p := r.registry.caller(c)
	if p == nil {
		r.note(c.Remote, problemCaller, errUnknownCaller)
		r.unknownCaller(c.Remote, errUnknownCaller)
		return wpi.ServiceMessage{}, wpi.ErrNotAnswered
	}
	came, _ := ctx.Value(arrivalKey{}).(arrival)
	if err := r.refuseCertificate(p, c, came.identity); err != nil {
		return wpi.ServiceMessage{}, err
	}
	said := call{Call: c, cookie: came.cookie, answer: make(chan wpi.ServiceMessage, 1), written: make(chan struct{})}
	r.mu.Lock()
	r.writing[c.Session] = said.written
	r.mu.Unlock()
	select {
	case p.dialog.calls <- said:
	case <-p.dialog.closed:
		return wpi.CleanUp(), nil
	case <-ctx.Done():
		r.written(c, wpi.ServiceMessage{}, ctx.Err())
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return wpi.ServiceMessage{}, fmt.Errorf("%w: other phones come first", wpi.ErrFull)
		}
		return wpi.ServiceMessage{}, ctx.Err()
	}
	// Whoever took the call answers it: that takes no waiting.
	return <-said.answer, nil
}

// written notes that an answer was written, or cannot be.
func (r *Runner) written(c wpi.Call, _ wpi.ServiceMessage, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done := r.writing[c.Session]; done != nil {
		close(done)
		delete(r.writing, c.Session)
	}
}

// stopUploads notes a phone that takes no password for now: what locked it out would lock out the next one, so phones that
// are not sent the image yet are left alone.
func (r *Runner) stopUploads() {
	r.mu.Lock()
	r.locked = true
	r.mu.Unlock()
	r.halt()
}

// stopped reports whether there was a lock-out.
func (r *Runner) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.locked
}
