package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
)

// TestInterruptedLine: a terminal shows ^C where the cursor is; what is said then begins a line of its own, and there is
// one line break, no blank line.
func TestInterruptedLine(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"doctor", "push"} {
		held := make(chan struct{}, 1)
		s := badserver.NewFTP(t, badserver.Always("USER", func(c *badserver.Call) {
			held <- struct{}{}
			c.Silence()
		}))
		args := []string{command, "--listen", "127.0.0.1:0"}
		if command == "push" {
			args = []string{command, clitest.Image(t, "cp600.bind", nil), "--minimum-version", "V1 R0.0.0", "--retries", "0"}
		}
		master, slave := openTerminal(t)
		cmd := exec.CommandContext(t.Context(), "cpupdate", append(args, bySettings(s.Access(), "--password-file", clitest.File(t, "p", []byte("x")))...)...)
		cmd.Stderr, cmd.Env = slave, append(os.Environ(), "TERM=xterm")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-held:
		case <-t.Context().Done():
			t.Fatal("it does not log in")
		}
		if _, err := slave.WriteString("^C"); err != nil { // as the terminal does it
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the state says how it ended
		_ = slave.Close()
		var shown bytes.Buffer
		_, _ = shown.ReadFrom(master) // ends with an error: nobody has the other end
		if cmd.ProcessState.ExitCode() != int(exit.CodeInterrupted) || !strings.Contains(shown.String(), "^C\r\ncpupdate: interrupted") {
			t.Errorf("%s: exit code %d, the terminal shows %q", command, cmd.ProcessState.ExitCode(), shown.String())
		}
	}
}
