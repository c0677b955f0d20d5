package fleet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// What this machine cannot do says nothing of the phone.
func TestSigns(t *testing.T) {
	t.Parallel()
	failed := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, c := range []struct {
		err  error
		want sign
	}{
		{nil, signThere},
		{failed(syscall.ECONNREFUSED), signGone},
		{failed(syscall.ECONNRESET), signGone},
		{failed(syscall.ETIMEDOUT), signGone},
		{failed(syscall.Errno(10061)), signGone},
		{failed(syscall.Errno(10054)), signGone},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, signGone},
		{context.DeadlineExceeded, signGone},
		{failed(syscall.EMFILE), signNone},
		{failed(syscall.ENFILE), signNone},
		{failed(syscall.EAGAIN), signNone},
		{failed(syscall.ENETUNREACH), signNone},
		{failed(syscall.ENETDOWN), signNone},
		{failed(syscall.EHOSTUNREACH), signNone},
		{failed(syscall.EADDRNOTAVAIL), signNone},
		{failed(syscall.ENOBUFS), signNone},
		{failed(syscall.EACCES), signNone},
		{&netconn.MachineError{What: netconn.LackFiles, Err: syscall.EMFILE}, signNone}, // no connection was free for the probe
		{context.Canceled, signNone},
		{io.EOF, signNone},
	} {
		if got := signOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

// A restart is two misses in a row, and its end is a connection.
func TestProbes(t *testing.T) {
	t.Parallel()
	refused, blind, silent := error(syscall.ECONNREFUSED), error(syscall.ENETUNREACH), os.ErrDeadlineExceeded
	for name, c := range map[string]struct {
		connects   []error
		down, back bool
	}{
		"one miss":             {[]error{refused, nil, refused, nil}, false, false},
		"two misses":           {[]error{refused, refused}, true, false},
		"silence":              {[]error{silent, silent}, true, false},
		"this machine":         {[]error{blind, blind, blind}, false, false},
		"in between":           {[]error{refused, blind, refused}, true, false},
		"back":                 {[]error{refused, refused, nil}, true, true},
		"silence is not back":  {[]error{refused, refused, silent}, true, false},
		"blind is not back":    {[]error{refused, refused, blind}, true, false},
		"a failure is not one": {[]error{errors.New("strange"), errors.New("strange")}, false, false},
	} {
		f, _ := lone(t)
		for _, err := range c.connects {
			f.noteProbe(err)
		}
		if !f.restart.down.IsZero() != c.down || !f.restart.back.IsZero() != c.back {
			t.Errorf("%s: down %v, back %v", name, f.restart.down, f.restart.back)
		}
	}
}

// lone returns a phone that got the update command, without anybody on the other side.
func lone(t *testing.T) (*follower, *phone) {
	t.Helper()
	p := newPhone(New(Options{}), &Plan{}, 0, Target{}, "127.0.0.1:1")
	f := p.newFollower()
	t.Cleanup(func() {
		f.silence.stop()
		f.probes.stop()
	})
	return f, p
}
