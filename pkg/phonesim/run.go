package phonesim

import (
	"context"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A run is what a phone does from one start to the next: it begins with nothing in memory but what it is. The contact gap
// and what the service asked to be told are forgotten by a restart (the guide, p. 72).
type run struct {
	p     *Phone
	calls chan string   // where to call next; one at most
	freed chan struct{} // a call with somebody has ended
	due   chan *restart // what somebody at the web page has brought about; one at most
	site  site          // what the web page remembers

	// Guarded by the phone's lock.
	lastContact time.Time // that came
	lastCounted time.Time // that was not within the gap

	// Of the goroutine in up alone.
	promised string // where to call when there is no call any more, "" if nobody asked for that
}

func (p *Phone) newRun() *run {
	r := &run{p: p, calls: make(chan string, 1), freed: make(chan struct{}, 1), due: make(chan *restart, 1)}
	p.mu.Lock()
	p.now = r
	p.mu.Unlock()
	return r
}

// call asks for a call. Several in a short time become one (assumed).
func (r *run) call(target string) {
	select {
	case <-r.calls:
	default:
	}
	select {
	case r.calls <- target:
	default:
	}
}

// free says that the phone is in no call any more.
func (r *run) free() {
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// up is a phone from its start to its end: nil if it was closed.
func (r *run) up(ctx context.Context, doors []*door) *restart {
	ctx, down := context.WithCancel(ctx)
	var serving sync.WaitGroup
	for _, d := range doors {
		serving.Go(func() { r.tend(ctx, d) })
	}
	next := r.work(ctx)
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

// work does one thing after another: a phone has one conversation at a time.
func (r *run) work(ctx context.Context) *restart {
	for _, target := range r.atStart() {
		if next := r.talk(ctx, target, wpi.StartUp); next != nil {
			return next
		}
	}
	for {
		target, next := r.await(ctx)
		if target == "" {
			return next
		}
		times := 1
		if r.p.traits.callsTwice {
			times = 2
		}
		for range times {
			if next := r.talk(ctx, target, wpi.Solicited); next != nil {
				return next
			}
		}
	}
}

// await waits for something to do: a call, or else a restart, which is nil at the end.
func (r *run) await(ctx context.Context) (target string, next *restart) {
	for {
		select {
		case <-ctx.Done():
			return "", nil
		case <-r.freed:
			if r.promised != "" {
				return r.promised, nil
			}
		case target = <-r.calls:
			return r.afterDelay(ctx, target), nil
		case next = <-r.due:
			if next.update && !pause(ctx, r.p.c.InstallTime) {
				return "", nil
			}
			return "", next
		}
	}
}

// atStart returns whom the phone tells that it has started: its own service, and nobody else (the guide, p. 28).
func (r *run) atStart() []string {
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
func (r *run) afterDelay(ctx context.Context, target string) string {
	if !pause(ctx, r.p.c.CallDelay) {
		return ""
	}
	select {
	case target = <-r.calls:
	default:
	}
	return target
}

// talk holds a conversation, and does what it was told in it: then the phone may have to restart. A service that wanted to
// be called when there is no call, and told so while there was none, is called at once.
func (r *run) talk(ctx context.Context, target, reason string) *restart {
	r.p.set(func(*State) { r.p.lastTarget = target })
	for ctx.Err() == nil {
		c := r.newConversation(target)
		reached := c.hold(ctx, c.first(reason))
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

func (r *run) inCall() bool {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	return r.p.inCall
}

// carryOut fetches what the phone was told to, and says how that ended where it does so.
func (r *run) carryOut(ctx context.Context, target string, o *order) *restart {
	next, report := r.execute(ctx, o)
	if report != nil {
		c := r.newConversation(target)
		c.hold(ctx, report)
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
