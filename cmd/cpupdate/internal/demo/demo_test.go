package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/simulate"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// newConsole returns a console of 80 columns, and what is written to it.
func newConsole() (*console.Console, *bytes.Buffer) {
	var out bytes.Buffer
	return &console.Console{Out: &out, Err: io.Discard, Width: 80, KeepPipes: func() {}}, &out
}

// emptyTemp makes the folder for temporary files an empty one.
func emptyTemp(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, folder)
	}
	return folder
}

// The command lines are such as a shell takes apart into the same words.
func TestDemoCommandText(t *testing.T) {
	t.Chdir(t.TempDir())
	con, _ := newConsole()
	d := &demonstration{con: con}
	if err := d.start(Phones()); err != nil {
		t.Fatal(err)
	}
	defer func() { simulate.Close(d.phones) }()
	for _, s := range d.story() {
		for _, c := range s.commands {
			text := strings.ReplaceAll(c.text(), "\\\n", "")
			words := shellWords(text)
			if strings.Join(words[1:], "|") != strings.Join(c.args(), "|") || strings.ContainsAny(text, "$`'*?!%^&|<>;") {
				t.Errorf("%s: %q", text, words)
			}
		}
	}
}

// shellWords takes a line apart as every shell does: at blanks that do not stand in quotes.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

// TestDemoFiles checks that the phone list can be read, and that the payload is always the same.
func TestDemoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	con, _ := newConsole()
	d := &demonstration{con: con}
	if err := d.start(Phones()); err != nil {
		t.Fatal(err)
	}
	defer func() { simulate.Close(d.phones) }()
	listed, err := settings.ReadPhoneList(t.Context(), demoList)
	if err != nil || len(listed) != len(d.phones) {
		t.Fatalf("%v, %v", listed, err)
	}
	for i, l := range listed {
		if l.Address != d.phones[i].Address() || l.Note != simulate.Note || len(l.Phone.Level) != 1 {
			t.Errorf("%+v", l)
		}
	}
	if payload, err := os.ReadFile(demoApp); err != nil || !bytes.Equal(payload, demoPayload()) {
		t.Errorf("%d bytes, %v", len(payload), err)
	}
}

// asTold runs nothing, and ends as the story tells until the step; then it ends with another code.
func asTold(step int, code exit.Code) func(ctx context.Context, folder string, args []string) exit.Code {
	codes := []exit.Code{exit.CodeOK, exit.CodeOK, exit.CodeOK, exit.CodeOK, exit.CodeRefused, exit.CodeRejected}
	return func(context.Context, string, []string) exit.Code {
		if step--; step == 0 {
			return code
		}
		ended := codes[0]
		codes = codes[1:]
		return ended
	}
}

// TestDemoGoneWrong checks that an unexpected exit code or an unexpected state of a phone ends the demo.
func TestDemoGoneWrong(t *testing.T) {
	for _, test := range []struct {
		run  func(ctx context.Context, folder string, args []string) exit.Code
		want string
	}{
		{asTold(1, exit.CodeUnreachable), "step 1 of the demo: cpupdate phone ended with exit code 7 (unreachable), not 0 (ok)"},
		{asTold(3, exit.CodeImage), "step 2 of the demo: cpupdate inspect ended with exit code 3 (image), not 0 (ok)"},
		{asTold(0, exit.CodeOK), "step 5 of the demo: phone 2 was sent the update command 0 times and restarted 0 times, not 1 time and 0 times"},
	} {
		temporary := emptyTemp(t)
		con, out := newConsole()
		err := Run(t.Context(), con, Phones(), false, test.run)
		if f := exit.Classify(err); f.Code != exit.CodeInternal || f.Error() != test.want || len(f.Hints) != 1 {
			t.Errorf("%v, want %s\n%s", err, test.want, out)
		}
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
}

// TestDemoKept checks that --keep keeps the folder after a failure too, and shows its name.
func TestDemoKept(t *testing.T) {
	temporary := emptyTemp(t)
	con, out := newConsole()
	if err := Run(t.Context(), con, Phones(), true, asTold(1, exit.CodeInternal)); err == nil {
		t.Error("no error")
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) != 1 || !strings.Contains(out.String(), left[0].Name()) {
		t.Errorf("%v, %v\n%s", left, err, out)
	}
}

// TestDemoInterrupted checks that an interruption names the step.
func TestDemoInterrupted(t *testing.T) {
	emptyTemp(t)
	con, _ := newConsole()
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, con, Phones(), false, func(context.Context, string, []string) exit.Code {
		cancel()
		return exit.CodeInterrupted
	})
	if f := exit.Classify(err); f.Code != exit.CodeInterrupted || !strings.HasPrefix(f.Error(), "interrupted in step 1 ") {
		t.Errorf("%v", err)
	}
}

// TestDemoNoPlace checks that the demo does not begin if a phone cannot listen or the folder cannot be made.
func TestDemoNoPlace(t *testing.T) {
	emptyTemp(t)
	con, _ := newConsole()
	cast := Phones()
	cast[1].Config.Listen = "127.0.0.1:x"
	if err := Run(t.Context(), con, cast, false, asTold(0, exit.CodeOK)); exit.Classify(err).Code != exit.CodeSettings || !strings.Contains(err.Error(), "phone 2") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, "nowhere-at-all")
	}
	if err := Run(t.Context(), con, Phones(), false, asTold(0, exit.CodeOK)); exit.Classify(err).Code != exit.CodeSettings {
		t.Errorf("%v", err)
	}
}

// TestSeenByPhone checks that the text names the reason why the phone refused the image.
func TestSeenByPhone(t *testing.T) {
	text := seenByPhone(phonesim.State{Instructed: 1, Fetches: 2})
	refused := seenByPhone(phonesim.State{Instructed: 1, Fetches: 2, Refusal: "not mine"})
	if !strings.HasPrefix(refused, text) || !strings.HasSuffix(refused, "not mine.") {
		t.Errorf("%q, %q", text, refused)
	}
}

// TestDemoUnread checks that an answer that cannot be written ends the demo.
func TestDemoUnread(t *testing.T) {
	emptyTemp(t)
	con, _ := newConsole()
	con.Out = brokenWriter{}
	if err := Run(t.Context(), con, Phones(), false, asTold(0, exit.CodeOK)); exit.Classify(err).Code != exit.CodeInternal {
		t.Errorf("%v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }
