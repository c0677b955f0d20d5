package main

import (
	"context"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestDoctorInterrupted checks that Ctrl-C ends doctor at once, and that nothing stays on the server.
func TestDoctorInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := badserver.NewFTP(t, badserver.Once("STOR", func(c *badserver.Call) {
		c.Send(c.Default())
		cancel()
	}))
	a, out, errOut := testApp(t, nil)
	a.dial = transfer.Dial
	withPassword(t, a)
	if c := run(ctx, a, append([]string{"doctor", "--listen", "127.0.0.1:0"}, bySettings(s.Access())...)); c != exit.CodeInterrupted {
		t.Errorf("exit code %d\n%s%s", c, out, errOut)
	}
	s.WaitClosed()
	if files := s.Files(); len(files) > 0 {
		t.Errorf("it leaves behind %v", files)
	}
}

// TestDoctorLeavesBehind checks that a file left on the server after Ctrl-C is reported, in text and in JSON.
func TestDoctorLeavesBehind(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := badserver.NewFTP(t, badserver.Once("STOR", func(c *badserver.Call) {
			c.Send(c.Default())
			cancel()
		}), badserver.Always("DELE", badserver.Say("550 Nobody removes anything here.\r\n")))
		a, out, errOut := testApp(t, nil)
		a.dial = transfer.Dial
		withPassword(t, a)
		args := append([]string{"doctor", "--listen", "127.0.0.1:0"}, bySettings(s.Access())...)
		if asJSON {
			args = append(args, "--json")
		}
		c := run(ctx, a, args)
		s.WaitClosed()
		r := ran{c, out.String(), errOut.String()}
		var left []string
		for name := range s.Files() {
			left = append(left, name[strings.LastIndex(name, "/")+1:])
		}
		if c != exit.CodeInterrupted || len(left) != 1 || !strings.Contains(r.errOut, left[0]) || !strings.Contains(r.errOut, "left behind: ") {
			t.Errorf("exit code %d, on the server is %v\n%s%s", c, left, r.out, r.errOut)
		}
		if asJSON && !strings.Contains(r.failure(t).Left, left[0]) {
			t.Errorf("%+v", r.failure(t))
		}
	}
}
