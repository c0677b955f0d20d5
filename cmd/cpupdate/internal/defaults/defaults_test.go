package defaults

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// set stores what the flags give.
func set(ctx context.Context, t *testing.T, m *machine.Machine, profile string, args ...string) error {
	t.Helper()
	o := SetOptions{Profile: profile}
	flags := pflag.NewFlagSet("defaults set", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Set(ctx, m.Console, m.Passwords, o)
}

// answer is what was written to standard output, and forgets it.
func answer(t *testing.T, m *machine.Machine) defaultsDoc {
	t.Helper()
	var doc defaultsDoc
	if err := json.Unmarshal(m.Out.Bytes(), &doc); err != nil {
		t.Fatalf("%v in %s", err, m.Out)
	}
	m.Out.Reset()
	return doc
}

func mustBe(t *testing.T, want exit.Code, err error) {
	t.Helper()
	if c := exit.CodeOK; err != nil {
		if c = exit.Classify(err).Code; c != want {
			t.Fatalf("exit code %d, want %d: %v", c, want, err)
		}
	} else if c != want {
		t.Fatalf("no error, want exit code %d", want)
	}
}

// TestSetAndUnset stores settings step by step, in a profile and as defaults, and removes them again.
func TestSetAndUnset(t *testing.T) {
	m := machine.New(t)
	m.Console.JSON = true
	mustBe(t, exit.CodeOK, set(t.Context(), t, m, "", "--method", "ftps", "--server", "files.example", "--port", "2121", "--hw-level", "3"))
	doc := answer(t, m)
	if !doc.Stored || doc.Settings["server"].Value != "files.example" || doc.Settings["port"].Value != 2121.0 || doc.Settings["hw_level"].Value != 3.0 ||
		doc.Settings["server"].Origin != originStored || doc.Settings["username"].Origin != originUnset || doc.Settings["ca"].Origin != originDefault {
		t.Errorf("%+v", doc)
	}
	if !strings.Contains(m.Err.String(), "username") {
		t.Errorf("that the user's name is missing is not said: %s", m.Err)
	}
	pin := "sha256:" + strings.Repeat("0", 64)
	password := clitest.File(t, "password", []byte("canary"))
	mustBe(t, exit.CodeOK, set(t.Context(), t, m, "berlin", "--server", "b.example", "--username", "cp", "--method", "ftps", "--pin", pin, "--password-file", password))
	doc = answer(t, m)
	if doc.Profile != "berlin" || len(doc.Profiles) != 1 || doc.Settings["port"].Value != 21.0 || doc.Settings["password"].Origin != originPassword {
		t.Errorf("%+v", doc)
	}
	if pins, ok := doc.Settings["pin"].Value.([]any); !ok || len(pins) != 1 || pins[0] != pin || doc.Settings["ca"].Origin != originUnset {
		t.Errorf("%+v", doc.Settings)
	}
	mustBe(t, exit.CodeOK, Unset(t.Context(), m.Passwords, "", false, []string{"port", "hw-level"}))
	if doc := answer(t, m); doc.Settings["port"].Origin != originDefault || doc.Settings["hw_level"].Origin != originUnset || doc.Settings["server"].Origin != originStored {
		t.Errorf("%+v", doc)
	}
	mustBe(t, exit.CodeOK, Unset(t.Context(), m.Passwords, "berlin", false, []string{"password"}))
	if doc := answer(t, m); doc.Settings["password"].Origin != originUnset || !doc.Stored {
		t.Errorf("%+v", doc)
	}
	mustBe(t, exit.CodeOK, Unset(t.Context(), m.Passwords, "berlin", true, nil))
	if doc := answer(t, m); doc.Stored || len(doc.Profiles) != 0 {
		t.Errorf("%+v", doc)
	}
	if strings.Contains(m.Err.String(), "canary") {
		t.Error("the password is shown")
	}
}

// TestSetRefused checks that invalid flags are refused before anything is written.
func TestSetRefused(t *testing.T) {
	m := machine.New(t)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		code exit.Code
		err  error
	}{
		{exit.CodeUsage, set(t.Context(), t, m, "")},
		{exit.CodeUsage, set(t.Context(), t, m, "no good name", "--server", "x")},
		{exit.CodeUsage, set(t.Context(), t, m, "", "--server", "x", "--port", "0")},
		{exit.CodeUsage, set(t.Context(), t, m, "", "--password-stdin", "--password-file", "x")},
		{exit.CodeSettings, set(t.Context(), t, m, "", "--server", "x", "--password-file", filepath.Join(t.TempDir(), "missing"))},
		{exit.CodeInterrupted, set(stopped, t, m, "", "--server", "x")},
		{exit.CodeUsage, Unset(t.Context(), m.Passwords, "", false, nil)},
		{exit.CodeUsage, Unset(t.Context(), m.Passwords, "", true, []string{"server"})},
		{exit.CodeUsage, Unset(t.Context(), m.Passwords, "", false, []string{"colour"})},
		{exit.CodeUsage, Unset(t.Context(), m.Passwords, "no good name", true, nil)},
		{exit.CodeInterrupted, Unset(stopped, m.Passwords, "", false, []string{"server"})},
	} {
		mustBe(t, test.code, test.err)
	}
	if left, err := os.ReadDir(m.Settings.Folder); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	m.Put(t, "config.toml", "server = \n")
	mustBe(t, exit.CodeSettings, set(t.Context(), t, m, "", "--server", "x"))
	mustBe(t, exit.CodeSettings, Unset(t.Context(), m.Passwords, "", false, []string{"server"}))
	mustBe(t, exit.CodeSettings, Show(t.Context(), m.Console, m.Settings, m.Passwords, "", false))
}

