package main

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
	oskeyring "github.com/zalando/go-keyring"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestKeyringAnswers has one row for each way in which a keyring can be available or not.
func TestKeyringAnswers(t *testing.T) {
	held := &memoryKeyring{items: map[string]string{}, hold: make(chan struct{})}
	t.Cleanup(func() { close(held.hold) })
	for _, test := range []struct {
		name, variable string
		keyring        keyring
		code           code   // of storing a password when none is stored
		says           string // on standard error then
		show           string // when a password is in the keyring
		problem        string
		push           string // the error of a command that needs it
		unset          code
	}{
		{"off", "off", newMemoryKeyring(), codeOK, "stores the password unencrypted", "in the system's keyring, which $CPUPDATE_KEYRING disables", "off", "defaults: the password in the system's keyring: $CPUPDATE_KEYRING is off", codeOK},
		{"none", "", failingKeyring{errNoKeyring}, codeOK, "unencrypted; only its owner can read it: this system has no keyring", "in the system's keyring, which is not available", "none", "defaults: the password in the system's keyring: this system has no keyring", codeOK},
		{"lost", "", newMemoryKeyring(), codeOK, "the password is stored in the system's keyring", "in the system's keyring, which no longer has it", "lost", "defaults: the password in the system's keyring: there is no such item in the keyring", codeOK},
		{"fails", "", failingKeyring{errors.New("it is locked")}, codeSettings, "the password in the system's keyring: it is locked", "in the system's keyring, which fails", "failed", "defaults: the password in the system's keyring: it is locked", codeSettings},
		{"silent", "", held, codeSettings, "the password in the system's keyring: no answer within 10ms", "in the system's keyring, which does not answer", "silent", "defaults: the password in the system's keyring: no answer within 10ms", codeSettings},
		{"another value", "OFF", newMemoryKeyring(), codeSettings, `$CPUPDATE_KEYRING is "OFF"`, "", "", `$CPUPDATE_KEYRING is "OFF"`, codeSettings},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			use := func(state string) *scene {
				s := newScene(t, state)
				s.pass.keyring, s.pass.keyringVariable = test.keyring, test.variable
				if test.name == "silent" {
					s.pass.keyringLimit = 10_000_000
				}
				return s
			}
			s := use("nothing")
			if r := s.run(secondCanary, "set", "--password-stdin"); r.code != test.code || !strings.Contains(r.errOut, test.says) {
				t.Errorf("set: exit code %d: %s", r.code, r.errOut)
			}
			s = use("nothing")
			s.run("", "unset", "--profile", "berlin", "--all")
			if r := s.run("", "set", "--hw-level", "2"); (r.code == codeOK) != (test.name != "another value") {
				t.Errorf("set --hw-level: exit code %d: %s", r.code, r.errOut)
			}
			s = use("keyring")
			r := s.run("", "show")
			if test.show != "" && (r.code != codeOK || !strings.Contains(r.out, "  password          "+test.show+"\n")) || test.show == "" && r.code != codeSettings {
				t.Errorf("show: exit code %d: %s%s", r.code, r.out, r.errOut)
			}
			if r := s.run("", "show", "--json"); test.problem != "" && !strings.Contains(r.out, `"origin": "keyring",
      "where": "the system's keyring",
      "problem": "`+test.problem+`"`) {
				t.Errorf("show --json: %s", r.out)
			}
			if r := s.run("", "test"); r.code != codeSettings || !strings.HasPrefix(r.errOut, "cpupdate: "+test.push) || !strings.Contains(r.errOut, "\nhint: ") {
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
	if r := s.run("", "test"); r.code != codeSettings || !strings.Contains(r.errOut, "stored for another server") {
		t.Errorf("test: %d: %s", r.code, r.errOut)
	}
	s.run("", "set", "--profile", "oslo", "--port", "22", "--password-stdin")
	s.run("", "set", "--profile", "oslo", "--server", oldServer, "--username", "cp")
	got, err := s.pass.storedPassword(t.Context(), s.store.settingsPlace(), "oslo")
	if err != nil || got.server != oldServer || got.username != "cp" || got.trouble != nil {
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
			if r := s.run(secondCanary, args...); r.code != codeSettings || !strings.Contains(r.errOut, test.says) || s.keyring.calls > 0 {
				t.Errorf("%q: exit code %d: %s", args, r.code, r.errOut)
			}
		}
	}
	for _, text := range []string{"", "canary", "[defaults]\nkeyring = true\n", "[profile.x]\npassword = \"canary\"\n", "[defaults]\npassword = \"can\\u0007ary\"\n", "[defaults]\nserver = \"canary\"\n"} {
		s := newScene(t, "keyring")
		for item := range maps.Keys(s.keyring.all()) {
			s.keyring.items[item] = text
		}
		if r := s.run("", "test"); r.code != codeSettings || !strings.Contains(r.errOut, "the item is not a password of cpupdate") {
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
		item, err := s.store.settingsPlace().keyringItem("")
		if err != nil {
			t.Fatal(err)
		}
		s.keyring.step = func(_ int, after bool) error {
			if after {
				spoil(s.keyring.items, item)
			}
			return nil
		}
		r := s.run(secondCanary, "set", "--password-stdin")
		if r.code != codeSettings || !strings.Contains(r.errOut, "it did not store the password") {
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
	_, err := s.pass.fromKeyring(ctx, "x")
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p := &profile{place: s.store.settingsPlace(), access: transfer.Access{Server: oldServer}}
	if _, err := p.usablePassword(ctx, s.pass); classify(err).code != codeInterrupted {
		t.Error(err)
	}
}

// TestSystemKeyringError checks that a missing keyring, a missing item and a failing keyring are told apart by the
// errors of libraries and systems.
func TestSystemKeyringError(t *testing.T) {
	for _, test := range []struct {
		err  error
		want error  // this one
		says string // or another error with this text
	}{
		{nil, nil, ""},
		{oskeyring.ErrNotFound, errNoItem, ""},
		{oskeyring.ErrUnsupportedPlatform, errNoKeyring, ""},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, errNoKeyring, ""},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NameHasNoOwner"}, errNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENOENT)}, errNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, errNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}, nil, "it reports "},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Spawn.ChildExited"}, nil, "it reports "},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, nil, "it reports "},
		{dbus.ErrClosed, nil, "it reports "},
		{oskeyring.ErrSetDataTooBig, nil, "the password is too long for it"},
		{errors.New("failed to unlock correct collection '/x'"), nil, "it is locked, and was not unlocked"},
		{errors.New(strings.Repeat("\x1b", 1000)), nil, `it reports "\x1b`},
	} {
		got := systemKeyringError(test.err)
		known := errors.Is(got, errNoItem) || errors.Is(got, errNoKeyring)
		if test.says == "" && !errors.Is(got, test.want) || test.says != "" && (got == nil || known || !strings.HasPrefix(got.Error(), test.says) || len(got.Error()) > 1000) {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}

// TestSystemKeyringPanics checks that a connection lost where the library does not expect it is an error, and does not
// end the process.
func TestSystemKeyringPanics(t *testing.T) {
	err := systemKeyring{bus: "unix:path=x"}.call(func() error { panic("canary") })
	if err == nil || errors.Is(err, errNoKeyring) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}
