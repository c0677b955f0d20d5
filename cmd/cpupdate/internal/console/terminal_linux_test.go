package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal: what is written to master was typed, what is read from it was shown.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("in CI a terminal must be possible: ", err)
	}
	if err != nil {
		t.Skip("no terminal can be made here: ", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// readUntil reads what the terminal shows, up to a text.
func readUntil(t *testing.T, master *os.File, text string) string {
	t.Helper()
	var shown strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(shown.String(), text); {
		if _, err := master.Read(b); err != nil {
			t.Fatalf("%v after %q", err, shown.String())
		}
		shown.Write(b)
	}
	return shown.String()
}

// The console of a process at a terminal knows its width and its colours.
func TestNewAtTerminal(t *testing.T) {
	master, slave := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 57}); err != nil {
		t.Fatal(err)
	}
	setStreams(t, slave)
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if c := New(); !c.CanPrompt() || !c.ErrTerminal || !c.ColorOut || c.Width != 57 || c.ErrColumns() != 57 || !StderrTerminal() {
		t.Errorf("%+v", c)
	}
	t.Setenv("NO_COLOR", "1")
	if c := New(); c.ColorOut || !c.ErrTerminal {
		t.Errorf("$NO_COLOR: %+v", c)
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if c := New(); c.ColorOut || c.ErrTerminal {
		t.Errorf("a dumb terminal: %+v", c)
	}
}

// askOn asks for a password on a terminal, and returns once the terminal does not echo.
func askOn(ctx context.Context, t *testing.T, master *os.File) (answered chan typed) {
	t.Helper()
	answered = make(chan typed, 1)
	go func() {
		text, err := New().Ask(ctx, "Password: ")
		answered <- typed{text, err}
	}()
	readUntil(t, master, "Password: ")
	for echoes(t, master) {
		runtime.Gosched()
	}
	return answered
}

// A typed is a password that was typed, or why none was.
type typed struct {
	text string
	err  error
}

// echoes reports whether the terminal shows what is typed.
func echoes(t *testing.T, master *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// The terminal does not show a password while it is typed.
func TestAskPassword(t *testing.T) {
	master, slave := openTerminal(t)
	setStreams(t, slave)
	answered := askOn(t.Context(), t, master)
	if _, err := master.WriteString("s3cret\n"); err != nil {
		t.Fatal(err)
	}
	if a := <-answered; a.text != "s3cret" || a.err != nil {
		t.Errorf("%q, %v", a.text, a.err)
	}
	if shown := readUntil(t, master, "\n"); strings.TrimSpace(shown) != "" {
		t.Errorf("the terminal shows %q", shown)
	}
}

// Ctrl-C ends the question for a password, and the terminal echoes again.
func TestAskPasswordInterrupted(t *testing.T) {
	master, slave := openTerminal(t)
	setStreams(t, slave)
	ctx, cancel := context.WithCancel(t.Context())
	answered := askOn(ctx, t, master)
	cancel()
	if a := <-answered; !errors.Is(a.err, context.Canceled) || !echoes(t, master) {
		t.Error(a.err)
	}
}
