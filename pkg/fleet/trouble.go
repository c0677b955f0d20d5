package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// troubleKind is what may go wrong with a phone's calls and fetches before it is known whose they are.
type troubleKind int

const (
	troubleTLS     troubleKind = iota // no TLS connection
	troubleGarbled                    // a call that cannot be understood
	troubleFetch                      // somebody asks for a file that is not there for it, or by the wrong login
	troubleCaller                     // a phone that was not contacted
	troubleHungUp                     // a connection that ended before anything was said
	troubleKinds
)

// Troubled is told by the listener of a TLS handshake that failed, or of somebody who asks for what is not theirs.
func (r *Runner) Troubled(remote netip.Addr, err error) {
	handshake := (*serve.HandshakeError)(nil)
	switch {
	case errors.As(err, &handshake) && hungUp(err):
		r.trouble(remote, troubleHungUp, err)
	case errors.As(err, &handshake):
		r.trouble(remote, troubleTLS, err)
	case errors.Is(err, serve.ErrNotOffered):
		r.note(remote, troubleFetch, err)
		r.stranger(remote, err)
	default:
		r.stranger(remote, err)
	}
}

// hungUp reports whether a handshake ended without a word of TLS that speaks against it, as a bare connect's does.
func hungUp(err error) bool {
	timeout := net.Error(nil)
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.Errno(wsaReset)) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// garbled is told of a call that could not be understood, or that is none.
func (r *Runner) garbled(remote netip.Addr, err error) {
	call := (*wpi.CallError)(nil)
	if errors.As(err, &call) && (call.Status == http.StatusNotFound || call.Status == http.StatusMethodNotAllowed || errors.Is(err, wpi.ErrNotAnswered)) {
		r.stranger(remote, err) // phones ask for nothing else, and are known
		return
	}
	r.trouble(remote, troubleGarbled, err)
}

func (r *Runner) stranger(remote netip.Addr, err error) {
	r.tell(Event{Phone: NoPhone, Step: StepStranger, Err: fmt.Errorf("%s: %w", remote, err)})
}

// trouble notes and tells what went wrong with a call.
func (r *Runner) trouble(remote netip.Addr, kind troubleKind, err error) {
	number := r.note(remote, kind, err)
	r.tell(Event{Phone: number, Step: StepTrouble, Err: fmt.Errorf("%s: %w", remote, err)})
}

// note notes what went wrong for the phones at an address: they may try again. It returns the number of the phone if
// there is only one.
func (r *Runner) note(remote netip.Addr, kind troubleKind, err error) int {
	phones := r.at(remote)
	for _, p := range phones {
		p.mu.Lock()
		p.trouble[kind] = err
		p.lateTLS = p.lateTLS || kind == troubleTLS
		p.mu.Unlock()
	}
	if len(phones) == 1 {
		return phones[0].index
	}
	return NoPhone
}

// callTrouble is what went wrong with the phone's calls since it was asked, or nil. It is asked when the phone had time to
// try again, as phones of several TLS versions do. One contact without TLS is no reason to give up before the end.
func (p *phone) callTrouble(end bool) error {
	p.mu.Lock()
	if p.lateTLS {
		p.lateTLS = false
		p.noTLS++
	}
	often := p.noTLS >= contactsForTLS
	p.mu.Unlock()
	if err := p.noted(troubleTLS); err != nil && (end || often) {
		return &Failure{Kind: KindTLS, Msg: "it calls, but there is no TLS between it and this machine", Err: err}
	}
	if err := p.noted(troubleGarbled); err != nil {
		return &Failure{Kind: KindGarbled, Msg: "it calls, but what it says cannot be understood", Err: err}
	}
	return nil
}

// contactsForTLS is after how many contacts without TLS a phone is given up.
const contactsForTLS = 2

// noted is the first trouble of these kinds, or nil. Where several phones share an address, nobody knows whose it is.
func (p *phone) noted(kinds ...troubleKind) error {
	if len(p.r.at(p.remoteIP())) > 1 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		if p.trouble[kind] != nil {
			return p.trouble[kind]
		}
	}
	return nil
}

func (p *phone) clearTrouble() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble, p.lateTLS, p.noTLS = [troubleKinds]error{}, false, 0
}
