package credentials

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A Change describes a change of one profile, or of the defaults.
type Change struct {
	Profile  string
	Set      []settings.Given
	Unset    []string
	All      bool           // remove it with its password
	Password *secret.Secret // nil: leave it; not set: remove it
}

// Change changes the files of settings and passwords. Each is replaced completely or not at all, and only if no
// other program has changed it in the meantime.
func (p *Store) Change(ctx context.Context, c Change) error {
	place := p.Settings.Place()
	if place.Config == "" {
		return exit.Errorf(exit.CodeSettings, "name a settings file with --config FILE", "this system has no settings folder")
	}
	if err := p.checkKeyringVariable(); err != nil {
		return err
	}
	if !place.Named {
		if err := os.MkdirAll(p.Settings.Folder, 0o700); err != nil {
			return atomicfile.CannotStore(place.Config, err)
		}
	}
	unlock, err := atomicfile.Lock(ctx, place.Config)
	if err != nil {
		return err
	}
	return errors.Join(c.apply(ctx, p.Console, p.Settings, p, place), unlock())
}

// apply changes passwords first: a profile that is removed leaves none behind.
func (c Change) apply(ctx context.Context, con *console.Console, store *settings.Store, pass *Store, place settings.Place) error {
	if err := c.check(store, place); err != nil {
		return err
	}
	before, after, err := c.access(place)
	if err != nil {
		return err
	}
	if err := (passwordChange{Change: c, con: con, pass: pass, place: place, before: before, after: after}).apply(ctx); err != nil {
		return err
	}
	return changeFile(place.Config, settings.ConfigForm(), c.editConfig)
}

func (c Change) editConfig(e *tomledit.Edit) error {
	if c.All {
		return e.Remove(c.Profile)
	}
	for _, s := range c.Set {
		if err := e.Set(c.Profile, s.Name, s.Texts); err != nil {
			return err
		}
	}
	for _, name := range c.Unset {
		if err := e.Unset(c.Profile, name); err != nil {
			return err
		}
	}
	if c.stores() {
		return e.Table(c.Profile) // even if it stays empty
	}
	return nil
}

// stores reports whether the change adds something that may not be stored yet.
func (c Change) stores() bool {
	return len(c.Set) > 0 || c.Password != nil && c.Password.IsSet()
}

// check makes sure that the settings can be read, and that what is to be removed exists.
func (c Change) check(store *settings.Store, place settings.Place) error {
	_, err := os.Stat(place.Config)
	if c.stores() && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := store.Read()
	if err == nil && !c.stores() {
		_, err = s.Profile(c.Profile)
	}
	return err
}

// changeFile edits one file.
func changeFile(path string, form tomledit.Form, change func(e *tomledit.Edit) error) error {
	f, err := settings.ReadFile(path, form)
	if err != nil {
		return err
	}
	e, err := tomledit.NewEdit(f.Text(), form)
	if err != nil {
		return f.Failure(err)
	}
	if err := change(e); err != nil {
		return f.Failure(err)
	}
	text, err := e.Result()
	if err != nil {
		return f.Failure(err)
	}
	if raw := slices.Concat(f.Mark(), text); !bytes.Equal(raw, f.Raw) {
		return f.Replace(raw)
	}
	return nil
}
