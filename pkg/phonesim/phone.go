package phonesim

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Phone is a phone. It is safe for concurrent use.
type Phone struct {
	c      Config
	traits traits // never changed
	cancel context.CancelFunc
	living sync.WaitGroup

	telling sync.Mutex

	mu         sync.Mutex
	state      State // its Status holds no call
	inCall     bool
	hangUp     *time.Timer
	secure     bool        // secure mode
	page       *tls.Config // what the web page is served with; nil without TLS ports
	written    map[string]string
	now        *run   // what is up, nil while nothing is
	held       int    // conversations
	lastTarget string // whom it called last
}

// Start starts a phone, which listens when Start returns. The first thing that it does is to call its service, if it has one.
// The phone must be closed.
func Start(c Config) (*Phone, error) {
	c, t, err := c.apply()
	if err != nil {
		return nil, fmt.Errorf("invalid phone: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Phone{c: c, traits: t, cancel: cancel, secure: t.secure, written: map[string]string{}}
	p.state = State{MAC: c.MAC, SoftwareType: c.SoftwareType, Version: c.Version, Status: StatusIdle}
	at := places{c.Listen, c.ListenSecure, c.Web}
	doors, err := p.open(ctx, at)
	if err != nil {
		cancel()
		return nil, err
	}
	if t.inCall {
		p.Call()
	}
	if t.inCall && !t.forEver {
		p.hangUp = time.AfterFunc(c.CallLength, p.HangUp)
	}
	first := p.newRun()
	p.living.Go(func() { p.live(ctx, first, doors, at) })
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
		p.tell(Event{Kind: CallBegins})
		return
	}
	p.tell(Event{Kind: CallEnds})
	if r != nil {
		r.free()
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
	return nil
}

// A restart is what a phone will run when it is back.
type restart struct {
	version      bind.Version
	softwareType string
	update       bool // an image was installed
}

// live is a phone's life: up, gone for a while, up again.
func (p *Phone) live(ctx context.Context, r *run, doors []*door, at places) {
	for {
		next := r.up(ctx, doors)
		if next == nil {
			return
		}
		if next.update && p.traits.neverBack {
			p.set(func(s *State) { s.Status = StatusGone })
			p.tell(Event{Kind: Gone})
			return
		}
		p.set(func(s *State) { s.Status = StatusRestarting })
		p.tell(Event{Kind: Restarting})
		if !pause(ctx, p.c.RestartTime) {
			return
		}
		if p.c.Down != nil {
			p.c.Down(ctx)
		}
		at = p.taken(at, doors)
		if next.update {
			at = p.change(next, at)
		}
		var err error
		if doors, err = p.reopen(ctx, at); err != nil {
			return
		}
		p.set(func(s *State) {
			s.Status = StatusIdle
			s.Restarts++
		})
		r = p.newRun()
		p.tell(Event{Kind: Started})
	}
}

// change makes the phone what it is after an update, and returns where it will listen.
func (p *Phone) change(next *restart, at places) places {
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

// freePort is any port of the same host.
func freePort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, "0")
}

// begin takes up something that a phone does alone, and reports whether it was free for it.
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
	return upper(hardware.String())
}

// pause waits, and reports whether the phone lives on.
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
