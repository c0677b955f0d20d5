package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// problemKind is what may go wrong with a phone's calls and fetches before it is known whose they are.
type problemKind int

const (
	problemTLS              problemKind = iota // no TLS connection
	problemNotTrusted                          // it rejects the certificate of this machine
	problemNoCertificate                       // it shows no certificate
	problemCertificate                         // its certificate is not accepted
	problemOtherCertificate                    // its certificate is that of another phone
	problemGarbled                             // a call that cannot be understood
	problemFetch                               // a request for a file that is not offered to the phone, or with a wrong login
	problemRequest                             // a request that is neither a call nor a fetch as phones make them
	problemCaller                              // a call of a phone that was not contacted
	problemHungUp                              // a connection that ended before anything was said
	problemFull                                // a call that this machine had no room for
	problemKinds
)

// problems are what went wrong with a phone's calls and fetches since the first contact request, or the update command. They
// are safe for concurrent use.
type problems struct {
	mu       sync.Mutex
	last     [problemKinds]error
	newTLS   bool // TLS failed since the last contact
	contacts int  // after how many contacts TLS failed
}

// note notes a problem.
func (p *problems) note(kind problemKind, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[kind] = err
	p.newTLS = p.newTLS || kind <= problemOtherCertificate
}

// clear forgets the problems.
func (p *problems) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.newTLS, p.contacts = [problemKinds]error{}, false, 0
}

// first returns the first problem of these kinds, or nil. Where several phones share an address, nobody knows whose it is.
func (p *problems) first(shared bool, kinds ...problemKind) error {
	if shared {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		if p.last[kind] != nil {
			return p.last[kind]
		}
	}
	return nil
}

// contactsForTLS is after how many contacts without TLS a phone is given up.
const contactsForTLS = 2

// failure returns what is wrong with the phone's calls since the first contact request, or nil. It counts contacts: the phone had time to
// try again, as phones of several TLS versions do. One contact without TLS is no reason to give up before the end.
func (p *problems) failure(final, shared bool) error {
	p.mu.Lock()
	if p.newTLS {
		p.newTLS = false
		p.contacts++
	}
	often := p.contacts >= contactsForTLS
	p.mu.Unlock()
	if failure := p.certificateFailure(shared); failure != nil && (final || often) {
		return failure
	}
	if err := p.first(shared, problemTLS); err != nil && (final || often) {
		return &Failure{Kind: KindTLS, Msg: "it calls back, but no TLS connection can be established", Err: err}
	}
	if err := p.first(shared, problemGarbled); err != nil {
		return &Failure{Kind: KindGarbled, Msg: "it calls back, but its message cannot be parsed", Err: err}
	}
	if !final {
		return nil
	}
	if err := p.first(shared, problemFull); err != nil {
		return &Failure{Kind: KindMachine, Msg: "it called back, but was told to call later", Err: roomError{err}}
	}
	if err := p.first(shared, problemRequest); err != nil {
		return &Failure{Kind: KindOtherwise, Msg: "it calls, but not as phones do", Err: err}
	}
	return nil
}

// A roomError is a lack of room in this machine for what phones send.
type roomError struct{ error }

// Lacks returns what this machine lacks.
func (roomError) Lacks() string { return "room" }

// Unwrap returns the cause.
func (e roomError) Unwrap() error { return e.error }

// OnError takes note of a TLS handshake that failed, of a request that is neither a call nor a fetch, or of one for what is
// not offered to the client. The listener calls it.
func (r *Runner) OnError(remote netip.Addr, err error) {
	handshake, request := (*serve.HandshakeError)(nil), (*serve.RequestError)(nil)
	kind, certificate := certificateProblem(err)
	switch {
	case certificate && r.Known(remote):
		r.problem(remote, kind, err)
	case errors.Is(err, serve.ErrNoRequest) && r.Known(remote):
		r.problem(remote, problemHungUp, err)
	case errors.As(err, &handshake) && hungUp(err):
		r.problem(remote, problemHungUp, err)
	case errors.As(err, &handshake):
		r.problem(remote, problemTLS, err)
	case errors.As(err, &request) && request.Err == nil && r.Known(remote):
		if request.Head { // most often a fetch follows
			r.note(remote, problemRequest, err)
		} else {
			r.problem(remote, problemRequest, err)
		}
	case errors.Is(err, serve.ErrFull): // shown in any case: phones may not get through
		r.events.report(Event{Phone: NoPhone, Step: StepCallError, Err: fmt.Errorf("%s: %w", remote, err)})
	case errors.Is(err, serve.ErrNotOffered):
		r.note(remote, problemFetch, err)
		r.unknownCaller(remote, err)
	default:
		r.unknownCaller(remote, err)
	}
}

// hungUp reports whether a handshake ended without a word of TLS that speaks against it, as a bare connect's does.
func hungUp(err error) bool {
	class := netconn.Classify(err)
	return class == netconn.Broken || class == netconn.Timeout
}

// garbled takes note of a call that could not be understood, or that is no call.
func (r *Runner) garbled(remote netip.Addr, err error) {
	call := (*wpi.CallError)(nil)
	switch {
	case errors.As(err, &call) && (call.Status == http.StatusNotFound || call.Status == http.StatusMethodNotAllowed):
		r.problem(remote, problemRequest, err)
	case errors.Is(err, wpi.ErrNotAnswered):
		r.unknownCaller(remote, err)
	case errors.Is(err, wpi.ErrFull):
		r.problem(remote, problemFull, err)
	default:
		r.problem(remote, problemGarbled, err)
	}
}

// unknownCaller reports a call from an address that got no contact request.
func (r *Runner) unknownCaller(remote netip.Addr, err error) {
	r.events.report(Event{Phone: NoPhone, Step: StepUnknownCaller, Err: fmt.Errorf("%s: %w", remote, err)})
}

// problem notes and reports what went wrong with a call.
func (r *Runner) problem(remote netip.Addr, kind problemKind, err error) {
	number := r.note(remote, kind, err)
	r.events.report(Event{Phone: number, Step: StepCallError, Err: fmt.Errorf("%s: %w", remote, err)})
}

// note notes what went wrong for the phones at an address: they may try again. It returns the number of the phone if
// there is only one.
func (r *Runner) note(remote netip.Addr, kind problemKind, err error) int {
	phones := r.registry.at(remote)
	for _, p := range phones {
		p.problems.note(kind, err)
	}
	if len(phones) == 1 {
		return phones[0].number()
	}
	return NoPhone
}
