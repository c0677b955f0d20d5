package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestKeyringAnswers has one row for each way in which a keyring can be available or not.
func TestKeyringAnswers(t *testing.T) {
	held := &memoryKeyring{items: map[string]string{}, hold: make(chan struct{})}
	t.Cleanup(func() { close(held.hold) })
	for _, test := range []struct {
		name, variable string
		keyring        credentials.Keyring
		code           exit.Code // of storing a password when none is stored
		says           string    // on standard error then
		show           string    // when a password is in the keyring
		problem        string
		push           string // the error of a command that needs it
		unset          exit.Code
	}{
		{"off", "off", newMemoryKeyring(), exit.CodeOK, "stores the password unencrypted", "in the system's keyring, which $CPUPDATE_KEYRING disables", "off", "defaults: the password in the system's keyring: $CPUPDATE_KEYRING is off", exit.CodeOK},
		{"none", "", failingKeyring{credentials.ErrNoKeyring}, exit.CodeOK, "unencrypted; only its owner can read it: this system has no keyring", "in the system's keyring, which is not available", "none", "defaults: the password in the system's keyring: this system has no keyring", exit.CodeOK},
		{"lost", "", newMemoryKeyring(), exit.CodeOK, "the password is stored in the system's keyring", "in the system's keyring, which no longer has it", "lost", "defaults: the password in the system's keyring: there is no such item in the keyring", exit.CodeOK},
		{"fails", "", failingKeyring{errors.New("it is locked")}, exit.CodeSettings, "the password in the system's keyring: it is locked", "in the system's keyring, which fails", "failed", "defaults: the password in the system's keyring: it is locked", exit.CodeSettings},
		{"silent", "", held, exit.CodeSettings, "the password in the system's keyring: no answer within 10ms", "in the system's keyring, which does not answer", "silent", "defaults: the password in the system's keyring: no answer within 10ms", exit.CodeSettings},
		{"another value", "OFF", newMemoryKeyring(), exit.CodeSettings, `$CPUPDATE_KEYRING is "OFF"`, "", "", `$CPUPDATE_KEYRING is "OFF"`, exit.CodeSettings},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			use := func(state string) *scene {
				s := newScene(t, state)
				s.pass.Keyring, s.pass.KeyringSetting = test.keyring, test.variable
				if test.name == "silent" {
					s.pass.KeyringLimit = 10_000_000
				}
				return s
			}
			s := use("nothing")
			if r := s.run(secondCanary, "set", "--password-stdin"); r.code != test.code || !strings.Contains(r.errOut, test.says) {
				t.Errorf("set: exit code %d: %s", r.code, r.errOut)
			}
			s = use("nothing")
			s.run("", "unset", "--profile", "berlin", "--all")
			if r := s.run("", "set", "--hw-level", "2"); (r.code == exit.CodeOK) != (test.name != "another value") {
				t.Errorf("set --hw-level: exit code %d: %s", r.code, r.errOut)
			}
			s = use("keyring")
			r := s.run("", "show")
			if test.show != "" && (r.code != exit.CodeOK || !strings.Contains(r.out, "  password          "+test.show+"\n")) || test.show == "" && r.code != exit.CodeSettings {
				t.Errorf("show: exit code %d: %s%s", r.code, r.out, r.errOut)
			}
			if r := s.run("", "show", "--json"); test.problem != "" && !strings.Contains(r.out, `"origin": "keyring",
      "where": "the system's keyring",
      "problem": "`+test.problem+`"`) {
				t.Errorf("show --json: %s", r.out)
			}
			if r := s.run("", "test"); r.code != exit.CodeSettings || !strings.HasPrefix(r.errOut, "cpupdate: "+test.push) || !strings.Contains(r.errOut, "\nhint: ") {
				t.Errorf("test: exit code %d: %s", r.code, r.errOut)
			}
			if r := s.run("", "unset", "password"); r.code != test.unset || strings.Contains(r.errOut, "the password may still be in a keyring") != (test.problem == "off" || test.problem == "none") {
				t.Errorf("unset: exit code %d: %s", r.code, r.errOut)
			}
		})
	}
}

// TestKeyringLeftAlone checks that the keyring is not used if nothing is stored in it.
func TestKeyringLeftAlone(t *testing.T) {
	s := newScene(t, "nothing")
	s.run("", "unset", "--profile", "berlin", "--all")
	s.keyring.got, s.keyring.calls = 0, 0
	for _, args := range [][]string{{"set", "--port", "22"}, {"show"}, {"unset", "port"}, {"unset", "password"}, {"test"}, {"unset", "--all"}} {
		s.run("", args...)
	}
	if s.keyring.got+s.keyring.calls > 0 {
		t.Errorf("the keyring was asked %d times, and changed %d times", s.keyring.got, s.keyring.calls)
	}
}

