package credentials

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestConcurrentChanges checks that many processes can change settings at once, and no change is lost.
func TestConcurrentChanges(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			con := &console.Console{Quiet: true, Err: io.Discard}
			pass := &Store{Console: con, Settings: &settings.Store{Folder: folder}}
			password := secret.New(fmt.Sprint("secret", i))
			c := Change{Profile: fmt.Sprint("p", i), Set: []settings.Given{{Name: "server", Texts: []string{fmt.Sprint("x", i)}}}, Password: &password}
			if err := pass.Change(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	con := &console.Console{Quiet: true, Err: io.Discard}
	pass := &Store{Console: con, Settings: &settings.Store{Folder: folder}}
	for i := range 12 {
		p, err := pass.Settings.Profile(fmt.Sprint("p", i))
		if err != nil || p.Access.Server != fmt.Sprint("x", i) {
			t.Fatalf("%d: %v", i, err)
		}
		if stored, err := pass.Password(t.Context(), p.Place, p.Name); err != nil || stored.Secret.Reveal() != fmt.Sprint("secret", i) {
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
		err := changeFile(name, settings.ConfigForm(), func(e *tomledit.Edit) error {
			if err := os.WriteFile(name, []byte("[defaults]\nserver = 'theirs'\n"), 0o600); err != nil {
				return err
			}
			return e.Set("", "server", []string{"ours"})
		})
		if err == nil || !strings.Contains(err.Error(), "another program changed the file in the meantime") {
			t.Errorf("got %v", err)
		}
		clitest.Left(t, name, "[defaults]\nserver = 'theirs'\n")
	}
}

// TestEditIsReadBack checks that a text that would not be read back correctly is not written.
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
		if err := changeFile(name, settings.ConfigForm(), change); exit.Classify(err).Code != exit.CodeSettings {
			t.Errorf("got %v", err)
		}
		clitest.Left(t, name, "[defaults]\n")
	}
}
