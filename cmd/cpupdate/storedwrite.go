package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A settingsChange describes a change of one profile, or of the defaults.
type settingsChange struct {
	profile  string
	set      []givenSetting
	unset    []string
	all      bool             // remove it with its password
	password *transfer.Secret // nil: leave it; not set: remove it
}

// changeSettings changes the files of settings and passwords. Each is replaced completely or not at all, and only if no
// other program has changed it in the meantime.
func (p *passwordStore) changeSettings(ctx context.Context, c settingsChange) error {
	place := p.store.settingsPlace()
	if place.config == "" {
		return failf(codeSettings, "name a settings file with --config FILE", "this system has no settings folder")
	}
	// The variable decides where a password is stored. It matters even if this change has no password, because the
	// change may move those of the file.
	if err := p.checkKeyringVariable(); err != nil {
		return err
	}
	if !place.named {
		if err := os.MkdirAll(p.store.settings, 0o700); err != nil {
			return cannotStore(place.config, err)
		}
	}
	unlock, err := lockSettings(ctx, place.config)
	if err != nil {
		return err
	}
	return errors.Join(c.apply(ctx, p.con, p.store, p, place), unlock())
}

// apply changes passwords first: a profile that is removed leaves none behind.
func (c settingsChange) apply(ctx context.Context, con *console, store *settingsStore, pass *passwordStore, place settingsPlace) error {
	if err := c.check(store, place); err != nil {
		return err
	}
	before, after, err := c.access(place)
	if err != nil {
		return err
	}
	if err := (passwordChange{settingsChange: c, con: con, pass: pass, place: place, before: before, after: after}).apply(ctx); err != nil {
		return err
	}
	return changeFile(place.config, configForm(), c.editConfig)
}

func (c settingsChange) editConfig(e *storedEdit) error {
	if c.all {
		return e.remove(c.profile)
	}
	for _, s := range c.set {
		if err := e.set(c.profile, s.name, s.texts); err != nil {
			return err
		}
	}
	for _, name := range c.unset {
		if err := e.unset(c.profile, name); err != nil {
			return err
		}
	}
	if c.stores() {
		return e.table(c.profile) // even if it stays empty
	}
	return nil
}

// stores reports whether the change adds something that may not be stored yet.
func (c settingsChange) stores() bool {
	return len(c.set) > 0 || c.password != nil && c.password.IsSet()
}

// check makes sure that the settings can be read, and that what is to be removed exists.
func (c settingsChange) check(store *settingsStore, place settingsPlace) error {
	_, err := os.Stat(place.config)
	if c.stores() && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := store.storedSettings()
	if err == nil && !c.stores() {
		_, err = s.profile(c.profile)
	}
	return err
}

// changeFile edits one file.
func changeFile(path string, form storedForm, change func(e *storedEdit) error) error {
	f, err := readStored(path, form)
	if err != nil {
		return err
	}
	e, err := newStoredEdit(f.text(), form)
	if err != nil {
		return f.failure(err)
	}
	if err := change(e); err != nil {
		return f.failure(err)
	}
	text, err := e.result()
	if err != nil {
		return f.failure(err)
	}
	if raw := slices.Concat(f.mark(), text); !bytes.Equal(raw, f.raw) {
		return f.replace(raw)
	}
	return nil
}

// replace replaces the content of the file. A link stays a link: its target is replaced. Password files and new files
// are accessible to their owner only; any other file keeps its permissions.
func (f *storedFile) replace(raw []byte) (err error) {
	path, err := linkTarget(f.path)
	if err != nil {
		return err
	}
	temporary, err := createBeside(path, 0o600)
	if err != nil {
		return cannotStore(f.path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(temporary.Name())))
		}
	}()
	_, err = temporary.Write(raw)
	if err == nil && f.there && !f.form.secret && runtime.GOOS != "windows" {
		err = temporary.Chmod(f.mode.Perm())
	}
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return cannotStore(f.path, err)
	}
	now := &storedFile{path: f.path, form: f.form}
	if err := now.read(); ignoreMissing(err) != nil || now.there != f.there || !bytes.Equal(now.raw, f.raw) {
		return failf(codeSettings, "check the file, and try again", "settings %s: another program changed the file in the meantime", f.path)
	}
	return cannotStore(f.path, os.Rename(temporary.Name(), path))
}

// linkTarget returns the target of a link, or the file itself.
func linkTarget(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		return target, nil
	}
	if _, lstatErr := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && errors.Is(lstatErr, fs.ErrNotExist) {
		return path, nil
	}
	return "", failf(codeSettings, "create the file that the link names, or remove the link", "settings %s: the link leads to a file that does not exist", path)
}

// lockSettings makes sure that only one process changes the settings: it creates a lock file beside them. It waits a
// few seconds for another process.
func lockSettings(ctx context.Context, path string) (unlock func() error, err error) {
	target, err := linkTarget(path)
	if err != nil {
		return nil, err
	}
	name := target + ".lock"
	for deadline := time.Now().Add(5 * time.Second); ; {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() error { return cannotStore(path, errors.Join(f.Close(), os.Remove(name))) }, nil
		}
		// On Windows, a file that is being removed cannot be created either.
		taken := errors.Is(err, fs.ErrExist) || runtime.GOOS == "windows" && errors.Is(err, fs.ErrPermission)
		if !taken {
			return nil, cannotStore(path, err)
		}
		if time.Now().After(deadline) {
			return nil, failf(codeSettings, "try again; if no other cpupdate is running, one was killed: remove "+name,
				"settings %s: another cpupdate is changing them", path)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func cannotStore(path string, err error) error {
	if f := (*failure)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return fail(codeSettings, fmt.Errorf("writing %s: %w", path, withoutPath(err)), "check the folder, its permissions and the free disk space")
}
