package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestConcurrentChanges checks that many processes can change settings at once, and no change is lost.
func TestConcurrentChanges(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			a := newTestApp(&console{quiet: true, err: io.Discard}, folder)
			secret := transfer.NewSecret(fmt.Sprint("secret", i))
			c := settingsChange{profile: fmt.Sprint("p", i), set: []givenSetting{{"server", []string{fmt.Sprint("x", i)}}}, password: &secret}
			if err := a.pass.changeSettings(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	a := newTestApp(&console{quiet: true, err: io.Discard}, folder)
	for i := range 12 {
		p, err := a.store.stored(fmt.Sprint("p", i))
		if err != nil || p.access.Server != fmt.Sprint("x", i) {
			t.Fatalf("%d: %v", i, err)
		}
		if stored, err := a.pass.storedPassword(t.Context(), p.place, p.name); err != nil || stored.secret.Reveal() != fmt.Sprint("secret", i) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestChangedMeanwhile checks that the change of an editor in the meantime is not lost, and that a failed change leaves
// nothing.
func TestChangedMeanwhile(t *testing.T) {
	for _, before := range []string{"", "[defaults]\n"} {
		name := filepath.Join(t.TempDir(), "site.toml")
		if before != "" {
			if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := changeFile(name, configForm(), func(e *storedEdit) error {
			if err := os.WriteFile(name, []byte("[defaults]\nserver = 'theirs'\n"), 0o600); err != nil {
				return err
			}
			return e.set("", "server", []string{"ours"})
		})
		if err == nil || !strings.Contains(err.Error(), "another program changed the file in the meantime") {
			t.Errorf("got %v", err)
		}
		checkLeft(t, name, "[defaults]\nserver = 'theirs'\n")
	}
}

// TestEditIsReadBack checks that a text that would not be read back correctly is not written.
func TestEditIsReadBack(t *testing.T) {
	name := newFile(t, "site.toml", []byte("[defaults]\n"))
	for _, change := range []func(e *storedEdit) error{
		func(e *storedEdit) error { return e.set("", "port", []string{"1\nserver = 'x'"}) },
		func(e *storedEdit) error { return e.set("", "port", []string{"1.5"}) },
		func(e *storedEdit) error { return e.set("", "password", []string{"x"}) },
		func(e *storedEdit) error { return e.set("", "server", []string{"\xff"}) },
		func(e *storedEdit) error { return e.set("a b", "server", []string{"x"}) },
		func(*storedEdit) error { return errors.New("no") },
	} {
		if err := changeFile(name, configForm(), change); classify(err).code != codeSettings {
			t.Errorf("got %v", err)
		}
		checkLeft(t, name, "[defaults]\n")
	}
}

// TestLockInterrupted checks that waiting for a lock can be interrupted.
func TestLockInterrupted(t *testing.T) {
	name := newFile(t, "site.toml", []byte("# x"))
	unlock, err := lockSettings(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := lockSettings(ctx, name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	checkLeft(t, name, "# x")
}

// TestNoSettingsFolder checks that a system without a settings folder has no settings, and can store none.
func TestNoSettingsFolder(t *testing.T) {
	a, out, errOut := testApp(t, nil)
	a.store.settings = ""
	if c := run(t.Context(), a, []string{"defaults", "show"}); c != codeOK || !strings.Contains(out.String(), "has no settings folder") {
		t.Errorf("exit code %d\n%s%s", c, out, errOut)
	}
	if c := run(t.Context(), a, []string{"defaults", "set", "--server", "x"}); c != codeSettings {
		t.Errorf("exit code %d\n%s", c, errOut)
	}
}
