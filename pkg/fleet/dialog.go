package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A dialog is the provisioning interface of one phone: contact requests go to the phone, and its calls are answered. It
// belongs to the phone's goroutine; calls are handed to it by others, which wait for the answer.
type dialog struct {
	request  func() wpi.Contact // returns the next contact request
	shared   func() bool        // reports whether several phones of the plan have the phone's IP address
	reporter reporter
	facts    *facts
	problems *problems
	options  Options

	calls  chan call
	closed chan struct{}   // when nobody takes calls any more
	last   <-chan struct{} // closed when the last answer is written

	attempts    int // contact requests so far
	nextContact time.Time
	contacts    sync.WaitGroup // requests under way
	lacking     error          // why this machine could not send the last one, if that may pass
	busy        bool           // the phone said that it is busy
	busyCount   int            // how often

	instructed *wpi.Session // in which the phone got the update command
	cookies    bool         // the phone returns them
}

// A call is a message of a phone that waits for its answer.
type call struct {
	wpi.Call
	cookie  bool // it came with one
	answer  chan wpi.ServiceMessage
	written chan struct{} // closed when the answer is out
}

// reply answers a call.
func (d *dialog) reply(c *call, m wpi.ServiceMessage) {
	d.last = c.written
	c.answer <- m
}

// drain waits until the last answer is written: the end of the run would cut it off.
func (d *dialog) drain() {
	if d.last == nil {
		return
	}
	limit := time.NewTimer(d.options.Timeout)
	defer limit.Stop()
	select {
	case <-d.last:
	case <-limit.C:
	}
}

// took notes what a call itself shows.
func (d *dialog) took(c *call) *call {
	d.cookies = d.cookies || c.cookie
	return c
}

// ofUpdate reports whether a message belongs to the conversation in which the phone got the update command. Of a phone that
// returns no cookies, nobody knows; one that does cannot be known by its address alone.
func (d *dialog) ofUpdate(c *call) bool { return !d.cookies || c.cookie && c.Session == d.instructed }

// ask sends contact requests, one in a contact interval, until the phone calls or the limit has passed.
func (d *dialog) ask(ctx context.Context, limit time.Time) (*call, error) {
	patience := time.NewTimer(time.Until(limit))
	defer patience.Stop()
	reached := d.busy // it was reached then
	d.problems.clear()
	over := func() bool {
		if stoodStill(limit) { // it may have called meanwhile, and found nobody: it is asked once more
			limit = time.Now().Add(d.options.Patience)
			patience.Reset(d.options.Patience)
		}
		return !time.Now().Before(limit)
	}
	for !over() {
		next := time.NewTimer(time.Until(d.nextContact))
		select {
		case c := <-d.calls:
			next.Stop()
			return d.took(&c), nil
		case <-patience.C:
			next.Stop()
			if over() {
				return nil, d.noCall()
			}
			continue
		case <-ctx.Done():
			next.Stop()
			return nil, errStopped
		case <-next.C:
			if over() {
				return nil, d.noCall()
			}
		}
		if err := d.problems.failure(false, d.shared()); err != nil {
			return nil, err
		}
		c, err := d.contact(ctx, limit)
		switch {
		case c != nil:
			return c, nil
		case err == nil:
			reached = true
		case d.lacking != nil:
			d.reporter.report(Event{Step: StepSilent, Err: err, Limit: left(limit)})
		case !reached || ctx.Err() != nil:
			return nil, err
		default: // it acknowledged a request before, and may be about to call
			d.reporter.report(Event{Step: StepSilent, Err: err, Limit: left(limit)})
		}
	}
	return nil, d.noCall()
}

// errNoTime reports a contact request that took longer than the phone may be silent.
var errNoTime = errors.New("no answer in time")

// contact sends one contact request. A phone may call before it answers, and answer only when its call ends: then the call is
// returned, and the rest of the request goes on by itself.
func (d *dialog) contact(ctx context.Context, limit time.Time) (*call, error) {
	within, cancel := context.WithDeadlineCause(ctx, limit, errNoTime)
	d.contacts.Wait() // for one that goes on: it lasts no longer than its timeout
	d.attempts++
	request := d.request()
	sent := make(chan error, 1)
	d.contacts.Go(func() {
		defer cancel()
		_, err := request.Send(within)
		sent <- err
	})
	var c *call
	var err error
	watch := newStillWatch()
	defer watch.stop()
	for waiting := true; waiting; {
		select {
		case err = <-sent:
			waiting = false
		case early := <-d.calls:
			c, waiting = d.took(&early), false
		case <-watch.ticks.C:
			watch.look()
		}
	}
	d.nextContact = time.Now().Add(d.options.ContactInterval)
	d.lacking = nil
	if err != nil {
		err = d.contactFailure(ctx, request.Address, err)
		if lack := netconn.AsMachine(err); lack != nil && lack.Passes() || watch.look() && ctx.Err() == nil {
			d.lacking = err
			d.nextContact = time.Now().Add(d.options.Probe) // the phone heard nothing
		}
		return nil, err
	}
	d.reporter.report(Event{Step: StepContacted, Attempt: d.attempts, Limit: left(limit)})
	return c, nil
}

