package netconn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Class says how a connection failed.
type Class int

// The classes.
const (
	Other       Class = iota // no error of the network: most often an answer that makes no sense
	Timeout                  // silent for longer than a limit, ours or the system's
	Broken                   // the connection ended in the middle
	Unreachable              // it did not come about: no such host, no route, refused
	TLS                      // no TLS, none that both speak, or a key that is too weak
	Trust                    // the peer's certificate is not trusted
)

// Classify returns the class of an error of a dial, a handshake, a read, a write, or a request of net/http. A nil error is
// Other. A dial that took too long is Timeout; [IsDial] tells it from silence later.
func Classify(err error) Class {
	var (
		name *net.DNSError
		op   *net.OpError
	)
	switch {
	case isTrust(err):
		return Trust
	case errors.As(err, &name), AsMachine(err) != nil:
		return Unreachable
	case isTimeout(err):
		return Timeout
	case isBroken(err):
		return Broken
	case IsDial(err):
		return Unreachable
	case isTLS(err):
		return TLS
	case errors.As(err, &op):
		return Broken
	}
	return Other
}

// IsDial reports whether an error comes from connecting, looking up the name included.
func IsDial(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "dial"
}

// What Windows says, which syscall knows under no name that all systems have.
const (
	wsaReset   = 10054
	wsaTimeout = 10060
	wsaRefused = 10061
)

// IsPeerGone reports whether a failed connect says that the peer is not there: it was refused, reset or not answered. That
// there is no route, address, descriptor or permission is said on this side, or by a router, and says nothing of the peer.
func IsPeerGone(err error) bool {
	code, timeout := syscall.Errno(0), net.Error(nil)
	if errors.As(err, &code) {
		return slices.Contains([]syscall.Errno{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, wsaRefused, wsaReset, wsaTimeout}, code)
	}
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Cause returns what helps of an error, without the request, the addresses and the system call: messages name those
// themselves. What this machine lacks is a [*MachineError].
func Cause(err error) error {
	if e := AsMachine(err); e != nil {
		return e
	}
	if request := (*url.Error)(nil); errors.As(err, &request) {
		err = request.Err
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	if call := (*os.SyscallError)(nil); errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// isTrust reports whether a certificate was refused, by a [trust.Policy] or by the standard check.
func isTrust(err error) bool {
	standard := (*tls.CertificateVerificationError)(nil)
	return trust.AsError(err) != nil || errors.As(err, &standard)
}

func isTimeout(err error) bool {
	timeout := net.Error(nil)
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) || errors.As(err, &timeout) && timeout.Timeout()
}

func isBroken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.Errno(wsaReset)} {
		if errors.Is(err, end) {
			return true
		}
	}
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && (op.Op == "read" || op.Op == "write") // whatever a system calls it
}

// isTLS reports whether TLS itself failed. crypto/tls has types for few of its errors: the others begin with its name.
// The operations are those of an alert that was received, and of one that was sent.
func isTLS(err error) bool {
	if err == nil {
		return false
	}
	var (
		record tls.RecordHeaderError
		op     *net.OpError
		weak   *trust.WeakKeyError
	)
	return errors.As(err, &record) || errors.As(err, &weak) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") ||
		strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}
