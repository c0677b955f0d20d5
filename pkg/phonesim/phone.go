package phonesim

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Phone is a simulated phone. It is safe for concurrent use.
type Phone struct {
	c      Config
	traits traits // never changed
	cancel context.CancelFunc
	living sync.WaitGroup

	holding []net.Conn // which have the contact port that nobody listens on

	stored stored

	reporting sync.Mutex

	mu         sync.Mutex
	state      State // its Status holds no call
	inCall     bool
	hangUp     *time.Timer
	secure     bool        // secure mode
	page       *tls.Config // what the web page is served with; nil without TLS ports
	now        *boot       // what is up, nil while nothing is
	held       int         // conversations
	lastTarget string      // where it called last
	defaults   Access      // for files on a server
}

// Start starts a phone, which listens when Start returns. The first thing that it does is to call its service, if it has one.
// The phone must be closed.
func Start(c Config) (*Phone, error) {
	c, t, err := c.apply()
	if err != nil {
		return nil, fmt.Errorf("invalid phone: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Phone{c: c, traits: t, cancel: cancel, secure: t.secure, defaults: c.Defaults}
	p.state = State{MAC: c.MAC, SoftwareType: c.SoftwareType, Version: c.Version, Status: StatusIdle}
	at := addresses{c.Listen, c.ListenSecure, c.Web}
	listeners, err := p.listen(ctx, at)
	if err != nil {
		releasePort(p.holding)
		cancel()
		return nil, err
	}
	if t.inCall {
		p.Call()
	}
	if t.inCall && !t.forEver {
		p.hangUp = time.AfterFunc(c.CallLength, p.HangUp)
	}
	first := p.newBoot()
	p.living.Go(func() { p.run(ctx, first, listeners, at) })
	return p, nil
}

// Address returns HOST:PORT of the contact port.
func (p *Phone) Address() string { return p.State().Address }

// State returns what the phone is and does now.
func (p *Phone) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.state
	if s.Status == StatusIdle && p.inCall {
		s.Status = StatusInCall
	}
	return s
}

// Call puts the phone into a call.
func (p *Phone) Call() { p.setInCall(true) }

// HangUp ends the call.
func (p *Phone) HangUp() { p.setInCall(false) }

func (p *Phone) setInCall(inCall bool) {
	p.mu.Lock()
	changed, r := p.inCall != inCall, p.now
	p.inCall = inCall
	p.mu.Unlock()
	if !changed {
		return
	}
	if inCall {
		p.report(Event{Kind: CallBegins})
		return
	}
	p.report(Event{Kind: CallEnds})
	if r != nil {
		r.callEnded()
	}
}

// Close ends the phone, whatever it is doing, and returns when nothing of it is left. The error is always nil.
func (p *Phone) Close() error {
	p.cancel()
	p.mu.Lock()
	if p.hangUp != nil {
		p.hangUp.Stop()
	}
	p.mu.Unlock()
	p.living.Wait()
	releasePort(p.holding)
	return nil
}

// A restart says what a phone will run when it is back.
type restart struct {
	version      bind.Version
	softwareType string
	update       bool // an image was installed
}

// run runs the phone until it is closed: up, gone for a while, up again.
func (p *Phone) run(ctx context.Context, r *boot, listeners []*listener, at addresses) {
	for {
		next := r.run(ctx, listeners)
		if next == nil {
			return
		}
		if next.update && p.traits.neverBack {
			p.set(func(s *State) { s.Status = StatusGone })
			p.report(Event{Kind: Gone})
			return
		}
		p.set(func(s *State) { s.Status = StatusRestarting })
		p.report(Event{Kind: Restarting})
		if !p.stayDown(ctx, listeners) {
			return
		}
		at = p.current(at, listeners)
		if next.update {
			at = p.applyUpdate(next, at)
		}
		var err error
		if listeners, err = p.listenAgain(ctx, at); err != nil {
			return
		}
		p.set(func(s *State) {
			s.Status = StatusIdle
			s.Restarts++
		})
		r = p.newBoot()
		p.report(Event{Kind: Started})
	}
}

// stayDown is the time in which the phone restarts. It reports whether the phone comes back.
func (p *Phone) stayDown(ctx context.Context, listeners []*listener) bool {
	for _, d := range listeners {
		defer p.holdWhileDown(ctx, d.address)()
	}
	if !pause(ctx, p.c.RestartTime) {
		return false
	}
	if p.c.Down != nil {
		p.c.Down(ctx)
	}
	return true
}

// applyUpdate makes the phone what it is after an update, and returns where it will listen.
func (p *Phone) applyUpdate(next *restart, at addresses) addresses {
	p.set(func(s *State) {
		s.Version, s.SoftwareType = next.version, next.softwareType
		if p.traits.otherMACAfter {
			s.MAC = otherMAC(s.MAC)
		}
		if p.traits.secureAfter {
			p.secure = true
		}
		if p.traits.web.otherKey {
			p.page = nil
		}
	})
	if p.traits.elsewhere {
		at.contact, at.web = freePort(at.contact), freePort(at.web)
	}
	return at
}

// freePort returns an address of the same host with any port.
func freePort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, "0")
}

// begin enters a status that excludes all others, and reports whether the phone was idle.
func (p *Phone) begin(s Status) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.Status != StatusIdle {
		return false
	}
	p.state.Status = s
	return true
}

// set changes the state.
func (p *Phone) set(change func(*State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.state)
}

// otherMAC returns another MAC address of the same maker.
func otherMAC(mac string) string {
	hardware, err := net.ParseMAC(mac)
	if err != nil {
		return mac
	}
	hardware[len(hardware)-1] ^= 0x80
	return strings.ToUpper(hardware.String())
}

// pause waits, and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
