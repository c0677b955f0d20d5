package phonesim

import (
	"context"
	"net"
	"time"
)

// A line is a connection that ends with its context, and on which no read or write waits longer than the limit.
type line struct {
	net.Conn
	limit time.Duration
	stop  func() bool
}

// hold makes a connection a line.
func hold(ctx context.Context, conn net.Conn, limit time.Duration) *line {
	l := &line{Conn: conn, limit: limit}
	l.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return l
}

func (l *line) Read(b []byte) (int, error) {
	if err := l.SetReadDeadline(time.Now().Add(l.limit)); err != nil {
		return 0, err
	}
	return l.Conn.Read(b)
}

func (l *line) Write(b []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(l.limit)); err != nil {
		return 0, err
	}
	return l.Conn.Write(b)
}

// hangUp closes the connection.
func (l *line) hangUp() {
	l.stop()
	_ = l.Close()
}

// dial connects from the phone's own address, if it has one of the same kind.
func (p *Phone) dial(ctx context.Context, address string) (*line, error) {
	d := net.Dialer{Timeout: p.c.Timeout}
	own, _, err := net.SplitHostPort(p.Address())
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	mine, theirs := net.ParseIP(own), net.ParseIP(host)
	if mine != nil && !mine.IsUnspecified() && theirs != nil && (mine.To4() == nil) == (theirs.To4() == nil) {
		d.LocalAddr = &net.TCPAddr{IP: mine}
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return hold(ctx, conn, p.c.Timeout), nil
}