func (d *dialog) contactFailure(ctx context.Context, address string, err error) error {
	e := (*wpi.ContactError)(nil)
	switch {
	case errors.Is(err, errTwice):
		return failf(KindDuplicate, "%s is already a phone of the plan, under another name", address)
	case ctx.Err() != nil:
		return errStopped
	case netconn.AsMachine(err) != nil:
		return machineFailure(err)
	case errors.As(err, &e) && (e.Kind == wpi.ContactRefused || e.Kind == wpi.ContactNoPhone):
		return &Failure{Kind: KindNoPhone, Msg: "no OpenScape phone answers at this address", Err: err}
	}
	return &Failure{Kind: KindUnreachable, Msg: "it cannot be reached", Err: err}
}

// noCall describes a phone that acknowledged contact requests and did not call.
func (d *dialog) noCall() error {
	err := d.problems.failure(true, d.shared())
	switch {
	case err != nil:
		return err
	case d.lacking != nil:
		return d.lacking
	case d.busy:
		return failf(KindBusy, "it has been in a call for %s", span(d.options.Patience))
	}
	return &Failure{
		Kind: KindNoCall, Err: d.problems.first(d.shared(), problemCaller, problemTLS, problemGarbled, problemHungUp),
		Msg: fmt.Sprintf("it did not call back within %s, after %s", span(d.options.Patience), requests(d.attempts)),
	}
}

// busyTimes is how often a phone may say that it is busy for each contact request.
const busyTimes = 8

// errBusy reports a phone in a call: it did not take the update command, and may get it again.
var errBusy = errors.New("the phone is in a call")

// busyAgain notes that the phone says that it is busy, and returns until when it may stay so. It gives up a phone that says
// it too often.
func (d *dialog) busyAgain(limit time.Time) (time.Time, error) {
	if !d.busy {
		d.busy, limit = true, time.Now().Add(d.options.Patience)
	}
	d.reporter.report(Event{Step: StepBusy, Limit: left(limit)})
	if d.busyCount++; d.busyCount > busyTimes*d.attempts {
		return limit, failf(KindBusy, "it reports that it is in a call, but called back %d times anyway", d.busyCount)
	}
	return limit, nil
}

// identify finds out what the phone is, and whether it is the right one. It returns the call to be answered next.
func (d *dialog) identify(ctx context.Context, c *call) (*call, error) {
	d.facts.after = Device{}
	d.facts.read(c.Message)
	if names := d.facts.missing(); len(names) > 0 && c.Message.Reason != wpi.PhoneCleanUp {
		d.reporter.report(Event{Step: StepReading, Limit: d.options.ContactInterval})
		d.reply(c, wpi.ReadItems(names...))
		next, err := d.nextCall(ctx)
		if err != nil {
			return nil, err
		}
		d.facts.read(next.Message)
		c = next
	}
	if c.Message.Reason == wpi.PhoneCleanUp {
		d.reply(c, wpi.CleanUp())
		return nil, d.brokeOff(c.Message)
	}
	if err := d.facts.rightPhone(); err != nil {
		d.reply(c, wpi.CleanUp())
		return nil, err
	}
	d.reporter.report(Event{Step: StepCalled, Device: d.facts.after})
	return c, nil
}

// nextCall waits for the next message of a phone that was just answered.
func (d *dialog) nextCall(ctx context.Context) (*call, error) {
	limit := time.NewTimer(d.options.ContactInterval)
	defer limit.Stop()
	select {
	case c := <-d.calls:
		return d.took(&c), nil
	case <-limit.C:
		if err := d.problems.failure(true, d.shared()); err != nil {
			return nil, err
		}
		return nil, failf(KindNoCall, "it called back, but did not answer a query within %s", span(d.options.ContactInterval))
	case <-ctx.Done():
		return nil, errStopped
	}
}

// query asks the phone what it is, and ends the conversation.
func (d *dialog) query(ctx context.Context, limit time.Time) error {
	c, err := d.ask(ctx, limit)
	if err == nil {
		c, err = d.identify(ctx, c)
	}
	if err == nil {
		d.reply(c, wpi.CleanUp())
	}
	return err
}

// brokeOff describes a phone that ended the conversation.
func (d *dialog) brokeOff(m *wpi.PhoneMessage) error {
	reason, ok := m.Value(wpi.ItemCleanUpReason)
	if !ok {
		return failf(KindBrokeOff, "it ended the conversation without a reason")
	}
	return failf(KindBrokeOff, "it ended the conversation: %s", d.facts.cut(reason))
}

// requests returns how many contact requests that is, as a text.
func requests(n int) string {
	if n == 1 {
		return "1 contact request"
	}
	return fmt.Sprintf("%d contact requests", n)
}
