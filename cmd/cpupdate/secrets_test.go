package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// The sources of a password, in their order: each but the first is asked only if those before it know nothing.
func TestPasswordSources(t *testing.T) {
	file := clitest.File(t, "password", []byte("of the file\r\n"))
	stored := func(context.Context) (transfer.Secret, error) { return transfer.NewSecret("of the store"), nil }
	nothing := func(context.Context) (transfer.Secret, error) { return transfer.Secret{}, nil }
	for _, test := range []struct {
		name         string
		options      credentials.Source
		variable     string
		stored       func(context.Context) (transfer.Secret, error)
		ask, noTTY   bool
		want, origin string
	}{
		{"stdin", credentials.Source{Stdin: true}, "v", stored, true, true, "of stdin", credentials.FromStdin},
		{"stdin, a terminal", credentials.Source{Stdin: true}, "v", stored, false, false, "typed", credentials.FromStdin},
		{"file", credentials.Source{File: file}, "v", stored, true, false, "of the file", credentials.FromFile},
		{"variable", credentials.Source{}, "v", stored, true, false, "v", credentials.FromVariable},
		{"variable of somebody else", credentials.Source{NoVariable: true}, "v", stored, true, false, "of the store", credentials.FromStore},
		{"store", credentials.Source{}, "", stored, true, false, "of the store", credentials.FromStore},
		{"prompt", credentials.Source{}, "", nothing, true, false, "typed", credentials.FromPrompt},
		{"prompt without a store", credentials.Source{}, "", nil, true, false, "typed", credentials.FromPrompt},
		{"no terminal", credentials.Source{}, "", nothing, true, true, "", ""},
		{"not to be asked", credentials.Source{}, "", nothing, false, false, "", ""},
	} {
		a, _, _ := testApp(t, strings.NewReader("of stdin\n"))
		a.con.InTerminal = !test.noTTY
		a.con.Ask = func(context.Context, string) (string, error) { return "typed", nil }
		if test.variable != "" {
			a.pass.Variable = transfer.NewSecret(test.variable)
		}
		got, origin, err := test.options.Resolve(t.Context(), a.con, a.pass, test.stored, test.ask)
		if err != nil || got.Reveal() != test.want || got.IsSet() != (origin != "") || origin != test.origin {
			t.Errorf("%s: got %q from %q, %v", test.name, got.Reveal(), origin, err)
		}
	}
}

// What surrounds a password is one line break; what cannot be one is refused and not shown.
func TestPasswordText(t *testing.T) {
	for _, test := range []struct {
		text, want string
		fails      bool
	}{
		{"canary", "canary", false},
		{"canary\n", "canary", false},
		{"canary\r\n", "canary", false},
		{" canary ", " canary ", false},
		{"", "", false},
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
		for _, o := range []credentials.Source{{Stdin: true}, {File: clitest.File(t, "password", []byte(test.text))}} {
			a, _, _ := testApp(t, strings.NewReader(test.text))
			got, _, err := o.Resolve(t.Context(), a.con, a.pass, nil, false)
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
		{"true", "", ""},
		{"sh -c 'echo ${CPUPDATE_PASSWORD-none} $HOME_OF_PASSWORDS'", "none kept", ""},
		{"sh -c 'echo canary; exit 3'", "", "--password-command sh: exit status 3"},
		{"sh -c 'while :; do echo canary; done'", "", "--password-command sh: prints more than 4096 bytes"},
		{"no-such-program canary", "", "--password-command no-such-program: executable file not found in $PATH"},
		{"printf 'canary", "", "--password-command: a quote is not closed"},
		{"printf 'canary\\n\\n'", "", "--password-command: the password holds a control character, such as a line break"},
	} {
		a, _, errOut := testApp(t, nil)
		got, _, err := (&credentials.Source{Command: test.command}).Resolve(t.Context(), a.con, a.pass, nil, false)
		if test.fails == "" && (err != nil || got.Reveal() != test.want || !got.IsSet()) || test.fails != "" && (err == nil || err.Error() != test.fails) {
			t.Errorf("%s: got %q, %v", test.command, got.Reveal(), err)
		}
		if strings.Contains(test.command, "said") && errOut.String() != "said\n" {
			t.Errorf("%s: standard error is %q", test.command, errOut)
		}
	}
}

// Nothing that a password is waited for keeps an interrupted command alive.
func TestPasswordInterrupted(t *testing.T) {
	pipe, other := io.Pipe()
	defer other.Close()
	sources := map[string]credentials.Source{"stdin": {Stdin: true}}
	if _, err := exec.LookPath("sh"); err == nil {
		sources["command"] = credentials.Source{Command: "sh -c 'sleep 60; echo'"}
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := exec.CommandContext(t.Context(), "mkfifo", fifo).Run(); err == nil {
			sources["file"] = credentials.Source{File: fifo}
		}
	}
	for name, o := range sources {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		a, _, _ := testApp(t, pipe)
		start := time.Now()
		_, _, err := o.Resolve(ctx, a.con, a.pass, nil, false)
		if !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
	}
}
