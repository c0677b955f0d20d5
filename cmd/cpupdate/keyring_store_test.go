package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

const (
	firstCanary  = "old canary"
	secondCanary = "new canary"
	oldServer    = "old.example"
	newServer    = "new.example"
)

// A storing is one command that changes what is stored, starting from one state.
type storing struct {
	name, state string // of the password before: "nothing", "file" or "keyring"
	args        []string
	want        string // the password afterwards
	moves       bool   // every password out of the file
}

func storings() []storing {
	var all []storing
	for _, state := range []string{"nothing", "file", "keyring"} {
		old := firstCanary
		if state == "nothing" {
			old = ""
		}
		all = append(all,
			storing{"the same server", state, []string{"set", "--password-stdin"}, secondCanary, false},
			storing{"another server", state, []string{"set", "--server", newServer, "--password-stdin"}, secondCanary, false},
			storing{"no password", state, []string{"set", "--port", "22"}, old, false},
			storing{"unset password", state, []string{"unset", "password"}, "", false},
			storing{"move", state, []string{"move-passwords"}, old, true},
			storing{"unset all", state, []string{"unset", "--all"}, "", false},
		)
	}
	return all
}

// A scene is a settings folder and a keyring, and what they contained at each moment.
type scene struct {
	t       *testing.T
	store   *settings.Store
	pass    *credentials.Store
	keyring *memoryKeyring
	moments []moment
}

type moment struct {
	name  string
	files map[string]string
	items map[string]string
}

// item is the name of a profile's password in the keyring.
func (s *scene) item(profile string) string {
	if profile == "" {
		return s.path() + " [defaults]"
	}
	return s.path() + " [profile." + profile + "]"
}

func (s *scene) path() string { return filepath.Join(s.store.Folder, "passwords.toml") }

func (s *scene) run(stdin string, args ...string) ran {
	s.t.Helper()
	a, out, errOut := testApp(s.t, strings.NewReader(stdin))
	a.store.Folder, a.pass.Keyring, a.pass.KeyringSetting, a.pass.KeyringLimit = s.store.Folder, s.pass.Keyring, s.pass.KeyringSetting, s.pass.KeyringLimit
	args = append([]string{"defaults"}, args...)
	c := run(s.t.Context(), a, args)
	r := ran{c, out.String(), errOut.String()}
	r.check(s.t, args)
	if strings.Contains(r.out+r.errOut, "canary") {
		s.t.Errorf("%q: the password is shown:\n%s%s", args, r.out, r.errOut)
	}
	return r
}

