package fleet

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A phone is one phone on its way. One goroutine takes it from step to step; calls are handed to it, and it answers
// them. What others touch is guarded by the runner's mutex, or by its own.
type phone struct {
	r       *Runner
	index   int
	target  Target
	address string // HOST:PORT
	calls   chan call
	done    chan struct{}
	fetched chan struct{} // something is new in fetch

	// Guarded by the runner's mutex.
	remote  netip.AddrPort // where it takes contacts, set once: a name that leads elsewhere later leads to another phone
	door    netip.AddrPort // where it took the last one: the second door has another port
	local   netip.Addr     // the address of this machine that the phone reaches
	claimed string         // the MAC address that it said

	mu      sync.Mutex
	fetch   serve.Fetch
	grants  int                 // how often the source was opened to it
	trouble [troubleKinds]error // what went wrong since it was asked, or since it was told
	lateTLS bool                // so did TLS, since the last contact
	noTLS   int                 // after how many contacts it did

	// These belong to the goroutine.
	attempts    int
	nextContact time.Time
	contacts    sync.WaitGroup  // those that go on
	last        <-chan struct{} // closed when the last answer is out
	slot        bool
	busy        bool         // it said so
	busies      int          // how often
	session     *wpi.Session // in which it was told
	cookies     bool         // it returns them
	grant       *Grant

	// What the phone said first, and by which way, if its web page is one.
	interfaceSaid Device
	pageSays      Device
	byPage        bool // the last word, which is in result.After, is the page's
	result        Result
}

// A call is a message of a phone that waits for its answer.
type call struct {
	wpi.Call
	cookie  bool // it came with one
	answer  chan wpi.ServiceMessage
	written chan struct{} // closed when the answer is out
}

// reply answers a call.
func (p *phone) reply(c *call, m wpi.ServiceMessage) {
	p.last = c.written
	c.answer <- m
}

// settle waits until the last answer is out: who ends the run would cut it off.
func (p *phone) settle() {
	if p.last == nil {
		return
	}
	limit := time.NewTimer(p.r.options.Timeout)
	defer limit.Stop()
	select {
	case <-p.last:
	case <-limit.C:
	}
}

func newPhone(r *Runner, index int, t Target, address string) *phone {
	t.MAC = mac(t.MAC)
	return &phone{
		r: r, index: index, target: t, address: address,
		calls: make(chan call), done: make(chan struct{}), fetched: make(chan struct{}, 1),
	}
}

// run takes the phone to its end; early ends when it shall be left alone if it is not sent the image yet.
func (p *phone) run(ctx, early context.Context) Result {
	begun := time.Now()
	defer close(p.done)
	ctx, cancel := context.WithCancel(ctx)
	defer p.contacts.Wait()
	defer cancel()
	var err error
	if p.r.slots.Acquire(early, 1) == nil {
		p.slot = true
		if i := p.r.plan.Image; i != nil && i.Web != nil {
			err = p.webWay(ctx, early)
		} else {
			err = p.way(ctx)
		}
	} else {
		err = errStopped
	}
	p.freeSlot()
	p.withdraw()
	p.settle()
	p.result.Took = time.Since(begun)
	p.result.Fetch = p.fetchState()
	if err != nil {
		f := (*Failure)(nil)
		if !errors.As(err, &f) {
			f = p.interrupted(ctx)
		}
		f.Told = p.result.Told
		p.result.Outcome, p.result.Failure = "", f
	}
	shown := p.r.veil().result(p.result)
	end := Event{Phone: p.index, Step: StepDone, Outcome: shown.Outcome, Failure: shown.Failure, Device: shown.After}
	if shown.Failure != nil {
		end.Step = StepFailed
	}
	p.r.pass(end)
	return shown
}

// errStopped is a run whose context has ended. The context's cause is not this phone's: it may be how another one failed.
var errStopped = errors.New("the run was stopped")

// interrupted is a run that was stopped.
func (p *phone) interrupted(ctx context.Context) *Failure {
	if ctx.Err() == nil && p.r.stopped() {
		return failf(KindStopped, "left alone, since another phone is locked out: the password is not tried here")
	}
	if p.result.Told {
		return failf(KindInterrupted, "interrupted after it was told: whether it is updated is its own business now")
	}
	return failf(KindInterrupted, "interrupted before it was told anything")
}

// way is the way of one phone: asked, checked, told, followed.
func (p *phone) way(ctx context.Context) error {
	if err := p.hopeless(); err != nil {
		return err
	}
	limit := time.Now().Add(p.r.options.Patience)
	for {
		c, err := p.ask(ctx, limit)
		if err != nil {
			return err
		}
		if c, err = p.identify(ctx, c); err != nil {
			return err
		}
		p.result.Before = p.result.After
		told, err := p.decide(c)
		if err != nil || !told {
			return err
		}
		err = p.follow(ctx)
		if !errors.Is(err, errBusy) {
			return err
		}
		p.result.Told = false
		p.withdraw()
		if !p.busy {
			p.busy, limit = true, time.Now().Add(p.r.options.Patience)
		}
		p.tell(Event{Step: StepBusy, Limit: left(limit)})
		if p.busies++; p.busies > busyTimes*p.attempts {
			return failf(KindBusy, "it says that it is in a call, and called %d times all the same", p.busies)
		}
	}
}

// busyTimes is how often a phone may say that it is busy for each contact: it is asked to call when it no longer is.
const busyTimes = 8

// errBusy is a phone in a call. It was not told, and may be asked again.
var errBusy = errors.New("the phone is in a call")

// tell tells an event of this phone.
func (p *phone) tell(e Event) {
	e.Phone = p.index
	p.r.tell(e)
}

// freeSlot lets the next phone begin.
func (p *phone) freeSlot() {
	if p.slot {
		p.slot = false
		p.r.slots.Release(1)
	}
}

// withdraw ends the phone's access to the image.
func (p *phone) withdraw() {
	if p.grant != nil && p.grant.Withdraw != nil {
		p.grant.Withdraw()
	}
	p.grant = nil
}

// watch returns who is told how far the phone got with fetching, from now on: what belongs to an access before says
// nothing any more.
func (p *phone) watch() func(serve.Fetch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants++
	p.fetch = serve.Fetch{}
	mine := p.grants
	return func(f serve.Fetch) {
		p.mu.Lock()
		if mine == p.grants {
			p.fetch = f
		}
		p.mu.Unlock()
		select {
		case p.fetched <- struct{}{}:
		default:
		}
	}
}

func (p *phone) fetchState() serve.Fetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetch
}

func (p *phone) remoteIP() netip.Addr {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	return p.remote.Addr()
}

func (p *phone) localIP() netip.Addr {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	return p.local
}

// doorAddress is where the phone took the last contact.
func (p *phone) doorAddress() string {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	return p.door.String()
}

// bounded cuts what a phone says to what an error may hold.
func bounded(s string) string {
	if len(s) <= mostKept {
		return s
	}
	return s[:mostKept] + "..."
}

// left is how long it is until a limit, and a moment if that has passed: every wait has one.
func left(limit time.Time) time.Duration { return max(time.Until(limit), time.Nanosecond) }

// mac returns a MAC address in its usual form, or as it stands if it is none.
func mac(s string) string {
	if parsed, err := hwcheck.ParseMAC(s); err == nil {
		return parsed
	}
	return bounded(s)
}