// TestKeyringBinding checks that a password in the keyring is sent only where it was stored for, and that missing
// access data is added to it.
func TestKeyringBinding(t *testing.T) {
	s := newScene(t, "keyring")
	if r := s.run("", "set", "--server", newServer); !strings.Contains(r.errOut, "stored for another server") {
		t.Errorf("set: %s", r.errOut)
	}
	if r := s.run("", "test"); r.code != exit.CodeSettings || !strings.Contains(r.errOut, "stored for another server") {
		t.Errorf("test: %d: %s", r.code, r.errOut)
	}
	s.run("\n", "set", "--profile", "oslo", "--port", "22", "--password-stdin")
	s.run("", "set", "--profile", "oslo", "--server", oldServer, "--username", "cp")
	got, err := s.pass.Password(t.Context(), s.store.Place(), "oslo")
	if err != nil || got.Server != oldServer || got.Username != "cp" || got.Trouble != nil {
		t.Errorf("oslo: %+v, %v", got, err)
	}
}

// TestKeyringForm checks that an item in another format is an error that repeats nothing of it.
func TestKeyringForm(t *testing.T) {
	for _, test := range []struct{ text, says string }{
		{"[defaults]\npassword = \"canary\"\nkeyring = true\n", "line 3, column 1: no other key is allowed beside keyring = true"},
		{"[defaults]\nkeyring = false\n", "line 2, column 1: keyring must be true, or be removed"},
		{"[defaults]\nkeyring = \"canary\"\n", "line 2, column 1: keyring must be true or false, without quotes"},
	} {
		s := newScene(t, "nothing")
		if err := os.WriteFile(s.path(), []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"show"}, {"set", "--password-stdin"}, {"test"}} {
			if r := s.run(secondCanary, args...); r.code != exit.CodeSettings || !strings.Contains(r.errOut, test.says) || s.keyring.calls > 0 {
				t.Errorf("%q: exit code %d: %s", args, r.code, r.errOut)
			}
		}
	}
	for _, text := range []string{"", "canary", "[defaults]\nkeyring = true\n", "[profile.x]\npassword = \"canary\"\n", "[defaults]\npassword = \"can\\u0007ary\"\n", "[defaults]\nserver = \"canary\"\n"} {
		s := newScene(t, "keyring")
		for item := range maps.Keys(s.keyring.all()) {
			s.keyring.items[item] = text
		}
		if r := s.run("", "test"); r.code != exit.CodeSettings || !strings.Contains(r.errOut, "the item is not a password of cpupdate") {
			t.Errorf("%q: exit code %d: %s", text, r.code, r.errOut)
		}
	}
}

// TestKeyringReadBack checks that a keyring that reports success but stores nothing, or something else, is an error: a
// person may have refused.
func TestKeyringReadBack(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(items map[string]string, item string){
		"nothing":        func(items map[string]string, item string) { delete(items, item) },
		"something else": func(items map[string]string, item string) { items[item] = "x" },
	} {
		s := newScene(t, "nothing")
		s.run("", "unset", "--profile", "berlin", "--all")
		s.keyring.step = func(_ int, after bool) error {
			if after {
				spoil(s.keyring.items, s.item(""))
			}
			return nil
		}
		r := s.run(secondCanary, "set", "--password-stdin")
		if r.code != exit.CodeSettings || !strings.Contains(r.errOut, "it did not store the password") {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.errOut)
		}
		s.keyring.step = nil
		if r := s.run("", "show"); !strings.Contains(r.out, "  password          not stored\n") {
			t.Errorf("%s: %s", name, r.out)
		}
	}
}

// TestKeyringInterrupted checks that Ctrl-C ends the wait for a keyring.
func TestKeyringInterrupted(t *testing.T) {
	s := newScene(t, "keyring")
	s.keyring.hold = make(chan struct{})
	t.Cleanup(func() { close(s.keyring.hold) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.pass.Password(ctx, s.store.Place(), "")
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p := &settings.Profile{Place: s.store.Place(), Access: transfer.Access{Server: oldServer}}
	if _, err := s.pass.Usable(ctx, p); exit.Classify(err).Code != exit.CodeInterrupted {
		t.Error(err)
	}
}
