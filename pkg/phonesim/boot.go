package phonesim

import (
	"context"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A boot is a phone between one start and the next: it begins with nothing in memory but what it is. The contact gap
// and the wish of a service to be called are forgotten by a restart (the guide, p. 72).
type boot struct {
	p     *Phone
	calls chan string   // where to call next; one at most
	freed chan struct{} // a call with somebody has ended
	due   chan *restart // what somebody at the web page has brought about; one at most
	site  webState      // what the web page remembers

	// Guarded by the phone's lock.
	lastContact time.Time // that came
	lastCounted time.Time // that was not within the gap

	// Used by the goroutine in run alone.
	promised string      // where to call when there is no call any more, "" if nobody asked for that
	again    *time.Timer // nil, or when to call again after overload
	later    task        // what to do then
}

// A task is a call: where, and the reason for it.
type task struct{ target, reason string }

func (p *Phone) newBoot() *boot {
	r := &boot{p: p, calls: make(chan string, 1), freed: make(chan struct{}, 1), due: make(chan *restart, 1)}
	p.mu.Lock()
	p.now = r
	p.mu.Unlock()
	return r
}

// call requests a call. Several in a short time become one (assumed).
func (r *boot) call(target string) {
	select {
	case <-r.calls:
	default:
	}
	select {
	case r.calls <- target:
	default:
	}
}

// callEnded notes that the phone is in no call any more.
func (r *boot) callEnded() {
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// run runs the phone until it goes down, and returns what it will run then: nil if it was closed.
func (r *boot) run(ctx context.Context, listeners []*listener) *restart {
	ctx, down := context.WithCancel(ctx)
	var serving sync.WaitGroup
	for _, d := range listeners {
		serving.Go(func() { r.serve(ctx, d) })
	}
	next := r.loop(ctx)
	down()
	serving.Wait()
	if next != nil && !next.update {
		select {
		case next = <-r.due: // an image that came meanwhile is not lost
		default:
		}
	}
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.p.now, r.p.inCall = nil, false // whoever was called hears nothing more
	return next
}

// loop does one thing after another: a phone has one conversation at a time.
func (r *boot) loop(ctx context.Context) *restart {
	defer r.cancelAgain()
	for _, target := range r.atStart() {
		if next := r.callService(ctx, target, wpi.StartUp); next != nil {
			return next
		}
	}
	for {
		next, end := r.nextTask(ctx)
		if next.target == "" {
			return end
		}
		times := 1
		if r.p.traits.callsTwice {
			times = 2
		}
		for range times {
			if end := r.callService(ctx, next.target, next.reason); end != nil {
				return end
			}
		}
	}
}

// nextTask waits for something to do, and returns the next call, or the restart, which is nil at the end.
func (r *boot) nextTask(ctx context.Context) (next task, end *restart) {
	var again <-chan time.Time
	if r.again != nil {
		again = r.again.C
	}
	for {
		select {
		case <-ctx.Done():
			return task{}, nil
		case <-r.freed:
			if r.promised != "" {
				return task{r.promised, wpi.Solicited}, nil
			}
		case <-again:
			return r.later, nil
		case target := <-r.calls:
			return task{r.afterDelay(ctx, target), wpi.Solicited}, nil
		case end = <-r.due:
			if end.update && !pause(ctx, r.p.c.InstallTime) {
				return task{}, nil
			}
			return task{}, end
		}
	}
}

// callAgain has the phone make a call again that a service ended for lack of room. A restart forgets it (assumed).
func (r *boot) callAgain(t task) {
	if r.p.traits.givesUp {
		r.p.report(Event{Kind: Deferred, Detail: "the service has no room; the phone does not call again"})
		return
	}
	r.p.report(Event{Kind: Deferred, Detail: "the service has no room; the phone calls again in " + overloadPause.String()})
	r.again, r.later = time.NewTimer(overloadPause), t
}

// cancelAgain forgets a call that is to be made again.
func (r *boot) cancelAgain() {
	if r.again != nil {
		r.again.Stop()
		r.again = nil
	}
}

// atStart returns where the phone reports its start: to its own service, and to no other (the guide, p. 28).
func (r *boot) atStart() []string {
	var targets []string
	if r.p.c.Service != "" {
		targets = append(targets, r.p.c.Service)
	}
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if last := r.p.lastTarget; r.p.traits.startUpToLast && last != "" && last != r.p.c.Service {
		targets = append(targets, last)
	}
	return targets
}

// afterDelay waits before a call, and returns where to call, which may have changed meanwhile; "" at the end.
func (r *boot) afterDelay(ctx context.Context, target string) string {
	if !pause(ctx, r.p.c.CallDelay) {
		return ""
	}
	select {
	case target = <-r.calls:
	default:
	}
	return target
}

// callService holds a conversation, and carries out its orders: then the phone may have to restart. A service that wanted to
// be called when there is no call, and said so while there was none, is called at once.
func (r *boot) callService(ctx context.Context, target, reason string) *restart {
	r.p.set(func(*State) { r.p.lastTarget = target })
	for ctx.Err() == nil {
		r.cancelAgain() // this call will do (assumed)
		c := r.newConversation(target)
		reached := c.converse(ctx, c.firstMessage(reason))
		if c.overload && c.order == nil && !c.restart {
			r.callAgain(task{target, reason})
		}
		switch {
		case c.restart:
			state := r.p.State()
			return &restart{version: state.Version, softwareType: state.SoftwareType}
		case c.order != nil:
			return r.carryOut(ctx, target, c.order)
		case r.promised == "" || r.inCall() || !reached:
			return nil
		}
		target, reason = r.promised, wpi.Solicited
	}
	return nil
}

func (r *boot) inCall() bool {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	return r.p.inCall
}

// carryOut fetches what was ordered, and reports how that ended if the phone does so.
func (r *boot) carryOut(ctx context.Context, target string, o *order) *restart {
	next, report := r.execute(ctx, o)
	if report != nil {
		c := r.newConversation(target)
		c.converse(ctx, report)
		if next == nil && c.order != nil {
			return r.carryOut(ctx, target, c.order)
		}
		if next == nil && c.restart {
			state := r.p.State()
			next = &restart{version: state.Version, softwareType: state.SoftwareType}
		}
	}
	if next == nil || !next.update {
		return next
	}
	if !pause(ctx, r.p.c.InstallTime) {
		return nil
	}
	return next
}
