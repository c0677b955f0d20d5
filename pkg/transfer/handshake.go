package transfer

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
)

// Address returns the server's HOST:PORT: of the control connection, or of the base URL. The access data must be valid.
func (a Access) Address() string {
	if a.method() != HTTPS {
		return net.JoinHostPort(a.host(), strconv.Itoa(a.port()))
	}
	u, err := a.baseURL()
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Handshake makes the TLS handshake with the server and nothing else: it connects, by FTPS sends AUTH TLS, and hangs up when
// the server's certificate was verified. It sends no login, and does not retry. By plain FTP there is no certificate: it
// does nothing. The errors are those of [Dial].
func Handshake(ctx context.Context, a Access, o Options) error {
	if err := a.Validate(); err != nil {
		return err
	}
	o = o.complete()
	s := &ftpStore{peer: peer{access: a, o: o, address: a.Address()}}
	switch a.method() {
	case HTTPS:
		return s.handshakeTLS(ctx)
	case FTPS:
		return s.handshake(ctx)
	case FTP:
	}
	return nil
}

func (p *peer) handshakeTLS(ctx context.Context) error {
	p.tell(StepConnect, p.address)
	c, err := p.o.connect(ctx, p.address, p.o.Timeout)
	if err != nil {
		return p.fail(ctx, "connecting", err)
	}
	host, _, _ := net.SplitHostPort(p.address) // Address has joined them
	config := p.config(host)
	config.NextProtos = []string{"http/1.1"}
	secure := tls.Client(c, config)
	if err := handshakeWithin(ctx, secure, p.o.Timeout); err != nil {
		c.Reset()
		return p.fail(ctx, "connecting", err)
	}
	_ = secure.Close() // what was wanted is known
	return nil
}

func (s *ftpStore) handshake(ctx context.Context) error {
	s.tell(StepConnect, s.address)
	c, err := s.o.connect(ctx, s.address, s.o.Timeout)
	if err != nil {
		return s.fail(ctx, "connecting", err)
	}
	defer context.AfterFunc(ctx, c.Reset)()
	if _, err := s.greet(ctx, c); err != nil {
		c.Reset()
		return err
	}
	bye, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	s.control.ctx = bye
	_, _ = s.control.ask("QUIT") // the server's goodbye changes nothing
	_ = s.control.Close()
	return nil
}
