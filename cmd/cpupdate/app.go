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
	"time"

	"golang.org/x/term"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// An app holds what every command needs: the standard streams, the environment, and the global flags.
type app struct {
	in          io.Reader
	out, err    io.Writer
	inTerminal  bool       // stdin is a terminal
	colorOut    bool       // stdout is a terminal that shows colours
	width       int        // columns of the terminal, 80 if stdout is not a terminal
	errTerminal bool       // stderr is a terminal on which a line can be redrawn
	errWidth    func() int // columns of that terminal
	settings    string     // folder of stored settings, "" if the system has none

	config         string          // settings file of --config
	configVariable string          // settings file of $CPUPDATE_CONFIG
	password       transfer.Secret // $CPUPDATE_PASSWORD
	around         surroundings

	clock func() time.Time // nil: the system's clock

	keyring         keyring       // the system's keyring; nil if there is none
	keyringVariable string        // $CPUPDATE_KEYRING
	keyringLimit    time.Duration // how long to wait for the keyring; 0 for the default

	settingsErr error // why the settings folder is unknown

	open func(name string) (*bind.File, error)
	dial func(ctx context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error)
	ask  func(ctx context.Context, prompt string) (string, error) // prompts for a password on the terminal of stdin

	keepPipes func() // from then on, a closed stdout is a write error and does not end the process

	json, quiet, verbose, noColor bool

	legacySaid bool // the warning about --legacy-tls was printed

	parsed  bool  // the flags were parsed: json is valid
	helpErr error // the error that kept help from being printed; cobra cannot return it
}

// newApp returns the app for this process.
func newApp() *app {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, width: 80, open: bind.Open, dial: transfer.Dial, ask: askPassword, keepPipes: keepPipes}
	a.inTerminal = term.IsTerminal(int(os.Stdin.Fd()))
	a.errTerminal = stderrTerminal() && os.Getenv("TERM") != "dumb"
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
		_ = os.Unsetenv(passwordVariable) // libraries start programs too, such as the keyring's on macOS
	}
	a.keyring, a.keyringVariable = systemKeyring{os.Getenv("DBUS_SESSION_BUS_ADDRESS")}, os.Getenv(keyringVariable)
	a.around = surroundings{terminal: os.Getenv("TERM"), noColor: os.Getenv("NO_COLOR") != "", ci: os.Getenv("CI") != ""}
	for _, name := range proxyVariables() {
		if os.Getenv(name) != "" {
			a.around.proxies = append(a.around.proxies, name)
		}
	}
	return a
}

func stderrTerminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

// now returns the current time.
func (a *app) now() time.Time {
	if a.clock != nil {
		return a.clock()
	}
	return time.Now()
}

// keepPipes catches SIGPIPE, because a command that is uploading must clean up on the server first. The signal is not
// ignored: programs that cpupdate starts would inherit that.
func keepPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// askPassword reads a line from the terminal of standard input without echo.
func askPassword(ctx context.Context, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(os.Stderr, prompt)
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
		fmt.Fprintln(os.Stderr)
		return string(a.text), a.err
	case <-ctx.Done():
		if !stderrTerminal() { // otherwise the signal has already ended the line
			fmt.Fprintln(os.Stderr)
		}
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
