package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A peer is the server as errors speak of it.
type peer struct {
	access  Access
	o       Options
	address string // host:port
}

// tell tells a step.
func (p *peer) tell(step Step, text string) { p.o.tell(Event{Step: step, Text: text}) }

// words bounds what the server said, without secrets: blanks are taken together only after they were looked for.
func (p *peer) words(text string) string {
	text = p.access.scrub(strings.Join(strings.Fields(p.access.scrub(text)), " "))
	return cut(text, 2<<10)
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
	err = handshakeError(err)
	e.Kind, e.Err = networkKind(err), p.cause(err)
	return e
}

// cause keeps of an error's text what helps; a server's words in it are hostile and may repeat a secret.
func (p *peer) cause(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed):
		return nil // the kind says it
	case networkKind(err) == KindProtocol:
		return errors.New(p.words(inside(err).Error()))
	case networkKind(err) == KindTrust:
		return err
	}
	return innermost(inside(err))
}

// inside takes the request off an error of net/http.
func inside(err error) error {
	if request := (*url.Error)(nil); errors.As(err, &request) {
		return request.Err
	}
	return err
}

// innermost takes addresses and calls off a network error: the message names the server already.
func innermost(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	if call := (*os.SyscallError)(nil); errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// networkKind is the kind of an error that holds no word of the server.
func networkKind(err error) Kind {
	var (
		stranger *trust.Error
		name     *net.DNSError
		safe     *tlsError
		weak     *trust.WeakKeyError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &stranger):
		return KindTrust
	case errors.As(err, &name):
		return KindUnreachable
	case errors.Is(err, errNonsense):
		return KindProtocol
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) || isTimeout(err):
		return KindTimeout
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED):
		return KindBroken
	case errors.As(err, &op) && op.Op == "dial":
		return KindUnreachable
	case errors.As(err, &safe), errors.As(err, &weak):
		return KindTLS
	case errors.As(err, &op):
		return KindBroken
	}
	return KindProtocol
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// A tlsError is a handshake that failed for a reason of TLS itself.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// handshakeError tells apart a server that is not to be trusted, a connection that broke, and TLS that does not fit.
func handshakeError(err error) error {
	if stranger := trust.AsError(err); stranger != nil {
		return stranger
	}
	var (
		record tls.RecordHeaderError
		op     *net.OpError
	)
	switch {
	case err == nil:
	case errors.As(err, &record), errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"),
		strings.Contains(err.Error(), "tls: "), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return &tlsError{err}
	}
	return err
}