// newScene returns a scene with the old password stored where state says, and another one in the file for the profile
// berlin.
func newScene(t *testing.T, state string) *scene {
	t.Helper()
	a, _, _ := testApp(t, nil)
	s := &scene{t: t, store: a.store, pass: a.pass, keyring: newMemoryKeyring()}
	a.pass.Keyring = s.keyring
	const settings = "server = \"" + oldServer + "\"\nusername = \"cp\"\nmethod = \"ftps\"\n"
	const old = "[defaults]\npassword = \"" + firstCanary + "\"\n" + settings
	passwords := "[profile.berlin]\npassword = \"berlin canary\"\n" + settings
	switch state {
	case "file":
		passwords = old + "\n" + passwords
	case "keyring":
		passwords = "[defaults]\nkeyring = true\n\n" + passwords
		s.keyring.items[s.item("")] = old
	}
	for name, text := range map[string]string{
		"config.toml": "[defaults]\n" + settings + "\n[profile.berlin]\n" + settings, "passwords.toml": passwords,
	} {
		if err := os.WriteFile(filepath.Join(a.store.Folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *scene) remember(name string) {
	files := map[string]string{}
	for _, name := range []string{"config.toml", "passwords.toml"} {
		if text, err := os.ReadFile(filepath.Join(s.store.Folder, name)); err == nil {
			files[name] = string(text)
		}
	}
	s.moments = append(s.moments, moment{name, files, s.keyring.all()})
}

// check checks one moment as the next process would find it.
func (s *scene) check(c storing, m moment, succeeded bool) {
	s.t.Helper()
	for name, text := range m.files {
		if err := os.WriteFile(filepath.Join(s.store.Folder, name), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	pass := *s.pass
	pass.Keyring = &memoryKeyring{items: m.items}
	place := s.store.Place()
	for _, name := range []string{"", "berlin"} {
		kept := m.items[s.item(name)] != ""
		got, err := pass.Password(s.t.Context(), place, name)
		if err != nil {
			s.t.Errorf("%s: %v", m.name, err)
		}
		if name == "berlin" {
			if got.Secret.Reveal() != "berlin canary" {
				s.t.Errorf("%s: the password of berlin is lost: %+v", m.name, got)
			}
			continue
		}
		s.checkChanged(c, m, got, succeeded, kept)
	}
}

// checkChanged checks the password that the command changed.
func (s *scene) checkChanged(c storing, m moment, got credentials.Password, succeeded, kept bool) {
	s.t.Helper()
	lost := got.Trouble.OneOf(credentials.KeyringLost)
	taken := c.args[0] == "unset"
	switch text := got.Secret.Reveal(); {
	case got.Trouble != nil && !lost:
		s.t.Errorf("%s: %v", m.name, got.Trouble)
	case succeeded && (text != c.want || lost || c.want == "" && (got.There() || kept)):
		s.t.Errorf("%s: it holds %q, lost %v, kept %v, want %q", m.name, text, lost, kept, c.want)
	case lost && !taken && c.state != "nothing":
		s.t.Errorf("%s: the old password is lost", m.name)
	case !got.There() && c.state != "nothing" && !taken:
		s.t.Errorf("%s: the old password is lost, and nothing says so", m.name)
	case text == firstCanary && got.Server != oldServer, text == secondCanary && got.Server != map[string]string{"another server": newServer}[c.name] && got.Server != oldServer,
		text == secondCanary && c.name == "another server" && got.Server != newServer:
		s.t.Errorf("%s: %q is for %q", m.name, text, got.Server)
	}
}

// TestStoringBrokenOff ends each command at each step, in several ways, and checks what is left.
func TestStoringBrokenOff(t *testing.T) {
	t.Parallel()
	refuses := errors.New("it refuses")
	for _, c := range storings() {
		t.Run(c.state+" "+c.name, func(t *testing.T) {
			t.Parallel()
			// The result of an undisturbed run, and every moment before it: the process may end at any of them.
			s := newScene(t, c.state)
			s.keyring.step = func(call int, after bool) error {
				s.remember(fmt.Sprintf("killed at call %d, after %v", call, after))
				return nil
			}
			if r := s.run(secondCanary, c.args...); r.code != exit.CodeOK {
				t.Fatalf("exit code %d: %s", r.code, r.errOut)
			}
			s.keyring.step = nil
			calls := s.keyring.calls
			s.remember("the end")
			last := s.moments[len(s.moments)-1]
			if moved := !strings.Contains(last.files["passwords.toml"], "password ="); moved != c.moves {
				t.Errorf("passwords have moved: %v, want %v\n%s", moved, c.moves, last.files["passwords.toml"])
			}
			for i, m := range s.moments {
				s.check(c, m, i == len(s.moments)-1)
			}
			for call := 1; call <= calls; call++ {
				for _, after := range []bool{false, true} {
					s := newScene(t, c.state)
					s.keyring.step = func(n int, a bool) error {
						if n == call && a == after {
							return refuses
						}
						return nil
					}
					r := s.run(secondCanary, c.args...)
					s.keyring.step = nil
					s.remember(fmt.Sprintf("call %d fails, after %v, with exit code %d", call, after, r.code))
					s.check(c, s.moments[0], r.code == exit.CodeOK && (c.args[0] == "set" || !after))
					if r.code != exit.CodeOK && r.code != exit.CodeSettings || r.code == exit.CodeOK && !strings.Contains(r.errOut, "warning: ") {
						t.Errorf("call %d fails: exit code %d: %s", call, r.code, r.errOut)
					}
				}
				testFileFails(t, c, call)
			}
		})
	}
}

// testFileFails makes the password file unusable after the keyring was changed.
func testFileFails(t *testing.T, c storing, call int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	s := newScene(t, c.state)
	s.keyring.step = func(n int, after bool) error {
		if n == call && after {
			return os.Chmod(s.path(), 0o644)
		}
		return nil
	}
	r := s.run(secondCanary, c.args...)
	s.keyring.step = nil
	if err := os.Chmod(s.path(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.remember(fmt.Sprintf("the file is refused after call %d, exit code %d", call, r.code))
	s.check(c, s.moments[0], false)
	if r.code != exit.CodeSettings {
		t.Errorf("the file is refused after call %d: exit code %d: %s", call, r.code, r.errOut)
	}
}
