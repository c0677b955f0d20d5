package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// testConsole returns a console of 80 columns without a terminal.
func testConsole() (c *Console, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	return &Console{In: strings.NewReader(""), Out: out, Err: errOut, Width: 80}, out, errOut
}

// Nobody can be prompted where nobody types, or where nobody sees what is asked.
func TestCanPrompt(t *testing.T) {
	for _, test := range []struct {
		terminal, json, silent, want bool
	}{
		{terminal: true, want: true},
		{terminal: false},
		{terminal: true, json: true},
		{terminal: true, silent: true},
	} {
		c, _, _ := testConsole()
		c.InTerminal, c.JSON = test.terminal, test.json
		if test.silent {
			c = c.Silent()
		}
		if got := c.CanPrompt(); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// A line of standard input is read alone: what follows is for others.
func TestQuestion(t *testing.T) {
	c, out, errOut := testConsole()
	c.In = strings.NewReader("yes\r\nand more")
	if answer, err := c.Question(t.Context(), "Sure? "); answer != "yes" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if rest, _ := io.ReadAll(c.In); string(rest) != "and more" {
		t.Errorf("%q is left", rest)
	}
	if out.String() != "" || errOut.String() != "Sure? " {
		t.Errorf("%q %q", out, errOut)
	}
	if answer, err := c.Question(t.Context(), "Sure? "); answer != "" || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", answer, err)
	}
	c.In = strings.NewReader(strings.Repeat("y", 5000))
	if _, err := c.Question(t.Context(), "Sure? "); err == nil || err.Error() != "the answer is too long" {
		t.Error(err)
	}
}

// Ctrl-C ends a question; where no terminal has shown it the line ends too.
func TestQuestionInterrupted(t *testing.T) {
	for terminal, want := range map[bool]string{false: "Sure? \n", true: "Sure? "} {
		c, _, errOut := testConsole()
		in, typed := io.Pipe()
		c.In, c.ErrTerminal = in, terminal
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Question(ctx, "Sure? "); !errors.Is(err, context.Canceled) || errOut.String() != want {
			t.Errorf("%v, %q", err, errOut)
		}
		_ = typed.Close()
	}
}

// What --legacy-tls gives up is said once a run.
func TestWarnLegacy(t *testing.T) {
	c, _, errOut := testConsole()
	c.WarnLegacy(false)
	if errOut.Len() > 0 {
		t.Errorf("%q", errOut)
	}
	c.WarnLegacy(true)
	c.WarnLegacy(true)
	if n := strings.Count(errOut.String(), "warning: --legacy-tls: "); n != 1 {
		t.Errorf("%d times: %q", n, errOut)
	}
}

// A reader ends with the context, though what it reads from says nothing.
func TestInterruptible(t *testing.T) {
	if all, err := io.ReadAll(Interruptible(t.Context(), strings.NewReader("all of it"))); string(all) != "all of it" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	silent, end := io.Pipe()
	defer end.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := io.ReadAll(Interruptible(ctx, silent)); !errors.Is(err, why) {
		t.Error(err)
	}
}

// The width of stderr is that of its terminal.
func TestErrColumns(t *testing.T) {
	c, _, _ := testConsole()
	if got := c.ErrColumns(); got != 80 {
		t.Error(got)
	}
	c.ErrTerminal, c.ErrWidth = true, func() int { return 33 }
	if got := c.ErrColumns(); got != 33 {
		t.Error(got)
	}
}

// The console of a process whose streams are no terminals has no colours, and prompts nobody.
func TestNewWithoutTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	setStreams(t, null)
	c := New()
	if c.InTerminal || c.ErrTerminal || c.ColorOut || c.Width != 80 || c.ErrWidth() != 80 || c.CanPrompt() {
		t.Errorf("%+v", c)
	}
	if _, err := c.Ask(t.Context(), "Password: "); err == nil {
		t.Error("a password is read from no terminal")
	}
}

// setStreams makes the file the standard streams of this process until the test ends.
func setStreams(t *testing.T, f *os.File) {
	t.Helper()
	in, out, errOut := os.Stdin, os.Stdout, os.Stderr
	t.Cleanup(func() { os.Stdin, os.Stdout, os.Stderr = in, out, errOut })
	os.Stdin, os.Stdout, os.Stderr = f, f, f
}

// A reader of stdout who went away is an error of writing from then on, and ends no process.
func TestKeepPipes(t *testing.T) {
	New().KeepPipes()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	defer write.Close()
	if _, err := write.WriteString("x"); err == nil {
		t.Error("nobody reads, and it is no error")
	}
}
