package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// How long phones take in virtual time: no multiples of any interval, so that nothing else happens at the same time.
const (
	callDelay   = 2300 * time.Millisecond
	installTime = 90300 * time.Millisecond
	restartTime = 180700 * time.Millisecond
)

// A site is phones and the machine that commands run on, on a network in memory.
type site struct {
	t      *testing.T
	net    *memnet.Network
	phones int // that were started
}

// machineHost is the address of the machine that commands run on.
var machineHost = netip.MustParseAddr("10.1.0.1")

// inMemory runs a test in virtual time, on a new site. Commands have their default durations there.
func inMemory(t *testing.T, test func(s *site)) {
	t.Helper()
	clitest.ServiceFiles(t) // they are made once for all tests, which nothing in virtual time can wait for
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(10 * time.Minute) }) // goroutines that wait for a peer end
		test(&site{t: t, net: memnet.New()})
	})
}

// dial connects from the machine that commands run on.
func (s *site) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return s.net.DialFrom(ctx, machineHost, network, address)
}

// app returns an app whose phones are on the site.
func (s *site) app() (a *app, out, errOut *bytes.Buffer) {
	s.t.Helper()
	a, out, errOut = testApp(s.t, nil)
	a.phoneNet.Dial, a.phoneNet.Lookup = s.dial, s.net.LookupNetIP
	a.phoneNet.Listen = func(address string) (net.Listener, error) { return s.net.Listen(context.Background(), "tcp", address) }
	return a, out, errOut
}

// run runs a command that queries or updates phones, until the context ends.
func (s *site) run(ctx context.Context, args ...string) ran {
	s.t.Helper()
	a, out, errOut := s.app()
	certificate, key := clitest.ServiceFiles(s.t)
	c := run(ctx, a, append(args, "--service-cert", certificate, "--service-key", key))
	r := ran{c, out.String(), errOut.String()}
	if wantsJSON(args) {
		r.compare(s.t, args)
	}
	return r
}

// phone starts a phone as startPhone does, at an address of its own and with the port of real phones.
func (s *site) phone(faults string, change func(c *phonesim.Config)) *phonesim.Phone {
	s.t.Helper()
	s.phones++
	host := fmt.Sprintf("10.0.0.%d", s.phones)
	return startPhone(s.t, faults, func(c *phonesim.Config) {
		c.Listen, c.Network, c.MAC = host+":8085", s.net, fmt.Sprintf("00:1A:E8:00:00:%02X", s.phones)
		c.CallDelay, c.InstallTime, c.RestartTime = callDelay, installTime, restartTime
		if change != nil {
			change(c)
		}
	})
}

// pagePhone starts a phone with a web page, whose password is webPassword, and returns the page's key.
func (s *site) pagePhone(faults string, change func(c *phonesim.Config)) (phone *phonesim.Phone, pin string) {
	s.t.Helper()
	phone = s.phone(faults, func(c *phonesim.Config) {
		host, _, _ := net.SplitHostPort(c.Listen)
		c.Web, c.Password = host+":443", webPassword
		if change != nil {
			change(c)
		}
	})
	return phone, pinOn(s.t, s.dial, phone.State().WebAddress)
}
