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

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Many change different settings at once, and all of it is there afterwards.
func TestConcurrentChanges(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			a := newTestApp(&console.Console{Quiet: true, Err: io.Discard}, folder)
			secret := transfer.NewSecret(fmt.Sprint("secret", i))
			c := credentials.Change{Profile: fmt.Sprint("p", i), Set: []settings.Given{{Name: "server", Texts: []string{fmt.Sprint("x", i)}}}, Password: &secret}
			if err := a.pass.Change(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	a := newTestApp(&console.Console{Quiet: true, Err: io.Discard}, folder)
	for i := range 12 {
		p, err := a.store.Profile(fmt.Sprint("p", i))
		if err != nil || p.Access.Server != fmt.Sprint("x", i) {
			t.Fatalf("%d: %v", i, err)
		}
		if stored, err := a.pass.Password(t.Context(), p.Place, p.Name); err != nil || stored.Secret.Reveal() != fmt.Sprint("secret", i) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What an editor did meanwhile is not lost, and a change that fails leaves nothing.
func TestChangedMeanwhile(t *testing.T) {
	for _, before := range []string{"", "[defaults]\n"} {
		name := filepath.Join(t.TempDir(), "site.toml")
		if before != "" {
			if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := credentials.ChangeFile(name, settings.ConfigForm(), func(e *tomledit.Edit) error {
			if err := os.WriteFile(name, []byte("[defaults]\nserver = 'theirs'\n"), 0o600); err != nil {
				return err
			}
			return e.Set("", "server", []string{"ours"})
		})
		if err == nil || !strings.Contains(err.Error(), "somebody else changed the file meanwhile") {
			t.Errorf("got %v", err)
		}
		checkLeft(t, name, "[defaults]\nserver = 'theirs'\n")
	}
}

// A text that would not be read back as it is meant is not written.
func TestEditIsReadBack(t *testing.T) {
	name := clitest.File(t, "site.toml", []byte("[defaults]\n"))
	for _, change := range []func(e *tomledit.Edit) error{
		func(e *tomledit.Edit) error { return e.Set("", "port", []string{"1\nserver = 'x'"}) },
		func(e *tomledit.Edit) error { return e.Set("", "port", []string{"1.5"}) },
		func(e *tomledit.Edit) error { return e.Set("", "password", []string{"x"}) },
		func(e *tomledit.Edit) error { return e.Set("", "server", []string{"\xff"}) },
		func(e *tomledit.Edit) error { return e.Set("a b", "server", []string{"x"}) },
		func(*tomledit.Edit) error { return errors.New("no") },
	} {
		if err := credentials.ChangeFile(name, settings.ConfigForm(), change); exit.Classify(err).Code != exit.CodeSettings {
			t.Errorf("got %v", err)
		}
		checkLeft(t, name, "[defaults]\n")
	}
}

// Who waits for a lock can be interrupted.
func TestLockInterrupted(t *testing.T) {
	name := clitest.File(t, "site.toml", []byte("# x"))
	unlock, err := atomicfile.Lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := atomicfile.Lock(ctx, name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	checkLeft(t, name, "# x")
}

// A system that names no folder has no settings, and can store none.
func TestNoSettingsFolder(t *testing.T) {
	a, out, errOut := testApp(t, nil)
	a.store.Folder = ""
	if c := run(t.Context(), a, []string{"defaults", "show"}); c != exit.CodeOK || !strings.Contains(out.String(), "names no folder") {
		t.Errorf("exit code %d\n%s%s", c, out, errOut)
	}
	if c := run(t.Context(), a, []string{"defaults", "set", "--server", "x"}); c != exit.CodeSettings {
		t.Errorf("exit code %d\n%s", c, errOut)
	}
}
