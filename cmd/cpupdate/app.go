package main

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// An app is what every command is given: the process's streams and surroundings, and the global flags.
type app struct {
	in         io.Reader
	out, err   io.Writer
	inTerminal bool   // stdin is a terminal
	colorOut   bool   // stdout is a terminal that shows colours
	width      int    // columns of the terminal, 80 if stdout is none
	settings   string // folder of stored settings, "" if the system names none

	settingsErr error // why it names none

	open func(name string) (*bind.File, error)

	json, quiet, verbose, noColor bool

	parsed  bool  // the flags were read: --json means what it says
	helpErr error // what kept help from being printed; cobra has no way to return it
}

// newApp returns the app of this process.
func newApp() *app {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, width: 80, open: bind.Open}
	a.inTerminal = term.IsTerminal(int(os.Stdin.Fd()))
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
	return a
}
