package phonesim

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// An idleConn is a connection that ends with its context, and on which no read or write waits longer than the limit.
type idleConn struct {
	net.Conn
	limit time.Duration
	stop  func() bool
}

// newIdleConn puts a limit on a connection.
func newIdleConn(ctx context.Context, conn net.Conn, limit time.Duration) *idleConn {
	l := &idleConn{Conn: conn, limit: limit}
	l.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return l
}

func (l *idleConn) Read(b []byte) (int, error) {
	if err := l.SetReadDeadline(time.Now().Add(l.limit)); err != nil {
		return 0, err
	}
	return l.Conn.Read(b)
}

func (l *idleConn) Write(b []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(l.limit)); err != nil {
		return 0, err
	}
	return l.Conn.Write(b)
}

// end closes the connection.
func (l *idleConn) end() {
	l.stop()
	_ = l.Close()
}

// systemNetwork is the network of the system.
type systemNetwork struct{}

// Listen takes connections at an address of this machine.
func (systemNetwork) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, network, address)
}

// DialFrom connects from an address of this machine.
func (systemNetwork) DialFrom(ctx context.Context, local netip.Addr, network, address string) (net.Conn, error) {
	var d net.Dialer
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	return d.DialContext(ctx, network, address)
}

// dial connects from the phone's own address, if it has one of the same kind.
func (p *Phone) dial(ctx context.Context, address string) (*idleConn, error) {
	own, _, err := net.SplitHostPort(p.Address())
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	local, noIP := netip.ParseAddr(own)
	remote, noOther := netip.ParseAddr(host)
	if noIP != nil || noOther != nil || local.IsUnspecified() || local.Unmap().Is4() != remote.Unmap().Is4() {
		local = netip.Addr{}
	}
	within, cancel := context.WithTimeout(ctx, p.c.Timeout)
	defer cancel()
	conn, err := p.c.Network.DialFrom(within, local, "tcp", address)
	if err != nil {
		return nil, err
	}
	limitBuffer(conn, fetchBuffer)
	return newIdleConn(ctx, conn, p.c.Timeout), nil
}

// limitBuffer bounds what the system takes of an image before the phone does: a phone that stops reading stops the sender.
func limitBuffer(conn net.Conn, bytes int) {
	if buffered, ok := conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		_ = buffered.SetReadBuffer(bytes) // else the system's own limit counts
	}
}
