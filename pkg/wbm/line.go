package wbm

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A line is one connection to the phone. HTTP is spoken over it by hand: a phone that answers before it has the whole image
// must be heard, and whoever stops half way must be seen to have stopped.
type line struct {
	tcp  net.Conn
	tls  *tls.Conn
	in   *bufio.Reader
	left *budget
	used bool // a request was answered over it
}

// A budget is how many bytes may still be read.
type budget struct {
	io.Reader
	left   int64
	failed error // why there was nothing to read
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.failed = htmlform.ErrTooLarge
		return 0, htmlform.ErrTooLarge
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if n == 0 {
		b.failed = err
	}
	return n, err
}

// A distrust is an error of the caller's own check of the certificate.
type distrust struct{ error }

func (d *distrust) Unwrap() error { return d.error }

// watchTrust returns the TLS that the caller wants, so that what its checks say is told from errors of TLS.
func watchTrust(c *tls.Config, host string) *tls.Config {
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	}
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	if verify := c.VerifyConnection; verify != nil {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if err := verify(state); err != nil {
				return &distrust{err}
			}
			return nil
		}
	}
	if verify := c.VerifyPeerCertificate; verify != nil {
		c.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			if err := verify(raw, chains); err != nil {
				return &distrust{err}
			}
			return nil
		}
	}
	return c
}

// dial connects.
func (s *Session) dial(ctx context.Context, deadline time.Time) (*line, error) {
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := s.o.Dial(limited, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	l := &line{tcp: conn}
	l.tls = tls.Client(l.tcp, s.config)
	l.left = &budget{Reader: l.tls}
	l.in = bufio.NewReader(l.left)
	_ = l.tcp.SetDeadline(deadline)
	if err := l.tls.HandshakeContext(ctx); err != nil {
		l.reset()
		return nil, s.fail(ctx, handshakeError(err))
	}
	return l, nil
}

// reset ends the connection so that the other side sees that it was not meant to end.
func (l *line) reset() {
	l.linger(0)
	_ = l.tcp.Close()
}

// linger sets how long a connection of TCP lives on when it is closed; one of 0 closes with a reset.
func (l *line) linger(seconds int) {
	if tcp, ok := l.tcp.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(seconds)
	}
}

// goodbye is how long a connection that is full may keep TLS from saying goodbye, whose answer is not waited for.
const goodbye = time.Second

// hangUp ends the connection that is kept.
func (s *Session) hangUp() {
	if s.line != nil {
		_ = s.line.tcp.SetDeadline(time.Now().Add(goodbye))
		_ = s.line.tls.Close()
		s.line = nil
	}
}

const (
	maxHeader  = 64 << 10
	maxInterim = 16 // answers of the kind 1xx to one request
)

// head reads the head of an answer.
func (l *line) head() (*http.Response, error) {
	l.left.left = maxHeader
	for range maxInterim {
		answer, err := http.ReadResponse(l.in, nil)
		switch {
		case err != nil && l.left.failed != nil:
			return nil, l.left.failed // of half a line net/http says that it makes no sense
		case err != nil:
			return nil, err
		}
		if answer.StatusCode >= 200 {
			return answer, nil
		}
		if answer.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("it wants to speak another protocol")
		}
	}
	return nil, htmlform.ErrTooLarge
}

// A tlsError is a handshake that failed for a reason of TLS itself.
type tlsError struct{ error }

func (e *tlsError) Unwrap() error { return e.error }

// handshakeError marks what failed in a handshake, but for silence and broken connections.
func handshakeError(err error) error {
	var (
		mine *distrust
		cert *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &mine):
		return mine
	case errors.As(err, &cert):
		return &distrust{cert}
	case isTimeout(err) || isBroken(err):
		return err
	}
	return &tlsError{err}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) || errors.As(err, &timeout) && timeout.Timeout()
}

// isBroken reports whether a connection ended in the middle; an alert of TLS is none of these.
func isBroken(err error) bool {
	if op := (*net.OpError)(nil); errors.As(err, &op) && (op.Op == "read" || op.Op == "write") {
		return !op.Timeout() // whatever a system calls it
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// fail makes of an error of the network what a visit fails with.
func (s *Session) fail(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var (
		done     *Error
		mine     *distrust
		unsafe   *tlsError
		op       *net.OpError
		stranger *net.DNSError
	)
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &mine):
		return &Error{Kind: KindTrust, Msg: "its certificate is not to be trusted", Err: mine.error}
	case errors.As(err, &unsafe):
		return &Error{Kind: KindTLS, Msg: "there is no safe connection", Err: unsafe.error}
	case errors.As(err, &stranger):
		return &Error{Kind: KindUnreachable, Msg: "it is not reachable", Err: stranger}
	case errors.As(err, &op) && op.Op == "dial": // silence too: a filter on the way drops what a switched-off port refuses
		return &Error{Kind: KindUnreachable, Msg: "it is not reachable", Err: innermost(op)}
	case isTimeout(err):
		return &Error{Kind: KindTimeout, Msg: "it does not answer in time"}
	case isBroken(err):
		return &Error{Kind: KindBroken, Msg: "the connection was cut"}
	case errors.Is(err, htmlform.ErrTooLarge):
		return &Error{Kind: KindProtocol, Msg: "it sends more than a page may be"}
	case errors.As(err, &op):
		return &Error{Kind: KindBroken, Msg: "the connection was cut", Err: innermost(op)}
	}
	return s.errorf(KindProtocol, "its answer makes no sense: %s", s.shown(err.Error())) // what HTTP says of it holds the phone's words
}

// innermost takes addresses and calls off a network error.
func innermost(op *net.OpError) error {
	if call := (*os.SyscallError)(nil); errors.As(op.Err, &call) {
		return call.Err
	}
	return op.Err
}
