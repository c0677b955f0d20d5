package netconn_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// TestAsMachine checks which errors say something of this machine, and that the messages keep that.
func TestAsMachine(t *testing.T) {
	t.Parallel()
	connect := func(code syscall.Errno) error { return op("dial", os.NewSyscallError("connect", code)) }
	for _, row := range []struct {
		err    error
		want   netconn.Lack
		passes bool
	}{
		{op("dial", os.NewSyscallError("socket", syscall.EMFILE)), netconn.LackFiles, true},
		{op("dial", os.NewSyscallError("socket", syscall.ENFILE)), netconn.LackFiles, true},
		{connect(syscall.EADDRNOTAVAIL), netconn.LackPorts, true},
		{connect(syscall.EADDRINUSE), netconn.LackPorts, true},
		{connect(syscall.EAGAIN), netconn.LackPorts, true},
		{connect(syscall.ENOBUFS), netconn.LackMemory, true},
		{connect(syscall.ENOMEM), netconn.LackMemory, true},
		{connect(syscall.ENETUNREACH), netconn.LackRoute, false},
		{connect(syscall.ENETDOWN), netconn.LackRoute, false},
		{connect(syscall.EACCES), netconn.LackPermission, false},
		{connect(syscall.EPERM), netconn.LackPermission, false},
		{connect(10055), netconn.LackMemory, true},
		{connect(10024), netconn.LackFiles, true},
		{op("dial", &net.DNSError{Err: "server misbehaving", Name: "x", IsTemporary: true}), netconn.LackNames, false},
		{op("dial", &net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), netconn.LackNames, false},
		{&net.DNSError{Err: "dial udp 127.0.0.53:53: socket: too many open files", Name: "x"}, netconn.LackFiles, true},

		{nil, "", false},
		{connect(syscall.ECONNREFUSED), "", false},
		{connect(syscall.EHOSTUNREACH), "", false},
		{connect(syscall.ETIMEDOUT), "", false},
		{op("dial", &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), "", false},
		{op("read", os.NewSyscallError("read", syscall.ENOMEM)), "", false},
		{op("dial", os.ErrDeadlineExceeded), "", false},
		{context.DeadlineExceeded, "", false},
		{errors.New("too many open files"), "", false},
	} {
		e := netconn.AsMachine(row.err)
		if (e != nil) != (row.want != "") || e != nil && (e.What != row.want || e.Passes() != row.passes) {
			t.Errorf("%v: %v, want %q", row.err, e, row.want)
			continue
		}
		if e == nil {
			continue
		}
		if text := netconn.Cause(row.err).Error(); !strings.Contains(text, "this machine") || strings.Contains(text, "dial tcp") {
			t.Errorf("%v: shown as %q", row.err, text)
		}
		if class := netconn.Classify(row.err); class != netconn.Unreachable {
			t.Errorf("%v: of class %d", row.err, class)
		}
	}
}

// TestDialWaits checks that a dial waits for what this machine lacks, and gives up when its time is over.
func TestDialWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails int // dials
		code  syscall.Errno
		ok    bool
		took  time.Duration // at least
	}{
		"at once":           {0, 0, true, 0},
		"comes back":        {9, syscall.EMFILE, true, 2 * time.Second},
		"ports come back":   {3, syscall.EADDRNOTAVAIL, true, 100 * time.Millisecond},
		"stays away":        {1000, syscall.EMFILE, false, time.Minute},
		"cannot come back":  {1, syscall.ENETUNREACH, false, 0},
		"says of the other": {1, syscall.ECONNREFUSED, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			left := c.fails
			dial := func() (net.Conn, error) {
				if left--; left >= 0 {
					return nil, op("dial", os.NewSyscallError("socket", c.code))
				}
				return net.Dial("tcp", l.Addr().String())
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun := time.Now()
				conn, err := netconn.Dialing(ctx, dial)
				if err == nil {
					_ = conn.Close()
				}
				if (err == nil) != c.ok || time.Since(begun) < c.took {
					t.Errorf("%v after %s", err, time.Since(begun))
				}
			})
		})
	}
}
