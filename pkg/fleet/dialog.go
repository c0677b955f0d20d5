package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
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

	attempts    int // contact requests that it acknowledged so far
	status      int // with which it acknowledged the last one
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

// ask sends contact requests, one in a contact interval, until the phone calls or the wait is over.
func (d *dialog) ask(ctx context.Context, w *wait) (*call, error) {
	reached := d.busy || w.requests > 0 // it was reached then
	d.problems.clear()
	for {
		c, err := d.nextTurn(ctx, w)
		if c != nil || err != nil {
			return c, err
		}
		if w.over() {
			return nil, d.noCall(w)
		}
		if err := d.problems.failure(false, d.shared()); err != nil {
			return nil, err
		}
		c, err = d.contact(ctx, w)
		switch {
		case c != nil:
			return c, nil
		case err == nil:
			reached = true
		case d.lacking != nil:
			d.unreached(err, w)
		case !reached || ctx.Err() != nil:
			return nil, err
		default: // it acknowledged a request before, and may be about to call
			d.unreached(err, w)
		}
	}
}

// nextTurn waits until the next contact request may be sent or the wait is over, or returns a call that comes before.
func (d *dialog) nextTurn(ctx context.Context, w *wait) (*call, error) {
	next := d.due()
	if w.limit.Before(next) {
		next = w.limit
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case c := <-d.calls:
		return d.took(&c), nil
	case <-timer.C:
		return nil, nil //nolint:nilnil // no call is no error
	case <-ctx.Done():
		return nil, errStopped
	}
}

// unreached reports a phone that could not be reached, no more often than it may get contact requests.
func (d *dialog) unreached(err error, w *wait) {
	if now := time.Now(); w.warned.IsZero() || now.Sub(w.warned) >= d.options.ContactInterval {
		w.warned = now
		d.reporter.report(Event{Step: StepSilent, Err: err, Limit: left(w.limit)})
	}
}

// errNoTime reports a contact request that took longer than the phone may be silent.
var errNoTime = errors.New("no answer in time")

// contact sends one contact request. A phone may call before it answers, and answer only when its call ends: then the call is
// returned, and the rest of the request goes on by itself.
func (d *dialog) contact(ctx context.Context, w *wait) (*call, error) {
	within, cancel := context.WithDeadlineCause(ctx, w.limit, errNoTime)
	d.contacts.Wait() // for one that goes on: it lasts no longer than its timeout
	request := d.request()
	connected := make(chan struct{})
	reached := request.Reached
	request.Reached = func(c wpi.Contacted) error {
		select {
		case <-connected: // by its second form
		default:
			close(connected)
		}
		return reached(c)
	}
	type answer struct {
		status int
		err    error
	}
	sent := make(chan answer, 1)
	d.contacts.Go(func() {
		defer cancel()
		done, err := request.Send(within)
		sent <- answer{done.Status, err}
	})
	var c *call
	var a answer
	watch := newStillWatch()
	defer watch.stop()
	for waiting := true; waiting; {
		select {
		case a = <-sent:
			waiting = false
		case early := <-d.calls:
			c, waiting = d.took(&early), false
		case <-watch.ticks.C:
			watch.look()
		}
	}
	d.nextContact = time.Now().Add(d.options.ContactInterval)
	d.lacking = nil
	if a.err != nil {
		select {
		case <-connected:
		default: // it heard nothing, so another try cannot be too much for it
			d.nextContact = time.Now().Add(min(d.options.Probe, d.options.ContactInterval))
		}
		err := d.contactFailure(ctx, request.Address, a.err)
		lack := netconn.AsMachine(err)
		if lack != nil && (lack.Passes() || !d.options.SkipUnreachable) || watch.look() > 0 && ctx.Err() == nil {
			d.lacking = err
		}
		return nil, err
	}
	d.attempts++
	d.status = a.status
	w.acknowledged()
	d.reporter.report(Event{Step: StepContacted, Attempt: d.attempts, Limit: left(w.limit)})
	return c, nil
}

func (d *dialog) contactFailure(ctx context.Context, address string, err error) error {
	e := (*wpi.ContactError)(nil)
	switch {
	case errors.Is(err, errTwice):
		return failf(KindDuplicate, "%s is already a phone of the plan, under another name", address)
	case ctx.Err() != nil:
		return errStopped
	case errors.As(err, &e) && e.Status != 0 && e.Passing():
		return &Failure{Kind: KindUnreachable, Msg: "it accepts no contact request now", Err: err}
	case netconn.AsMachine(err) != nil:
		return machineFailure(err)
	case errors.As(err, &e) && (e.Kind == wpi.ContactRefused || e.Kind == wpi.ContactNoPhone):
		return &Failure{Kind: KindNoPhone, Msg: "no OpenScape phone answers at this address", Err: err}
	}
	if e != nil && e.Kind == wpi.ContactUnreachable && e.Err != nil {
		_, port, _ := net.SplitHostPort(e.Address)
		return &Failure{Kind: KindUnreachable, Msg: "it cannot be reached (port " + port + ")", Err: contactCauseError{e}}
	}
	return &Failure{Kind: KindUnreachable, Msg: "it cannot be reached", Err: err}
}

