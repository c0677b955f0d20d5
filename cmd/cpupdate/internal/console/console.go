// Package console holds what the command reads and prints: its streams and terminal, prompts, answers as text or as JSON,
// notes, progress, tables, wrapped and escaped text, and the format of numbers and times.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// A Console is where a command reads and writes.
type Console struct {
	In          io.Reader
	Out, Err    io.Writer
	InTerminal  bool       // stdin is a terminal
	ColorOut    bool       // stdout is a terminal that shows colours
	Width       int        // columns of the terminal, 80 if stdout is not a terminal
	OutWidth    func() int // columns of the terminal now, for Resize; nil if stdout is not a terminal
	ErrTerminal bool       // stderr is a terminal on which a line can be redrawn
	ErrWidth    func() int // columns of that terminal

	Terminal io.Writer // the terminal of stdin, where stderr is something else: questions are shown there too
	Discard  func()    // drops what was typed before a yes/no question; may be nil
	// Hidden reads a line from the terminal of stdin after a prompt, and does not show it; nil: lines are read from In.
	Hidden func(ctx context.Context, prompt string) (string, error)

	Ask       func(ctx context.Context, prompt string) (string, error) // prompts for a password on the terminal of stdin
	KeepPipes func()                                                   // from then on, a closed stdout is a write error and does not end the process

	JSON, Quiet, Verbose, NoColor bool

	Flags Flags // of this run

	silent       bool // the output is silence
	blind        bool // stdin is a terminal, and nothing can be shown on it
	legacyWarned bool // the warning about --legacy-tls was printed
}

// Silent returns a console that prints nothing, not even errors, and where CanPrompt is false.
func (c *Console) Silent() *Console {
	silent := *c
	silent.silent, silent.ErrTerminal = true, false
	return &silent
}

// CanPrompt reports whether a person can be prompted, and the output is text.
func (c *Console) CanPrompt() bool { return c.CanAsk() && !c.JSON && !c.silent }

// CanAsk reports whether there is a person who sees a question and can answer: stdin is a terminal.
func (c *Console) CanAsk() bool { return c.InTerminal && !c.blind }

// Prompts returns where a question is written, with what has to be seen for its answer: stderr, and the terminal if stderr is
// something else.
func (c *Console) Prompts() io.Writer {
	if c.Terminal == nil {
		return c.Err
	}
	return io.MultiWriter(c.Terminal, c.Err)
}

// Resize sets Width to what the terminal has now, for a command that writes for hours.
func (c *Console) Resize() {
	if c.OutWidth != nil {
		c.Width = c.OutWidth()
	}
}

// ErrColumns returns the width of stderr.
func (c *Console) ErrColumns() int {
	if c.ErrTerminal {
		return c.ErrWidth()
	}
	return 80
}

// New returns the console of this process.
func New() *Console {
	c := &Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Width: 80, KeepPipes: keepPipes}
	c.InTerminal = term.IsTerminal(int(os.Stdin.Fd()))
	c.Ask = c.askPassword
	if c.InTerminal {
		c.Discard = func() { discardTyped(os.Stdin) }
		c.Hidden = c.readHidden
	}
	if c.InTerminal && !StderrTerminal() {
		terminal, err := terminalOf(os.Stdin)
		if c.blind = err != nil; err == nil {
			c.Terminal = terminal
		}
	}
	c.ErrTerminal = StderrTerminal() && os.Getenv("TERM") != "dumb"
	c.ErrWidth = widthOf(os.Stderr)
	fd := int(os.Stdout.Fd())
	if term.IsTerminal(fd) {
		c.ColorOut = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && enableColor(os.Stdout)
		c.OutWidth = widthOf(os.Stdout)
		c.Resize()
	}
	return c
}

// widthOf returns a function that returns the columns of a terminal, 80 if it does not say.
func widthOf(terminal *os.File) func() int {
	return func() int {
		width, _, err := term.GetSize(int(terminal.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
}

// StderrTerminal reports whether stderr is a terminal.
func StderrTerminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

// keepPipes catches SIGPIPE, because a command that is uploading must clean up on the server first. The signal is not
// ignored: programs that cpupdate starts would inherit that.
func keepPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// askPassword prompts for a password.
func (c *Console) askPassword(ctx context.Context, prompt string) (string, error) {
	password, err := c.readHidden(ctx, prompt)
	if ctx.Err() == nil {
		fmt.Fprintln(c.Prompts())
	}
	return password, err
}

// readHidden reads a line from the terminal of standard input without echo. What was typed before counts unless it was dropped.
func (c *Console) readHidden(ctx context.Context, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(c.Prompts(), prompt)
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := readUnseen(os.Stdin)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-ctx.Done():
		if !StderrTerminal() { // otherwise the signal has already ended the line
			fmt.Fprintln(c.Prompts())
		}
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
