package main

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
)

// TestPhoneInCall pushes to a phone that is in a call at first: what is done once more is shown once.
func TestPhoneInCall(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
	phone := startPhone(t, "busy-no-solicited", untilBusy)
	r := runHere(t, nil, append([]string{"push", image, phone.Address(), "--serve", "--hw-level", "3"}, flags...)...)
	if r.code != exit.CodeOK || phone.State().Instructed < 2 {
		t.Fatalf("exit code %d, told %d times\n%s%s", r.code, phone.State().Instructed, r.out, r.errOut)
	}
	for _, row := range []string{"  check ", "  command ", "  busy ", "  fetch ", "  restart ", "  verified ", "Keep the phone on LAN and power"} {
		if n := strings.Count(r.out, row); n != 1 {
			t.Errorf("%q stands there %d times\n%s", row, n, r.out)
		}
	}
}

// TestDefaultPortTaken asks a phone while another program has the port that phones usually call: a free one is taken, and
// with --verbose it is named.
func TestDefaultPortTaken(t *testing.T) {
	phone := startPhone(t, "", nil)
	r := withoutDefaultPort(t, []string{"phone", phone.Address(), "-v"}, func(r ran) bool { return strings.Contains(r.errOut, "port 18443") })
	if r.code != exit.CodeOK || !strings.Contains(r.errOut, "note: this machine: phones call back on port ") || strings.Contains(r.errOut, "port 18443") {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
}

// withoutDefaultPort runs a command while the port that phones call by default is in use: by this test, or by another
// program. It runs the command again if the other program left the port meanwhile, so that the command got it.
func withoutDefaultPort(t *testing.T, args []string, isDefault func(ran) bool) ran {
	t.Helper()
	for {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(option.CallPort)))
		r := runHere(t, nil, args...)
		if err == nil {
			_ = l.Close()
		}
		if used := isDefault(r); err == nil || !used {
			return r
		}
	}
}
