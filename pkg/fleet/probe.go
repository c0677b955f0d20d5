package fleet

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"
)

// A sign is what a bare connect says of a phone.
type sign int

const (
	signNone  sign = iota // nothing: this machine or the network could not look
	signThere             // it took the connection
	signGone              // nobody takes it
)

const (
	// missesOfRestart is how many connects in a row have to fail: one may have been lost on the way.
	missesOfRestart = 2
	// longestProbe ends a connect before this machine says of an address that nobody on the LAN has it, after some 3 s
	// (Linux): such an error is also that of a cable that is out here. It is no shorter if looks are more frequent: a busy
	// machine would take its own slowness for a phone that is gone.
	longestProbe = 2 * time.Second
)

// What Windows says, which syscall knows under no name that all systems have.
const (
	wsaReset   = 10054
	wsaTimeout = 10060
	wsaRefused = 10061
)

// probe looks with a bare connect whether the phone is there: a restart shows in that. Where the fetching itself can be
// seen, nobody looks before it began and while it goes on.
func (f *following) probe(ctx context.Context) {
	if state := f.fetchState(); f.probing || f.watched && !state.Complete && (state.Requests == 0 || state.Open > 0) {
		return
	}
	f.probing = true
	address := f.doorAddress()
	if f.visit != nil && !f.visit.called {
		address = f.visit.address
	}
	dial := f.r.options.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	f.probers.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, longestProbe)
		defer cancel()
		conn, err := dial(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		f.probed <- err
	})
}

// noticed takes over how a bare connect went.
func (f *following) noticed(err error) {
	down := !f.result.Down.IsZero()
	switch signOf(err) {
	case signNone:
	case signThere:
		f.misses = 0
		if down {
			f.cameBack()
		}
	case signGone:
		if f.misses++; !down && f.misses >= missesOfRestart {
			f.wentDown()
		}
	}
}

// signOf tells a phone that is gone from a machine that cannot look. Only a refusal, a reset and silence come from there:
// that there is no route, address, descriptor or permission is said on this side, or by somebody in between.
func signOf(err error) sign {
	code, timeout := syscall.Errno(0), net.Error(nil)
	switch {
	case err == nil:
		return signThere
	case errors.As(err, &code):
		if slices.Contains([]syscall.Errno{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, wsaRefused, wsaReset, wsaTimeout}, code) {
			return signGone
		}
	case errors.As(err, &timeout) && timeout.Timeout():
		return signGone
	}
	return signNone
}
