package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// ask contacts the phone until it calls: once in a contact interval, until the limit.
func (p *phone) ask(ctx context.Context, limit time.Time) (*call, error) {
	patience := time.NewTimer(time.Until(limit))
	defer patience.Stop()
	reached := p.busy // it was, to say so
	p.clearTrouble()
	for time.Now().Before(limit) {
		next := time.NewTimer(time.Until(p.nextContact))
		select {
		case c := <-p.calls:
			next.Stop()
			return p.took(&c), nil
		case <-patience.C:
			next.Stop()
			return nil, p.noCall()
		case <-ctx.Done():
			next.Stop()
			return nil, errStopped
		case <-next.C:
			if !time.Now().Before(limit) {
				return nil, p.noCall()
			}
		}
		if err := p.callTrouble(false); err != nil {
			return nil, err
		}
		c, err := p.contact(ctx, limit)
		switch {
		case c != nil:
			return c, nil
		case err == nil:
			reached = true
		case !reached || ctx.Err() != nil:
			return nil, err
		default: // it took note before, and may be about to call
			p.tell(Event{Step: StepSilent, Err: err, Limit: left(limit)})
		}
	}
	return nil, p.noCall()
}

// took notes what a call itself shows.
func (p *phone) took(c *call) *call {
	p.cookies = p.cookies || c.cookie
	return c
}

// errNoTime is a contact that took longer than the phone may be silent.
var errNoTime = errors.New("no answer in time")

// contact asks the phone once to call. A phone may call before it answers, and answer only when its call is over: then
// the call is returned, and the rest of the contact goes on by itself.
func (p *phone) contact(ctx context.Context, limit time.Time) (*call, error) {
	within, cancel := context.WithDeadlineCause(ctx, limit, errNoTime)
	p.contacts.Wait() // for one that goes on: it lasts no longer than its time-out
	p.attempts++
	request := p.request()
	sent := make(chan error, 1)
	p.contacts.Go(func() {
		defer cancel()
		_, err := request.Send(within)
		sent <- err
	})
	var c *call
	var err error
	select {
	case err = <-sent:
	case early := <-p.calls:
		c = p.took(&early)
	}
	p.nextContact = time.Now().Add(p.r.options.ContactInterval)
	if err != nil {
		return nil, p.contactFailure(ctx, err)
	}
	p.tell(Event{Step: StepContacted, Attempt: p.attempts, Limit: left(limit)})
	return c, nil
}

// request is the next contact. From the time that the phone was reached on, its name is not looked up again.
func (p *phone) request() wpi.Contact {
	host, port, _ := net.SplitHostPort(p.address) // ContactAddress wrote it
	if known := p.remoteIP(); known.IsValid() {
		host = known.String()
	}
	request := wpi.Contact{Address: net.JoinHostPort(host, port), Back: p.r.plan.Back, Timeout: p.r.options.Timeout, Dial: p.r.options.Dial}
	if port == hwcheck.ContactPort {
		request.SecondDoor = net.JoinHostPort(host, p.r.options.SecondDoor)
	}
	request.Reached = func(c wpi.Contacted) error {
		n, _ := strconv.ParseUint(port, 10, 16)
		return p.r.reached(p, netip.AddrPortFrom(c.Remote.Addr(), uint16(n)), c)
	}
	return request
}

// errTwice is a phone that is reached under two addresses of the plan.
var errTwice = errors.New("another phone of the plan has this address")

func (p *phone) contactFailure(ctx context.Context, err error) error {
	e := (*wpi.ContactError)(nil)
	switch {
	case errors.Is(err, errTwice):
		return failf(KindTwice, "%s is a phone of the plan already, under another name", p.address)
	case ctx.Err() != nil:
		return errStopped
	case errors.As(err, &e) && (e.Kind == wpi.ContactRefused || e.Kind == wpi.ContactNoPhone):
		return &Failure{Kind: KindNoPhone, Msg: "what answers there is no phone that takes contacts", Err: err}
	}
	return &Failure{Kind: KindUnreachable, Msg: "it cannot be reached", Err: err}
}

