package console

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Each output says the same in its own way, and what it leaves out is left out whole.
func TestOutputs(t *testing.T) {
	doc := map[string]any{"schema": 1}
	text := func(w io.Writer) { fmt.Fprintln(w, "text") }
	for _, test := range []struct {
		name     string
		say      func(c *Console) error
		text     string
		document string
		note     bool // --quiet leaves it out
		people   bool // --quiet leaves the text out
	}{
		{"print", func(c *Console) error { return c.Print(doc, text) }, "text\n", "{\n  \"schema\": 1\n}\n", false, true},
		{"print a document only", func(c *Console) error { return c.Print(doc, nil) }, "", "{\n  \"schema\": 1\n}\n", false, true},
		{"part", func(c *Console) error { return c.Part(text) }, "text\n", "", false, true},
		{"emit", func(c *Console) error { return c.Emit(doc, text) }, "text\n", `{"schema":1}` + "\n", false, true},
		{"emit a document only", func(c *Console) error { return c.Emit(doc, nil) }, "", `{"schema":1}` + "\n", false, true},
		{
			"emit or note", func(c *Console) error { return c.Emit(doc, func(io.Writer) { c.Note("note", "f", "m") }) },
			"note: f: m\n", `{"schema":1}` + "\n", false, true,
		},
		{
			"note", func(c *Console) error { c.Note("big warning", "f\x1b", "m\n"); return nil },
			`big warning: f\u{1b}: m\u{a}` + "\n", `{"big_warning":{"file":"f\u001b","why":"m\n"},"schema":1}` + "\n", true, true,
		},
		{
			"note about", func(c *Console) error { c.NoteAbout("note", "phone", "m"); return nil },
			"note: phone: m\n", `{"note":{"about":"phone","why":"m"},"schema":1}` + "\n", true, true,
		},
		{
			"report", func(c *Console) error { c.Report(exit.Errorf(exit.CodeUsage, "do\x1b", "wrong\x1b")); return nil },
			`cpupdate: wrong\u{1b}` + "\n" + `hint: do\u{1b}` + "\n",
			`{"schema":1,"error":{"code":2,"name":"usage","message":"wrong\u001b","hints":["do\u001b"],"retryable":false}}` + "\n", false, false,
		},
	} {
		for _, mode := range []struct {
			json, quiet, silent bool
		}{{}, {quiet: true}, {json: true}, {json: true, quiet: true}, {silent: true}, {json: true, silent: true}} {
			c, out, errOut := testConsole()
			c.JSON, c.Quiet = mode.json, mode.quiet
			if mode.silent {
				c = c.Silent()
			}
			want := test.text
			switch {
			case mode.silent, mode.quiet && (test.note || test.people && !mode.json):
				want = ""
			case mode.json:
				want = test.document
			}
			if err := test.say(c); err != nil || out.String()+errOut.String() != want {
				t.Errorf("%s %+v: %q, %v, want %q", test.name, mode, out.String()+errOut.String(), err, want)
			}
		}
	}
}

// The dialogue with a server is said with --verbose only.
func TestSaid(t *testing.T) {
	for _, test := range []struct {
		json, quiet, verbose, silent bool
		want                         string
	}{
		{},
		{json: true},
		{verbose: true, want: `220 \u{1b}` + "\n"},
		{verbose: true, json: true, want: `{"said":"220 \u001b","schema":1}` + "\n"},
		{verbose: true, quiet: true},
		{verbose: true, quiet: true, json: true},
		{verbose: true, silent: true},
	} {
		c, out, errOut := testConsole()
		c.JSON, c.Quiet, c.Verbose = test.json, test.quiet, test.verbose
		if test.silent {
			c = c.Silent()
		}
		c.Dialog("220 \x1b")
		if out.String() != "" || errOut.String() != test.want {
			t.Errorf("%+v: %q %q", test, out, errOut)
		}
	}
}

// The exit code is that of the error, whoever hears of it.
func TestReportCode(t *testing.T) {
	c, _, errOut := testConsole()
	if got := c.Report(nil); got != exit.CodeOK || errOut.Len() > 0 {
		t.Errorf("%v, %q", got, errOut)
	}
	for _, c := range []*Console{c, c.Silent()} {
		if got := c.Report(exit.Errorf(exit.CodeImage, "", "broken")); got != exit.CodeImage {
			t.Error(got)
		}
	}
}

// An answer that cannot be written is an error; one that has no text is none.
func TestAnswerFailure(t *testing.T) {
	c, _, _ := testConsole()
	c.Out = brokenWriter{}
	text := func(w io.Writer) { fmt.Fprintln(w, "text") }
	for _, asJSON := range []bool{false, true} {
		c.JSON = asJSON
		for _, err := range []error{c.Print(1, text), c.Emit(1, text)} {
			if own := (*exit.Error)(nil); !errors.As(err, &own) || own.Code != exit.CodeInternal || !strings.Contains(own.Error(), "writing the answer: no space left") {
				t.Error(err)
			}
		}
	}
	c.JSON = false
	if err := c.Part(func(io.Writer) {}); err != nil {
		t.Error(err)
	}
}

// On a terminal, lines are broken between words, and a command stays whole. Elsewhere each is one line.
func TestLongLines(t *testing.T) {
	say := func(terminal bool) string {
		c, _, errOut := testConsole()
		c.ErrTerminal, c.ErrWidth = terminal, func() int { return 30 }
		c.NoteAbout("note", "10.0.0.1", "the phone is restarting and must keep power")
		c.Report(exit.Errorf(exit.CodeUsage, "compare the key with that of the phone: cpupdate trust add 10.0.0.1 --save", "the key of the web page is unknown"))
		c.Report(exit.Errorf(exit.CodeUsage, "see: cpupdate help", "short"))
		return errOut.String()
	}
	const short = "cpupdate: short\nhint: see: cpupdate help\n"
	if got, want := say(true), `note: 10.0.0.1: the phone is
  restarting and must keep
  power
cpupdate: the key of the web
  page is unknown
hint: compare the key with
  that of the phone:
  cpupdate trust add 10.0.0.1 --save
`+short; got != want {
		t.Errorf("on a terminal:\n%swant\n%s", got, want)
	}
	if got, want := say(false), `note: 10.0.0.1: the phone is restarting and must keep power
cpupdate: the key of the web page is unknown
hint: compare the key with that of the phone: cpupdate trust add 10.0.0.1 --save
`+short; got != want {
		t.Errorf("elsewhere:\n%swant\n%s", got, want)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A word is set off only where colours are wanted.
func TestPaint(t *testing.T) {
	c, _, _ := testConsole()
	if got := c.Paint(Red, "x"); got != "x" {
		t.Errorf("%q", got)
	}
	c.ColorOut = true
	if got := c.Paint(Red, "x") + c.Paint(Plain, "y"); got != "\x1b[1;31mx\x1b[0my" {
		t.Errorf("%q", got)
	}
	c.NoColor = true
	if got := c.Paint(Red, "x"); got != "x" {
		t.Errorf("%q", got)
	}
}