// shown are the defaults as text.
func shown(t *testing.T, config, name string, origin bool) string {
	t.Helper()
	m := machine.New(t)
	if config != "" {
		m.Put(t, "config.toml", config)
	}
	if err := Show(t.Context(), m.Console, m.Settings, m.Passwords, name, origin); err != nil {
		t.Fatal(err)
	}
	return m.Out.String() + m.Err.String()
}

// TestShow checks that the text shows what is stored and what applies by default, and hides what has no meaning.
func TestShow(t *testing.T) {
	const berlin = "[profile.berlin]\nserver = \"x\"\n"
	for _, test := range []struct {
		config, profile string
		origin          bool
		has, hasNot     []string
	}{
		{"", "", false, []string{"config.toml", "cpupdate defaults set"}, []string{"  port "}},
		{berlin, "", false, []string{"cpupdate defaults set", "  profiles ", "berlin"}, nil},
		{berlin, "paris", false, []string{"paris"}, []string{"  profiles ", "cpupdate defaults set"}},
		{stored, "", false, []string{"files.example", "  port              21 (default for ftp)", "  account "}, []string{"  base-url ", "config.toml, line 2"}},
		{stored, "", true, []string{"config.toml, line 2", "default for ftp"}, nil},
		{"[defaults]\nmethod = \"https\"\nbase-url = \"https://x/\"\n", "", false, []string{"  base-url          https://x/"}, []string{"  server ", "  port ", "  path ", "  account "}},
		{"[defaults]\nmethod = \"https\"\nserver = \"x\"\n", "", false, []string{"  port              443 (default for https)"}, []string{"  base-url "}},
		{"[defaults]\nserver = \"x\"\npin = [\"sha256:" + strings.Repeat("0", 64) + "\"]\n", "", false, []string{"warning: "}, nil},
	} {
		text := shown(t, test.config, test.profile, test.origin)
		for _, want := range test.has {
			if !strings.Contains(text, want) {
				t.Errorf("%q of %q: %q is missing\n%s", test.profile, test.config, want, text)
			}
		}
		for _, word := range test.hasNot {
			if strings.Contains(text, word) {
				t.Errorf("%q of %q: %q is there\n%s", test.profile, test.config, word, text)
			}
		}
	}
}

// TestPasswordRow checks that the place of a password is shown, and never the password.
func TestPasswordRow(t *testing.T) {
	m := machine.New(t)
	m.Put(t, "config.toml", stored)
	for passwords, origin := range map[string]string{
		"": originUnset, "[defaults]\npassword = \"canary\"\n": originPassword, "[defaults]\nkeyring = true\n": originKeyring,
	} {
		m.Put(t, "passwords.toml", passwords)
		m.Console.JSON = true
		if err := Show(t.Context(), m.Console, m.Settings, m.Passwords, "", false); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.Out.String(), "canary") {
			t.Error("the password is shown")
		}
		row := answer(t, m).Settings[transfer.SettingPassword]
		if row.Origin != origin || row.Value != nil || (row.Problem != "") != (origin == originKeyring) {
			t.Errorf("%q: %+v", passwords, row)
		}
	}
}

// TestRows checks that every setting has a default row for every method.
func TestRows(t *testing.T) {
	for _, method := range []transfer.Method{"", transfer.FTP, transfer.FTPS, transfer.HTTPS} {
		p := &settings.Profile{Access: transfer.Access{Method: method}}
		for _, name := range settings.Names() {
			doc, text, hide := defaultSetting(p, name)
			if text == "" || doc.Origin != originDefault && doc.Origin != originUnset || doc.Origin == originUnset && doc.Value != nil || hide && doc.Value != nil {
				t.Errorf("%s by %q: %+v, %q, hidden %v", name, method, doc, text, hide)
			}
		}
	}
}

// TestSetUnread checks that an answer that cannot be written is an error.
func TestSetUnread(t *testing.T) {
	m := machine.New(t)
	m.Console.Out = brokenWriter{}
	if err := set(t.Context(), t, m, "", "--server", "x"); exit.Classify(err).Code != exit.CodeInternal || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