// noCall is a phone that took note and did not call.
func (p *phone) noCall() error {
	err := p.callTrouble(true)
	switch {
	case err != nil:
		return err
	case p.busy:
		return failf(KindBusy, "it is in a call, and was for %s", span(p.r.options.Patience))
	}
	return &Failure{
		Kind: KindNoCall, Err: p.noted(troubleCaller, troubleTLS, troubleGarbled, troubleHungUp),
		Msg: fmt.Sprintf("it was asked %s to call, but did not within %s", times(p.attempts), span(p.r.options.Patience)),
	}
}

// identify finds out what the phone is, and whether it is the right one. It returns the call to be answered next.
func (p *phone) identify(ctx context.Context, c *call) (*call, error) {
	p.result.After = Device{}
	p.read(c.Message)
	if names := p.missing(); len(names) > 0 && c.Message.Reason != wpi.PhoneCleanUp {
		p.tell(Event{Step: StepReading, Limit: p.r.options.ContactInterval})
		p.reply(c, wpi.ReadItems(names...))
		next, err := p.nextCall(ctx)
		if err != nil {
			return nil, err
		}
		p.read(next.Message)
		c = next
	}
	if c.Message.Reason == wpi.PhoneCleanUp {
		p.reply(c, wpi.CleanUp())
		return nil, p.brokeOff(c.Message)
	}
	if err := p.rightPhone(); err != nil {
		p.reply(c, wpi.CleanUp())
		return nil, err
	}
	p.tell(Event{Step: StepCalled, Device: p.result.After})
	return c, nil
}

// nextCall waits for the next message of a phone that was just answered.
func (p *phone) nextCall(ctx context.Context) (*call, error) {
	limit := time.NewTimer(p.r.options.ContactInterval)
	defer limit.Stop()
	select {
	case c := <-p.calls:
		return p.took(&c), nil
	case <-limit.C:
		if err := p.callTrouble(true); err != nil {
			return nil, err
		}
		return nil, failf(KindNoCall, "it called, but did not answer a question within %s", span(p.r.options.ContactInterval))
	case <-ctx.Done():
		return nil, errStopped
	}
}

func (p *phone) brokeOff(m *wpi.PhoneMessage) error {
	reason, ok := m.Value(wpi.ItemCleanUpReason)
	if !ok {
		return failf(KindBrokeOff, "it ended the conversation, and does not say why")
	}
	return failf(KindBrokeOff, "it ended the conversation: %s", p.bounded(reason))
}

// read takes over what a message says of the phone.
func (p *phone) read(m *wpi.PhoneMessage) {
	d := &p.result.After
	p.byPage = false
	for name, field := range map[string]*string{
		wpi.ItemDeviceType: &d.Type, wpi.ItemSoftwareType: &d.SoftwareType, wpi.ItemSoftwareVersion: &d.Version,
		wpi.ItemPartNumber: &d.PartNumber, wpi.ItemMAC: &d.MAC,
	} {
		if value, ok := m.Value(name); ok {
			*field = p.bounded(value)
		}
	}
	d.MAC = mac(d.MAC)
}

// missing names the items that a phone left out and that are needed.
func (p *phone) missing() []string {
	d := p.result.After
	var names []string
	for _, item := range []struct{ name, value string }{
		{wpi.ItemDeviceType, d.Type},
		{wpi.ItemSoftwareType, d.SoftwareType},
		{wpi.ItemSoftwareVersion, d.Version},
		{wpi.ItemPartNumber, d.PartNumber},
		{wpi.ItemMAC, d.MAC},
	} {
		if item.value == "" {
			names = append(names, item.name)
		}
	}
	return names
}

// rightPhone is nil if the phone is the one that is meant, and was met before.
func (p *phone) rightPhone() error {
	said := p.result.After.MAC
	want, whose := p.target.MAC, "of the list"
	if met := p.result.Before.MAC; met != "" {
		want, whose = met, "that it had before"
	}
	switch {
	case want != "" && said == "":
		return failf(KindOther, "it does not say its MAC address, so it may be another phone than %s", want)
	case want != "" && said != want:
		return failf(KindOther, "another phone answers there: its MAC address is %s, not the one %s, %s", said, whose, want)
	case !p.r.claim(p, said):
		return failf(KindTwice, "its MAC address %s is that of another phone of the plan", said)
	}
	return nil
}
