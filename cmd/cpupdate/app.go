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

// An app holds what main passes to the commands: where they read and write, what is stored on this machine, and how the
// network and files are opened.
type app struct {
	con    *console
	store  *settingsStore
	pass   *passwordStore
	hosts  *hostStore
	around surroundings

	clock func() time.Time
	open  openFunc
	dial  dialFunc

	parsed  bool  // the flags were read: --json means what it says
	helpErr error // what kept help from being printed; cobra has no way to return it
}

// An openFunc opens an image.
type openFunc = func(name string) (*bind.File, error)

// A dialFunc connects to a server.
type dialFunc = func(ctx context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error)

type pushEnv struct {
	con   *console
	store *settingsStore
	pass  *passwordStore
	hosts *hostStore
	open  openFunc
	dial  dialFunc
}

// A doctorEnv is what doctor is handed.
type doctorEnv struct {
	pushEnv
	around surroundings
	clock  func() time.Time
}

// A console is where a command reads and writes.
type console struct {
	in          io.Reader
	out, err    io.Writer
	inTerminal  bool       // stdin is a terminal
	colorOut    bool       // stdout is a terminal that shows colours
	width       int        // columns of the terminal, 80 if stdout is not a terminal
	errTerminal bool       // stderr is a terminal on which a line can be redrawn
	errWidth    func() int // columns of that terminal

	ask       func(ctx context.Context, prompt string) (string, error) // prompts for a password on the terminal of stdin
	keepPipes func()                                                   // from then on, a closed stdout is a write error and does not end the process

	json, quiet, verbose, noColor bool

	legacySaid bool // the warning about --legacy-tls was printed
}

// muted returns a console that prints nothing but errors, and prompts nobody.
func (c *console) muted() *console {
	muted := *c
	muted.quiet, muted.json = true, true
	return &muted
}

// A settingsStore is where settings are stored on this machine.
type settingsStore struct {
	settings    string // folder of stored settings, "" if the system has none
	settingsErr error  // why the settings folder is unknown

	config         string // settings file of --config
	configVariable string // settings file of $CPUPDATE_CONFIG
}

// A passwordStore keeps passwords: in the system's keyring or in a file beside the settings.
type passwordStore struct {
	con   *console
	store *settingsStore

	password        transfer.Secret // $CPUPDATE_PASSWORD
	keyring         keyring         // the system's keyring; nil if there is none
	keyringVariable string          // $CPUPDATE_KEYRING
	keyringLimit    time.Duration   // how long to wait for the keyring; 0 for the default
}

// A hostStore holds the known keys of servers and phones.
type hostStore struct {
	con   *console
	store *settingsStore
}

// newApp returns the app for this process.
func newApp() *app {
	con := newConsole()
	store := &settingsStore{configVariable: os.Getenv("CPUPDATE_CONFIG")}
	folder, err := os.UserConfigDir()
	if store.settingsErr = err; err == nil {
		store.settings = filepath.Join(folder, "cpupdate")
	}
	pass := &passwordStore{
		con: con, store: store,
		keyring: systemKeyring{os.Getenv("DBUS_SESSION_BUS_ADDRESS")}, keyringVariable: os.Getenv(keyringVariable),
	}
	if password := os.Getenv(passwordVariable); password != "" {
		pass.password = transfer.NewSecret(password)
		_ = os.Unsetenv(passwordVariable) // libraries start programs too, such as the keyring's on macOS
	}
	around := surroundings{terminal: os.Getenv("TERM"), noColor: os.Getenv("NO_COLOR") != "", ci: os.Getenv("CI") != ""}
	for _, name := range proxyVariables() {
		if os.Getenv(name) != "" {
			around.proxies = append(around.proxies, name)
		}
	}
	return wire(con, store, pass, around)
}

// wire returns the app of the parts.
func wire(con *console, store *settingsStore, pass *passwordStore, around surroundings) *app {
	return &app{
		con: con, store: store, pass: pass, hosts: &hostStore{con, store}, around: around,
		open: bind.Open, dial: transfer.Dial, clock: time.Now,
	}
}

// env returns what a push is handed.
func (a *app) env() pushEnv {
	return pushEnv{con: a.con, store: a.store, pass: a.pass, hosts: a.hosts, open: a.open, dial: a.dial}
}

// newConsole returns the console of this process.
func newConsole() *console {
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, width: 80, ask: askPassword, keepPipes: keepPipes}
	c.inTerminal = term.IsTerminal(int(os.Stdin.Fd()))
	c.errTerminal = stderrTerminal() && os.Getenv("TERM") != "dumb"
	c.errWidth = func() int {
		width, _, err := term.GetSize(int(os.Stderr.Fd()))
		if err != nil {
			return 80
		}
		return width
	}
	fd := int(os.Stdout.Fd())
	if term.IsTerminal(fd) {
		c.colorOut = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && enableColor(os.Stdout)
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			c.width = width
		}
	}
	return c
}

func stderrTerminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

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