// A contactCauseError is a contact error whose text is only its cause: the failure says the rest.
type contactCauseError struct{ *wpi.ContactError }

// Error returns the text of the cause.
func (c contactCauseError) Error() string { return c.Err.Error() }

// Unwrap returns the whole error.
func (c contactCauseError) Unwrap() error { return c.ContactError }

// mayStart reports whether a contact request failed as it does with a phone that restarts or installs.
func mayStart(err error) bool {
	e := (*wpi.ContactError)(nil)
	return errors.As(err, &e) && e.Passing()
}

// noCall describes a phone that acknowledged contact requests and did not call.
func (d *dialog) noCall(w *wait) error {
	err := d.problems.failure(true, d.shared())
	switch {
	case err != nil:
		return err
	case d.lacking != nil:
		return d.lacking
	case d.busy:
		return failf(KindBusy, "it has been in a call for %s, by its own report", display.Span(w.patience))
	}
	err = d.problems.first(d.shared(), problemHungUp)
	if errors.Is(err, serve.ErrNoRequest) {
		return &Failure{Kind: KindTLS, Msg: "it connects, but ends the connection before it says anything; it may not accept the name in the certificate of this machine"}
	}
	if err != nil {
		return &Failure{Kind: KindTLS, Msg: "it connects, but ends the connection before TLS is established", Err: err}
	}
	failure := &Failure{
		Kind: KindNoCall, Err: cmp.Or(d.problems.first(d.shared(), problemCaller), d.problems.neighbours(d.shared())),
		Msg: fmt.Sprintf("it did not call back within %s, after %s", display.Span(w.patience), display.Plural(w.requests, "contact request")),
	}
	if failure.Err == nil && d.status != 0 && d.status != http.StatusNoContent {
		failure.Err = fmt.Errorf("it answered the contact request with status %d, phones answer 204", d.status)
	}
	return failure
}

// busyTimes is how often a phone may say that it is busy for each contact request.
const busyTimes = 8

// errBusy reports a phone in a call: it did not take the update command, and may get it again.
var errBusy = errors.New("the phone is in a call")

// busyAgain notes that the phone says that it is busy: it may stay so for one patience, and is asked once more at least. It
// gives up a phone that says it too often.
func (d *dialog) busyAgain(w *wait) error {
	if !d.busy {
		d.busy, w.limit = true, time.Now().Add(w.patience)
		if next := d.due(); !next.Before(w.limit) {
			w.limit = next.Add(w.patience)
		}
	}
	d.reporter.report(Event{Step: StepBusy, Limit: left(w.limit)})
	if d.busyCount++; d.busyCount > busyTimes*d.attempts {
		return failf(KindBusy, "it reports that it is in a call, but called back %d times anyway", d.busyCount)
	}
	return nil
}

// maxQueries is how often a phone is queried that does not answer a query, but calls anew.
const maxQueries = 3

// identify finds out what the phone is, and whether it is the right one. It returns the call to be answered next. patience is
// how long the phone may take to answer a query.
func (d *dialog) identify(ctx context.Context, c *call, patience time.Duration) (*call, error) {
	d.facts.after = Device{}
	d.facts.read(c.Message)
	for n := 0; n < maxQueries && c.Message.Reason != wpi.PhoneCleanUp && (n == 0 || c.Message.Reason != wpi.ReplyTo); n++ {
		names := d.facts.missing()
		if len(names) == 0 {
			break
		}
		d.reporter.report(Event{Step: StepReading, Limit: patience})
		d.reply(c, wpi.ReadItems(names...))
		next, err := d.nextCall(ctx, patience)
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

// nextCall waits for the answer to a query. A phone that is silent for a contact interval gets another contact request.
func (d *dialog) nextCall(ctx context.Context, patience time.Duration) (*call, error) {
	w := &wait{patience: patience, limit: time.Now().Add(patience), requests: 1}
	c, err := d.ask(ctx, w)
	failure := (*Failure)(nil)
	if errors.As(err, &failure) && (failure.Kind == KindNoCall || failure.Kind == KindBusy) {
		return nil, &Failure{Kind: KindNoReply, Msg: fmt.Sprintf("it called back, but did not answer a query within %s", display.Span(patience)), Err: failure.Err}
	}
	return c, err
}

// query asks the phone what it is, and ends the conversation.
func (d *dialog) query(ctx context.Context, w *wait) error {
	c, err := d.ask(ctx, w)
	if err == nil {
		c, err = d.identify(ctx, c, w.patience)
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
