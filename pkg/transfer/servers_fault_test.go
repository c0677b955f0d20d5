package transfer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// faultSize is the size of the files on whose way something happens: what is sent at a time ends just behind 99 percent.
const faultSize = 2<<20 + 16<<10

// TestServersCancel cancels while a file is sent. What was there stays, and nothing else is left.
func TestServersCancel(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		for _, percent := range []int64{10, 50, 99} {
			for _, how := range []string{"new", "old", "in place"} {
				t.Run(fmt.Sprint(percent, how), func(t *testing.T) {
					s := s.sub(t, fmt.Sprint(percent, how))
					want, u := nothing(), upload(content(faultSize))
					u.InPlace = how == "in place"
					if how == "old" {
						want = only([]byte("old"))
						s.place(t, want[name])
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					got := s.putIn(ctx, t, transfer.Options{Retries: 2, Sent: func(sent int64) {
						if sent >= faultSize*percent/100 {
							cancel()
						}
					}}, u)
					if got.err != context.Canceled { //nolint:errorlint // nothing around it
						t.Errorf("%v", got.err)
					}
					s.eventuallyHolds(t, want)
				})
			}
		}
	})
}

// TestServersCancelEarly cancels before anything was sent.
func TestServersCancelEarly(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := s.putIn(ctx, t, transfer.Options{Retries: 2}, upload(content(0))); got.err != context.Canceled { //nolint:errorlint // nothing around it
			t.Errorf("%v", got.err)
		}
		s.holds(t, nothing())
	})
}

// TestServersFaults has something happen on the way.
func TestServersFaults(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		proxy := realservers.NewProxy(t, s.server)
		s = s.through(proxy)
		for _, action := range []realservers.Action{realservers.Reset, realservers.Close} {
			for _, percent := range []int64{10, 50, 99} {
				name := fmt.Sprintf("%d-%d", action, percent)
				fault := realservers.Fault{Action: action, After: faultSize * percent / 100}
				t.Run(name, func(t *testing.T) { faultCut(t, s.sub(t, name), proxy, fault) })
			}
		}
		for _, c := range []struct {
			name string
			test func(*testing.T, site, *realservers.Proxy)
		}{
			{"cut in place", faultInPlace},
			{"control dropped", faultControl},
			{"last reply lost", faultReply},
			{"always cut", faultAlways},
			{"unreachable", faultUnreachable},
		} {
			t.Run(c.name, func(t *testing.T) { c.test(t, s.sub(t, c.name), proxy) })
			proxy.Fail(realservers.Fault{})
			proxy.Cut()
		}
	})
}

// TestServersStalls has the connections stall, each behind a proxy of its own. That is waited for, and so they stall beside each other, and
// beside the tests that work.
func TestServersStalls(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		stalls := func(name string, test func(*testing.T, site, *realservers.Proxy)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				proxy := realservers.NewProxy(t, s.server)
				test(t, s.through(proxy).sub(t, name), proxy)
			})
		}
		for _, percent := range []int64{10, 99} {
			stalls(fmt.Sprintf("at %d percent", percent), func(t *testing.T, s site, proxy *realservers.Proxy) {
				faultStall(t, s, proxy, faultSize*percent/100)
			})
		}
		stalls("in TLS handshake or at the start", faultStallEarly)
	})
}

// faultCut has the connections cut: that is an error that says so, or is repaired by sending once more.
func faultCut(t *testing.T, s site, proxy *realservers.Proxy, fault realservers.Fault) {
	file, old := content(faultSize), []byte("old")
	s.place(t, old)
	proxy.Fail(fault)
	s.put(t, transfer.Options{}, upload(file)).fails(t, transfer.KindBroken)
	s.eventuallyHolds(t, only(old))
	proxy.Fail(fault)
	got := s.put(t, transfer.Options{Retries: 2}, upload(file))
	got.succeeds(t)
	s.eventuallyHolds(t, only(file))
	s.fits(t, got.Location, name, file)
	if got.Attempts != 2 || got.count(transfer.StepRetry, "") != 1 {
		t.Errorf("%+v", got.Location)
	}
}

// stallTimeout ends what stalls: a busy machine must not be taken for that.
const stallTimeout = 8 * time.Second

