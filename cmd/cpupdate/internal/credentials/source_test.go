package credentials

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestPasswordSources tests the sources of a password in order: each source is used only if those before it have none.
func TestPasswordSources(t *testing.T) {
	file := clitest.File(t, "password", []byte("of the file\r\n"))
	stored := func(context.Context) (secret.Secret, error) { return secret.New("of the store"), nil }
	nothing := func(context.Context) (secret.Secret, error) { return secret.Secret{}, nil }
	for _, test := range []struct {
		name         string
		options      Source
		variable     string
		stored       func(context.Context) (secret.Secret, error)
		ask, noTTY   bool
		want, origin string
	}{
		{"stdin", Source{Stdin: true}, "v", stored, true, true, "of stdin", fromStdin},
		{"stdin, a terminal", Source{Stdin: true}, "v", stored, false, false, "typed", fromStdin},
		{"file", Source{File: file}, "v", stored, true, false, "of the file", fromFile},
		{"variable", Source{}, "v", stored, true, false, "v", fromVariable},
		{"variable of somebody else", Source{NoVariable: true}, "v", stored, true, false, "of the store", fromStore},
		{"store", Source{}, "", stored, true, false, "of the store", fromStore},
		{"prompt", Source{}, "", nothing, true, false, "typed", fromPrompt},
		{"prompt without a store", Source{}, "", nil, true, false, "typed", fromPrompt},
		{"no terminal", Source{}, "", nothing, true, true, "", ""},
		{"not to be asked", Source{}, "", nothing, false, false, "", ""},
	} {
		con, pass, _ := newTestStore(t, strings.NewReader("of stdin\n"))
		con.InTerminal = !test.noTTY
		con.Ask = func(context.Context, string) (string, error) { return "typed", nil }
		if test.variable != "" {
			pass.Variable = secret.New(test.variable)
		}
		got, origin, err := test.options.Resolve(t.Context(), con, pass, test.stored, test.ask)
		if err != nil || got.Reveal() != test.want || got.IsSet() != (origin != "") || origin != test.origin {
			t.Errorf("%s: got %q from %q, %v", test.name, got.Reveal(), origin, err)
		}
	}
}

// TestPasswordText checks that one line break around a password is removed, and that an invalid password is refused and
// not shown.
func TestPasswordText(t *testing.T) {
	for _, test := range []struct {
		text, want string
		fails      bool
	}{
		{"canary", "canary", false},
		{"canary\n", "canary", false},
		{"canary\r\n", "canary", false},
		{" canary ", " canary ", false},
		{"", "", true},
		{"\ufeff", "", true},
		{"\r\n", "", false},
		{"\n", "", false},
		{"canary\n\n", "", true},
		{"canary\r", "", true},
		{"canary\nmore", "", true},
		{"can\x00ary", "", true},
		{"canary\xff", "", true},
		{strings.Repeat("canary", 1000), "", true},
		{strings.Repeat("c", 4096) + "\r\n", strings.Repeat("c", 4096), false},
		{strings.Repeat("c", 4097), "", true},
	} {
		for _, o := range []Source{{Stdin: true}, {File: clitest.File(t, "password", []byte(test.text))}} {
			con, pass, _ := newTestStore(t, strings.NewReader(test.text))
			got, _, err := o.Resolve(t.Context(), con, pass, nil, false)
			if (err != nil) != test.fails || got.Reveal() != test.want || !test.fails && !got.IsSet() {
				t.Errorf("%.20q: got %.20q, %v", test.text, got.Reveal(), err)
			}
			if err != nil && (exit.Classify(err).Code != exit.CodeSettings || strings.Contains(err.Error(), "can")) {
				t.Errorf("%.20q: %v", test.text, err)
			}
		}
	}
}

func TestPasswordCommand(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh here")
	}
	t.Setenv("CPUPDATE_PASSWORD", "canary")
	t.Setenv("HOME_OF_PASSWORDS", "kept")
	for _, test := range []struct{ command, want, fails string }{
		{"printf '%s\\n' canary", "canary", ""},
		{"sh -c 'echo canary; echo said >&2'", "canary", ""},
		{"true", "", "--password-command: there is no password in it"},
		{"echo", "", ""},
		{"sh -c 'echo ${CPUPDATE_PASSWORD-none} $HOME_OF_PASSWORDS'", "none kept", ""},
		{"sh -c 'echo canary; exit 3'", "", "--password-command sh: exit status 3"},
		{"sh -c 'while :; do echo canary; done'", "", "--password-command sh: prints more than 4096 bytes"},
		{"no-such-program canary", "", "--password-command no-such-program: executable file not found in $PATH"},
		{"printf 'canary", "", "--password-command: a closing quote is missing"},
		{"printf 'canary\\n\\n'", "", "--password-command: the password holds a control character, such as a line break"},
	} {
		con, pass, errOut := newTestStore(t, nil)
		got, _, err := (&Source{Command: test.command}).Resolve(t.Context(), con, pass, nil, false)
		if test.fails == "" && (err != nil || got.Reveal() != test.want || !got.IsSet()) || test.fails != "" && (err == nil || err.Error() != test.fails) {
			t.Errorf("%s: got %q, %v", test.command, got.Reveal(), err)
		}
		if strings.Contains(test.command, "said") && errOut.String() != "said\n" {
			t.Errorf("%s: standard error is %q", test.command, errOut)
		}
	}
}

// TestPasswordInterrupted checks that no source of a password keeps an interrupted command running.
func TestPasswordInterrupted(t *testing.T) {
	pipe, other := io.Pipe()
	defer other.Close()
	sources := map[string]Source{"stdin": {Stdin: true}}
	if _, err := exec.LookPath("sh"); err == nil {
		sources["command"] = Source{Command: "sh -c 'sleep 60; echo'"}
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := exec.CommandContext(t.Context(), "mkfifo", fifo).Run(); err == nil {
			sources["file"] = Source{File: fifo}
		}
	}
	for name, o := range sources {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		con, pass, _ := newTestStore(t, pipe)
		start := time.Now()
		_, _, err := o.Resolve(ctx, con, pass, nil, false)
		if !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
	}
}

// newTestStore returns a console without a terminal that reads from in, a store in a new folder, and what is written on
// standard error.
func newTestStore(t *testing.T, in io.Reader) (*console.Console, *Store, *bytes.Buffer) {
	t.Helper()
	var errOut bytes.Buffer
	con := &console.Console{
		In: in, Out: io.Discard, Err: &errOut, Width: 80,
		Ask: func(context.Context, string) (string, error) { return "", io.EOF },
	}
	return con, &Store{Console: con, Settings: &settings.Store{Folder: t.TempDir()}}, &errOut
}
