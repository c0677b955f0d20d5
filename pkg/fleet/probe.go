package fleet

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
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
	// maxProbe ends a connect before this machine says of an address that nobody on the LAN has it, after some 3 s
	// (Linux): such an error is also that of a cable that is out here. It is no shorter if probes are more frequent: a busy
	// machine would take its own slowness for a phone that is gone.
	maxProbe = 2 * time.Second
)

// A prober looks with bare connects whether a phone is there: a restart shows in that.
type prober struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	ticks   *time.Ticker
	results chan error // how a connect went
	busy    bool       // a connect is under way
	misses  int        // in a row
	running sync.WaitGroup
}

func newProber(dial func(ctx context.Context, network, address string) (net.Conn, error), interval time.Duration) *prober {
	return &prober{dial: dial, ticks: time.NewTicker(interval), results: make(chan error, 1)}
}

// start connects to an address, and closes the connection.
func (p *prober) start(ctx context.Context, address string) {
	p.busy = true
	p.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, maxProbe)
		defer cancel()
		conn, err := p.dial(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		p.results <- err
	})
}

// count takes over how a connect went, and returns what that says together with those before.
func (p *prober) count(err error) sign {
	switch s := signOf(err); s {
	case signThere:
		p.misses = 0
		return s
	case signGone:
		if p.misses++; p.misses >= missesOfRestart {
			return s
		}
	case signNone:
	}
	return signNone
}

// stop waits for the connect that is under way, which its context has ended.
func (p *prober) stop() {
	p.ticks.Stop()
	p.running.Wait()
}

// probe starts a connect. Where the fetching itself can be seen, none is made before it began and while it goes on.
func (f *follower) probe(ctx context.Context) {
	if now := f.fetches.state(); f.probes.busy || f.fetch.watched && !now.Complete && (now.Requests == 0 || now.Open > 0) {
		return
	}
	address := f.contact()
	if f.visit != nil && !f.visit.called {
		address = f.visit.address
	}
	f.probes.start(ctx, address)
}

// noteProbe takes over how a connect went.
func (f *follower) noteProbe(err error) {
	down := !f.restart.down.IsZero()
	switch s := f.probes.count(err); {
	case s == signThere && down:
		f.cameBack()
	case s == signGone && !down:
		f.wentDown()
	}
}

// signOf tells a phone that is gone from a machine that cannot look.
func signOf(err error) sign {
	switch {
	case err == nil:
		return signThere
	case netconn.IsPeerGone(err):
		return signGone
	}
	return signNone
}
