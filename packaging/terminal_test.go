package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A terminal is a program in a terminal of its own, with what it has printed and nobody expected yet.
type terminal struct {
	t    *testing.T
	in   interface{ WriteString(string) (int, error) }
	came chan []byte
	all  bytes.Buffer
	rest string
}

// startTerminal starts a program in a terminal. It ends with the test.
func startTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, in: f, came: make(chan []byte)}
	go func() {
		defer close(x.came)
		for {
			part := make([]byte, 4096)
			n, err := f.Read(part)
			if n > 0 {
				x.came <- part[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = f.Close()
		for range x.came { // until it ends
		}
		_ = cmd.Wait() // it was killed
	})
	return x
}

// send types a text.
func (x *terminal) send(text string) {
	x.t.Helper()
	if _, err := x.in.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// expect waits until the program has printed the text after what was expected before. A program that prints nothing for minutes
// hangs.
func (x *terminal) expect(text string) {
	x.t.Helper()
	for {
		if _, after, found := strings.Cut(x.rest, text); found {
			x.rest = after
			return
		}
		select {
		case part, ok := <-x.came:
			if !ok {
				x.t.Fatalf("it ended before it printed %q:\n%q", text, x.all.String())
			}
			x.all.Write(part)
			x.rest += string(part)
		case <-time.After(5 * time.Minute):
			x.t.Fatalf("it did not print %q:\n%q", text, x.all.String())
		}
	}
}
