package netconn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

func op(name string, err error) error { return &net.OpError{Op: name, Net: "tcp", Err: err} }

func TestClassify(t *testing.T) {
	t.Parallel()
	stranger := &trust.Error{Pinned: true}
	for _, row := range []struct {
		err   error
		class netconn.Class
	}{
		{nil, netconn.Other},
		{errors.New("malformed HTTP response"), netconn.Other},
		{os.ErrDeadlineExceeded, netconn.Timeout},
		{context.DeadlineExceeded, netconn.Timeout},
		{errors.Join(io.EOF, os.ErrDeadlineExceeded), netconn.Timeout},
		{op("dial", os.ErrDeadlineExceeded), netconn.Timeout},
		{op("read", syscall.ETIMEDOUT), netconn.Timeout},
		{io.EOF, netconn.Broken},
		{io.ErrUnexpectedEOF, netconn.Broken},
		{net.ErrClosed, netconn.Broken},
		{&url.Error{Op: "Put", URL: "https://x/", Err: op("write", os.NewSyscallError("write", syscall.EPIPE))}, netconn.Broken},
		{op("read", syscall.ECONNRESET), netconn.Broken},
		{op("read", errors.New("in a system's own words")), netconn.Broken},
		{op("close", errors.New("of whatever kind")), netconn.Broken},
		{op("dial", syscall.ECONNREFUSED), netconn.Unreachable},
		{op("dial", &net.DNSError{Err: "no such host", IsNotFound: true}), netconn.Unreachable},
		{&net.DNSError{IsTimeout: true}, netconn.Unreachable},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, netconn.TLS},
		{op("remote error", tls.AlertError(40)), netconn.TLS},
		{op("local error", tls.AlertError(70)), netconn.TLS},
		{errors.New("tls: server selected unsupported protocol version 302"), netconn.TLS},
		{errors.New("http: server gave HTTP response to HTTPS client"), netconn.TLS},
		{fmt.Errorf("handshake: %w", &trust.WeakKeyError{Bits: 512}), netconn.TLS},
		{&url.Error{Err: stranger}, netconn.Trust},
		{errors.Join(io.EOF, stranger), netconn.Trust},
		{&tls.CertificateVerificationError{Err: errors.New("expired")}, netconn.Trust},
	} {
		if got := netconn.Classify(row.err); got != row.class {
			t.Errorf("%v is of class %d, want %d", row.err, got, row.class)
		}
	}
}

func TestIsDial(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		op("dial", os.ErrDeadlineExceeded):                true,
		&url.Error{Err: op("dial", syscall.ECONNREFUSED)}: true,
		op("read", os.ErrDeadlineExceeded):                false,
		io.EOF:                                            false,
	} {
		if got := netconn.IsDial(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}

func TestIsPeerGone(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		op("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)): true,
		op("dial", syscall.ECONNRESET):                                  true,
		op("dial", os.ErrDeadlineExceeded):                              true,
		context.DeadlineExceeded:                                        true,
		op("dial", syscall.Errno(10061)):                                true,
		op("dial", syscall.EHOSTUNREACH):                                false,
		op("dial", syscall.EMFILE):                                      false,
		io.EOF:                                                          false,
	} {
		if got := netconn.IsPeerGone(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}

// A cause names neither addresses nor calls.
func TestCause(t *testing.T) {
	t.Parallel()
	refused := op("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED))
	for _, err := range []error{refused, &url.Error{Op: "Get", URL: "https://host/", Err: refused}, fmt.Errorf("the data connection: %w", refused)} {
		if got := netconn.Cause(err); !errors.Is(got, syscall.ECONNREFUSED) || strings.ContainsAny(got.Error(), ":") {
			t.Errorf("%v: got %v", err, got)
		}
	}
	if got := netconn.Cause(io.EOF); !errors.Is(got, io.EOF) {
		t.Errorf("got %v", got)
	}
	if got := netconn.Cause(&url.Error{Op: "Get", URL: "https://host/", Err: http.ErrNotSupported}); !errors.Is(got, http.ErrNotSupported) || strings.Contains(got.Error(), "host") {
		t.Errorf("got %v", got)
	}
}
