package transfer

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A peer is the server as events and errors name it.
type peer struct {
	access  Access
	o       Options
	address string // host:port

	wantsCertificate atomic.Bool // the server has asked for a client certificate
}

// ErrClientCertificate is part of an error of a server that asked for a client certificate before the connection failed.
var ErrClientCertificate = errors.New("the server asks for a client certificate, and none is presented")

// config returns the configuration for TLS connections to a host.
func (p *peer) config(host string) *tls.Config {
	c := p.o.Trust.TLS(host)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p.wantsCertificate.Store(true)
		return &tls.Certificate{}, nil // none: some servers go on without
	}
	return c
}

// tell tells a step.
func (p *peer) tell(step Step, text string) { p.o.tell(Event{Step: step, Text: text}) }

// connect connects to an address. This may take as long as the idle limit.
func (o Options) connect(ctx context.Context, address string, idle time.Duration) (*netconn.Conn, error) {
	c, err := o.dial(ctx, address, idle)
	if err == nil {
		c.LimitSlowness()
	}
	return c, err
}

func (o Options) dial(ctx context.Context, address string, idle time.Duration) (*netconn.Conn, error) {
	if o.Dial == nil {
		return netconn.Dial(ctx, address, idle)
	}
	limited, cancel := context.WithTimeoutCause(ctx, idle, os.ErrDeadlineExceeded)
	defer cancel()
	raw, err := o.Dial(limited, "tcp", address)
	if err != nil {
		return nil, err
	}
	return netconn.New(raw, idle), nil
}

// handshakeWithin makes the TLS handshake. All of it has the limit: bytes that drip in are no silence.
func handshakeWithin(ctx context.Context, c *tls.Conn, limit time.Duration) error {
	limited, cancel := context.WithTimeoutCause(ctx, limit, os.ErrDeadlineExceeded)
	defer cancel()
	err := c.HandshakeContext(limited)
	if err != nil && limited.Err() != nil {
		return context.Cause(limited)
	}
	return err
}

// scrub returns a server's text without the password: servers repeat what they were sent, the header of a basic login too.
func (a Access) scrub(text string) string {
	password := a.Password.Reveal()
	if password == "" {
		return text
	}
	basic := base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + password))
	return secret.NewRedactor(a.Password, secret.New(basic)).Scrub(text)
}

// words returns what the server said, bounded and without secrets. Blanks are taken together only after secrets were
// looked for.
func (p *peer) words(text string) string {
	text = p.access.scrub(strings.Join(strings.Fields(p.access.scrub(text)), " "))
	return secret.Cut(text, 2<<10)
}

// fail turns an error of the network, of TLS or of the file into what Put returns.
func (p *peer) fail(ctx context.Context, op string, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, os.ErrDeadlineExceeded): // a limit of our own
		err = cause
	case cause != nil:
		return cause
	}
	if done := (*Error)(nil); errors.As(err, &done) {
		return err
	}
	if source := (*SourceError)(nil); errors.As(err, &source) {
		return source
	}
	data := (*dataError)(nil)
	e := &Error{Op: op, Server: p.address, Data: errors.As(err, &data)}
	if presented := trust.AsError(err); presented != nil {
		err = presented
	}
	e.Kind, e.Err = networkKind(err), p.cause(err)
	if p.wantsCertificate.Load() && (e.Kind == KindTLS || e.Kind == KindBroken) {
		e.Err = withoutCertificate(e.Err)
	}
	return e
}

// withoutCertificate adds to a cause, which may be nil, that the server asked for a client certificate.
func withoutCertificate(err error) error {
	if err == nil {
		return ErrClientCertificate
	}
	return fmt.Errorf("%w: %w", ErrClientCertificate, err)
}

// cause returns the part of an error that the kind does not say; nil if there is none. A server's words in it are hostile
// and may repeat a secret.
func (p *peer) cause(err error) error {
	switch {
	case errors.Is(err, netconn.ErrSlow):
		return netconn.ErrSlow
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed):
		return nil // the kind says it
	case networkKind(err) == KindProtocol:
		return errors.New(p.words(netconn.Cause(err).Error()))
	case networkKind(err) == KindTrust:
		return err
	}
	return netconn.Cause(err)
}

// networkKind returns the kind of an error that holds no word of the server.
func networkKind(err error) Kind {
	if errors.Is(err, errNonsense) {
		return KindProtocol
	}
	switch netconn.Classify(err) {
	case netconn.Timeout:
		return KindTimeout
	case netconn.Broken:
		return KindBroken
	case netconn.Unreachable:
		if netconn.AsMachine(err) != nil {
			return KindMachine
		}
		return KindUnreachable
	case netconn.TLS:
		return KindTLS
	case netconn.Trust:
		return KindTrust
	case netconn.Other:
	}
	return KindProtocol
}
