package phonesim_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A world is a test with the network of its phones and services.
type world struct {
	*testing.T
	phonesim.Network
}

// inMemory runs a test in virtual time, over a network in memory.
func inMemory(t *testing.T, test func(t *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(&world{t, memnet.New()}) })
}

// onSystem runs a test over the system's network.
func onSystem(t *testing.T, test func(t *world)) {
	t.Helper()
	test(&world{t, loopback{}})
}

// onBoth runs a test over both networks: it is about how connections end.
func onBoth(t *testing.T, test func(t *world)) {
	t.Helper()
	for name, on := range map[string]func(*testing.T, func(*world)){"memory": inMemory, "system": onSystem} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, test)
		})
	}
}

// loopback is the system's network.
type loopback struct{}

func (loopback) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, network, address)
}

func (loopback) DialFrom(ctx context.Context, _ netip.Addr, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// dialTLS connects to an address by TLS.
func (t *world) dialTLS(address string) *tls.Conn {
	t.Helper()
	raw, err := t.dial(address)
	fatal(t, err)
	t.Cleanup(func() { _ = raw.Close() })
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	fatal(t, conn.HandshakeContext(t.Context()))
	return conn
}

// dial connects to an address.
func (t *world) dial(address string) (net.Conn, error) {
	return t.DialFrom(t.Context(), netip.Addr{}, "tcp", address)
}