func faultStall(t *testing.T, s site, proxy *realservers.Proxy, after int64) {
	old := []byte("old")
	s.place(t, old)
	proxy.Fail(realservers.Fault{Action: realservers.Stall, After: after})
	s.put(t, transfer.Options{Timeout: stallTimeout}, upload(content(faultSize))).fails(t, transfer.KindTimeout)
	s.eventuallyHolds(t, only(old))
	proxy.Cut()
	s.eventuallyHolds(t, only(old))
}

func faultStallEarly(t *testing.T, s site, proxy *realservers.Proxy) {
	proxy.Fail(realservers.Fault{Action: realservers.Stall})
	s.put(t, transfer.Options{Timeout: stallTimeout}, upload(content(faultSize))).fails(t, transfer.KindTimeout)
	s.eventuallyHolds(t, nothing())
	proxy.Cut()
	s.eventuallyHolds(t, nothing())
}

// faultInPlace has a file cut that has its own name already.
func faultInPlace(t *testing.T, s site, proxy *realservers.Proxy) {
	u := upload(content(faultSize))
	u.InPlace = true
	proxy.Fail(realservers.Fault{Action: realservers.Close, After: faultSize / 2})
	s.put(t, transfer.Options{}, u).fails(t, transfer.KindBroken)
	s.eventuallyHolds(t, nothing())
}

// faultControl loses the control connection while the data still flow. By HTTPS there is only one, and it is lost.
func faultControl(t *testing.T, s site, proxy *realservers.Proxy) {
	file := content(faultSize)
	proxy.Fail(realservers.Fault{Action: realservers.DropControl, After: faultSize / 2})
	got := s.put(t, transfer.Options{Retries: 1}, upload(file))
	got.succeeds(t)
	s.eventuallyHolds(t, only(file))
	s.fits(t, got.Location, name, file)
	if got.Attempts > 2 {
		t.Errorf("%d attempts", got.Attempts)
	}
}

// faultReply loses what the server says to the whole file: that it is there is found out by looking.
func faultReply(t *testing.T, s site, proxy *realservers.Proxy) {
	file := content(faultSize)
	for _, inPlace := range []bool{false, true} {
		proxy.Fail(realservers.Fault{Action: realservers.LoseReply, After: faultSize / 2})
		u := upload(file)
		u.InPlace = inPlace
		if inPlace {
			s.place(t, make([]byte, faultSize)) // this might be it
		}
		got := s.put(t, transfer.Options{}, u)
		got.succeeds(t)
		s.eventuallyHolds(t, only(file))
		if got.Attempts != 1 || got.count(transfer.StepQuery, "") != 1 || inPlace && !slices.Contains(got.Proofs, transfer.ProofReadBack) {
			t.Errorf("%+v\n%s", got.Location, got.events)
		}
		s.empty(t)
	}
}

// faultAlways cuts every attempt.
func faultAlways(t *testing.T, s site, proxy *realservers.Proxy) {
	proxy.Fail(realservers.Fault{Action: realservers.Reset, After: faultSize / 2, Always: true})
	got := s.put(t, transfer.Options{Retries: 2}, upload(content(faultSize)))
	got.fails(t, transfer.KindBroken)
	s.eventuallyHolds(t, nothing())
	if got.count(transfer.StepRetry, "") != 2 {
		t.Error(got.events)
	}
}

func faultUnreachable(t *testing.T, s site, proxy *realservers.Proxy) {
	proxy.Refuse(true)
	got := s.put(t, transfer.Options{Retries: 2}, upload(content(1000)))
	got.fails(t, transfer.KindUnreachable)
	if e := got.failure(t); !e.Temporary() || got.count(transfer.StepRetry, "") != 2 {
		t.Errorf("%v\n%s", e, got.events)
	}
	proxy.Refuse(false)
	s.put(t, transfer.Options{}, upload(content(1000))).succeeds(t)
}

// TestServersRestart has the server crash and come back while a file is sent.
func TestServersRestart(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		file, old := content(faultSize), []byte("old")
		s.place(t, old)
		// Whoever restarts it is not the goroutine that sends, whose own goroutines are counted.
		restart, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			if _, ok := <-restart; ok {
				s.server.Restart()
			}
		}()
		once := false
		got := s.put(t, transfer.Options{Retries: 3, Sent: func(sent int64) {
			if !once && sent >= faultSize/2 {
				once = true
				restart <- struct{}{}
				<-done
			}
		}}, upload(file))
		close(restart)
		got.succeeds(t)
		s.eventuallyHolds(t, only(file))
		if got.Attempts < 2 || !got.Replaced {
			t.Errorf("%+v", got.Location)
		}
	})
}
