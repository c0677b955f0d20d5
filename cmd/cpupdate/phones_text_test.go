package main

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestPhoneInCall pushes to a phone that is in a call at first: what is done once more is shown once.
func TestPhoneInCall(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		phone := s.phone("busy-no-solicited", untilBusy)
		r := s.run(s.t.Context(), "push", image, phone.Address(), "--serve", "--hw-level", "3")
		if r.code != exit.CodeOK || phone.State().Instructed < 2 {
			s.t.Fatalf("exit code %d, told %d times\n%s%s", r.code, phone.State().Instructed, r.out, r.errOut)
		}
		for _, row := range []string{"  check ", "  command ", "  busy ", "  fetch ", "  restart ", "  verified ", "Keep the phone on LAN and power"} {
			if n := strings.Count(r.out, row); n != 1 {
				s.t.Errorf("%q stands there %d times\n%s", row, n, r.out)
			}
		}
	})
}

// TestDefaultPortTaken queries a phone while another program has the port that phones call by default: a free one is
// taken, and with --verbose it is named.
func TestDefaultPortTaken(t *testing.T) {
	t.Parallel()
	inMemory(t, func(s *site) {
		if _, err := s.net.Listen(s.t.Context(), "tcp", ":18443"); err != nil {
			s.t.Fatal(err)
		}
		phone := s.phone("", nil)
		r := s.run(s.t.Context(), "phone", phone.Address(), "-v")
		if r.code != exit.CodeOK || !strings.Contains(r.errOut, "note: this machine: phones call back on port ") || strings.Contains(r.errOut, "port 18443") {
			s.t.Errorf("exit code %d\n%s", r.code, r.errOut)
		}
	})
}
