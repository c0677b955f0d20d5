package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// An app is what every command is given: the process's streams and surroundings, and the global flags.
type app struct {
	in          io.Reader
	out, err    io.Writer
	inTerminal  bool       // stdin is a terminal
	colorOut    bool       // stdout is a terminal that shows colours
	width       int        // columns of the terminal, 80 if stdout is none
	errTerminal bool       // stderr is a terminal on which a line can be drawn anew
	errWidth    func() int // its columns
	settings    string     // folder of stored settings, "" if the system names none

	config         string          // settings file of --config
	configVariable string          // that of $CPUPDATE_CONFIG
	password       transfer.Secret // $CPUPDATE_PASSWORD

	settingsErr error // why it names none

	open func(name string) (*bind.File, error)
	dial func(ctx context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error)
	ask  func(ctx context.Context, prompt string) (string, error) // asks for a password on the terminal of stdin

	keepPipes func() // from now on a reader of stdout who went away is an error of writing, and ends no process

	json, quiet, verbose, noColor bool

	parsed  bool  // the flags were read: --json means what it says
	helpErr error // what kept help from being printed; cobra has no way to return it
}

// newApp returns the app of this process.
func newApp() *app {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, width: 80, open: bind.Open, dial: transfer.Dial, ask: askPassword, keepPipes: keepPipes}
	a.inTerminal = term.IsTerminal(int(os.Stdin.Fd()))
	a.errTerminal = term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb"
	a.errWidth = func() int {
		width, _, err := term.GetSize(int(os.Stderr.Fd()))
		if err != nil {
			return 80
		}
		return width
	}
	fd := int(os.Stdout.Fd())
	if term.IsTerminal(fd) {
		a.colorOut = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && enableColor(os.Stdout)
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			a.width = width
		}
	}
	folder, err := os.UserConfigDir()
	if a.settingsErr = err; err == nil {
		a.settings = filepath.Join(folder, "cpupdate")
	}
	a.configVariable = os.Getenv("CPUPDATE_CONFIG")
	if password := os.Getenv(passwordVariable); password != "" {
		a.password = transfer.NewSecret(password)
	}
	return a
}

// keepPipes catches SIGPIPE: who is in the middle of sending has to clean up on the server first. It is not ignored,
// since programs that we start would inherit that.
func keepPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// askPassword reads a line from the terminal of standard input, which does not show it meanwhile.
func askPassword(ctx context.Context, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(os.Stderr, prompt)
	defer fmt.Fprintln(os.Stderr)
	type answer struct {
		text []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		return string(a.text), a.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
