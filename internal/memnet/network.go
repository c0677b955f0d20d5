package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	firstFreePort  = 32768             // of those that port 0 takes
	backlog        = 128               // connections that wait to be accepted; more wait in Dial
	connectTimeout = 127 * time.Second // after which Linux gives up a connect that nobody answers
)

// A Network connects hosts. Every IP address is a host that is up; what listens there is reached from all others. It is
// safe for concurrent use.
type Network struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*Listener
	down      map[netip.Addr]error
	names     map[string][]netip.Addr
	nextPort  uint16
	changed   chan struct{} // closed and replaced when a Dial that waits may go on
}

// New returns a network. It knows the name localhost.
func New() *Network {
	return &Network{
		listeners: map[netip.AddrPort]*Listener{},
		down:      map[netip.Addr]error{},
		names:     map[string][]netip.Addr{"localhost": {netip.MustParseAddr("127.0.0.1")}},
		nextPort:  firstFreePort,
		changed:   make(chan struct{}),
	}
}

// Name gives a host name its addresses.
func (n *Network) Name(name string, addresses ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = addresses
}

// Down takes a host from the network: a connect to it fails with err, such as [syscall.EHOSTUNREACH], or is not answered
// if err is nil. Connections that exist go on.
func (n *Network) Down(host netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down[host] = err
	n.wake()
}

// Up ends Down. A connect that still waits is answered.
func (n *Network) Up(host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.down, host)
	n.wake()
}

// wake lets every Dial that waits look again. The network's lock is held.
func (n *Network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// LookupNetIP returns the addresses of a name, as [net.Resolver.LookupNetIP] does.
func (n *Network) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	ip, err := netip.ParseAddr(host)
	addresses := []netip.Addr{ip}
	if err != nil {
		if err := ctx.Err(); err != nil {
			return nil, &net.DNSError{Err: err.Error(), Name: host, IsTimeout: errors.Is(err, context.DeadlineExceeded)}
		}
		n.mu.Lock()
		addresses = n.names[host]
		n.mu.Unlock()
	}
	var found []netip.Addr
	for _, ip := range addresses {
		if isOf(ip, network) {
			found = append(found, ip)
		}
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

// isOf reports whether an address belongs to a network whose name ends with its IP version, or with none.
func isOf(ip netip.Addr, network string) bool {
	switch network[len(network)-1] {
	case '4':
		return ip.Is4()
	case '6':
		return !ip.Is4()
	}
	return true
}

// resolve returns where an address HOST:PORT leads.
func (n *Network) resolve(ctx context.Context, network, address string) ([]netip.AddrPort, error) {
	if !slices.Contains([]string{"tcp", "tcp4", "tcp6"}, network) {
		return nil, net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, &net.AddrError{Err: "invalid port", Addr: address}
	}
	if host == "" {
		host = netip.IPv4Unspecified().String()
	}
	addresses, err := n.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, ip := range addresses {
		all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(number)))
	}
	return all, nil
}

// Listen takes connections at HOST:PORT, as [net.ListenConfig.Listen] does. Port 0 takes a free port; an empty host, 0.0.0.0
// and :: take every host of the IP version.
func (n *Network) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	where, err := n.resolve(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at := where[0]
	if at.Port() == 0 {
		at = n.freePort(at.Addr())
	}
	if n.isTaken(at) {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(at), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &Listener{network: n, at: at}
	l.changed.L = &n.mu
	l.limit.changed = &l.changed
	n.listeners[at] = l
	return l, nil
}

// isTaken reports whether something listens there already. The network's lock is held.
func (n *Network) isTaken(at netip.AddrPort) bool {
	for other := range n.listeners {
		same := other.Port() == at.Port() && other.Addr().Is4() == at.Addr().Is4()
		if same && (other.Addr() == at.Addr() || other.Addr().IsUnspecified() || at.Addr().IsUnspecified()) {
			return true
		}
	}
	return false
}

// freePort returns an address with a port that nobody had for long. The network's lock is held.
func (n *Network) freePort(host netip.Addr) netip.AddrPort {
	for {
		at := netip.AddrPortFrom(host, n.nextPort)
		if n.nextPort++; n.nextPort == 0 {
			n.nextPort = firstFreePort
		}
		if !n.isTaken(at) {
			return at
		}
	}
}

// Dial connects to HOST:PORT from the loopback address, as [net.Dialer.DialContext] does.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.DialFrom(ctx, netip.Addr{}, network, address)
}

// DialFrom is Dial from the address of another host; the zero address is the loopback address.
func (n *Network) DialFrom(ctx context.Context, local netip.Addr, network, address string) (net.Conn, error) {
	fail := func(err error) error { return &net.OpError{Op: "dial", Net: network, Err: err} }
	where, err := n.resolve(ctx, network, address)
	if err != nil {
		return nil, fail(err)
	}
	timer := time.NewTimer(connectTimeout)
	defer timer.Stop()
	for _, remote := range where {
		var conn *Conn
		if conn, err = n.connect(ctx, timer.C, local, remote); err == nil {
			return conn, nil
		}
		op := &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(remote), Err: err}
		if local.IsValid() {
			op.Source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
		}
		err = op
	}
	return nil, err
}

// connect connects to one address, and waits while nobody answers there.
func (n *Network) connect(ctx context.Context, late <-chan time.Time, local netip.Addr, remote netip.AddrPort) (*Conn, error) {
	for {
		if ctx.Err() != nil {
			return nil, dialError{ctx.Err()}
		}
		conn, wait, err := n.tryConnect(local, remote)
		if wait == nil {
			return conn, err
		}
		select {
		case <-wait:
		case <-late:
			return nil, os.NewSyscallError("connect", syscall.ETIMEDOUT)
		case <-ctx.Done():
		}
	}
}

// tryConnect connects, or returns what to wait for before the next attempt.
func (n *Network) tryConnect(local netip.Addr, remote netip.AddrPort) (conn *Conn, wait <-chan struct{}, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if remote.Addr().IsUnspecified() {
		remote = netip.AddrPortFrom(loopback(remote.Addr()), remote.Port())
	}
	if !local.IsValid() {
		local = loopback(remote.Addr())
	}
	if err, down := n.down[remote.Addr()]; down {
		if err != nil {
			return nil, nil, os.NewSyscallError("connect", err)
		}
		return nil, n.changed, nil
	}
	l := n.listeners[remote]
	if l == nil {
		l = n.listeners[netip.AddrPortFrom(unspecified(remote.Addr()), remote.Port())]
	}
	switch {
	case l == nil:
		return nil, nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case len(l.waiting) >= backlog:
		return nil, n.changed, nil
	}
	client, server := newPair(n.freePort(local), remote)
	l.waiting = append(l.waiting, server)
	l.changed.Broadcast()
	return client, nil, nil
}

// loopback returns the loopback address of an address's IP version.
func loopback(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// unspecified returns the address that stands for every host of an address's IP version.
func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// A dialError is a connect that its context ended. It reads as that of package net.
type dialError struct{ cause error }

func (e dialError) Error() string {
	if e.Timeout() {
		return "i/o timeout"
	}
	return "operation was canceled"
}

func (e dialError) Unwrap() error   { return e.cause }
func (e dialError) Timeout() bool   { return errors.Is(e.cause, context.DeadlineExceeded) }
func (e dialError) Temporary() bool { return e.Timeout() }

// String lists what listens where, for messages of tests.
func (n *Network) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for at := range n.listeners {
		all = append(all, at.String())
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}
