package fleet_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestPageAfterStandstill checks that a phone known by its page only is asked once more what it runs, if this machine stood still
// (a laptop that slept) while it was asked; and that it is given up if the machine did not.
func TestPageAfterStandstill(t *testing.T) {
	t.Parallel()
	const patience = 10 * time.Minute
	for name, c := range map[string]struct {
		sleep time.Duration // of the machine, when the page is asked after the restart
		want  string
	}{
		"asleep for a day": {24 * time.Hour, "updated"},
		"awake":            {patience, "no-answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s *stage
				var asleep atomic.Bool
				s = newStage(t, setting{options: fleet.Options{Patience: patience}, dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if asleep.Load() && strings.HasSuffix(address, ":443") {
						if c.sleep > patience {
							asleep.Store(false)
							time.Sleep(c.sleep)
						}
						return nil, &net.OpError{Op: "dial", Err: errors.New("the network is down")}
					}
					return s.dial(ctx, network, address)
				}})
				sim := s.phone(1, func(c *phonesim.Config) { c.Web, c.Password = hostOf(1)+":443", pagePassword }, noInterface)
				s.byPage(sim, false, func(w *fleet.Web) { w.Password = secret.New(pagePassword) })
				s.hear = func(e fleet.Event) {
					if e.Step == fleet.StepBack {
						asleep.Store(true)
					}
				}
				results := s.run(sim.Address())
				if got := ending(results[0]); got != c.want {
					t.Errorf("%s: %v", got, results[0].Failure)
				}
			})
		})
	}
}
