package fleet_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// TestMachineLacks checks that what this machine lacks is not blamed on a phone: what comes back is waited for, all of patience
// long, and what does not is reported at once.
func TestMachineLacks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  syscall.Errno
		until time.Duration // then the phone is not there
		kind  fleet.Kind
		took  time.Duration // at least
	}{
		"descriptors":           {syscall.EMFILE, time.Hour, fleet.KindMachine, 9 * time.Minute},
		"descriptors come back": {syscall.EMFILE, 2 * time.Minute, fleet.KindUnreachable, 2 * time.Minute},
		"ports":                 {syscall.EADDRNOTAVAIL, time.Hour, fleet.KindMachine, 9 * time.Minute},
		"memory":                {syscall.ENOBUFS, time.Hour, fleet.KindMachine, 9 * time.Minute},
		"route":                 {syscall.ENETUNREACH, time.Hour, fleet.KindMachine, 0},
		"permission":            {syscall.EPERM, time.Hour, fleet.KindMachine, 0},
		"the phone":             {syscall.ECONNREFUSED, time.Hour, fleet.KindUnreachable, 0},
		"nobody in the LAN":     {syscall.EHOSTUNREACH, time.Hour, fleet.KindUnreachable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				runner := fleet.New(fleet.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
					code := c.code
					if time.Since(begun) >= c.until {
						code = syscall.ECONNREFUSED
					}
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", code)}
				}})
				results, err := runner.Run(t.Context(), fleet.Plan{Phones: []fleet.Target{{Address: "192.0.2.50"}}})
				if err != nil {
					t.Fatal(err)
				}
				if f := results[0].Failure; f == nil || f.Kind != c.kind || time.Since(begun) < c.took {
					t.Errorf("%v after %s", f, time.Since(begun))
				}
			})
		})
	}
}

// TestConnections checks that contact requests hold no more connections at a time than they may.
func TestConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open, most := 0, 0
		change := make(chan int)
		go func() {
			for d := range change {
				open += d
				most = max(most, open)
			}
		}()
		runner := fleet.New(fleet.Options{Parallel: 20, Connections: 3, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			change <- 1
			near, far := net.Pipe()
			go func() {
				time.Sleep(time.Second)
				_ = far.Close()
			}()
			return &closing{Conn: near, change: change, remote: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}, nil
		}})
		var plan fleet.Plan
		for i := range 20 {
			plan.Phones = append(plan.Phones, fleet.Target{Address: hostOf(i + 1)})
		}
		if _, err := runner.Run(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		close(change)
		synctest.Wait()
		if most != 3 || open != 0 {
			t.Errorf("%d connections at a time, %d are left", most, open)
		}
	})
}

// A closing connection tells when it is closed.
type closing struct {
	net.Conn
	change chan<- int
	remote net.Addr
	once   sync.Once
}

func (c *closing) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(10, 1, 0, 1), Port: 1} }
func (c *closing) RemoteAddr() net.Addr { return c.remote }

func (c *closing) Close() error {
	c.once.Do(func() { c.change <- -1 })
	return c.Conn.Close()
}
