package credentials

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A passwordChange applies the password part of a [Change]. The file decides: a password in it counts, otherwise the
// keyring's if the file says so. So every step leaves either the old password or the new one, wherever it is
// interrupted.
type passwordChange struct {
	Change
	con           *console.Console
	pass          *Store
	place         settings.Place
	before, after transfer.Access // the access data that the profile's password is for
}

// itemName returns the name of a profile's password in the keyring. It ends like the heading in the settings file,
// so that no profile's name can lead to the item of the defaults.
func itemName(p settings.Place, profile string) (string, error) {
	path, err := filepath.Abs(p.Passwords)
	if err != nil {
		return "", atomicfile.CannotStore(p.Passwords, err)
	}
	if profile == "" {
		return path + " [defaults]", nil
	}
	return path + " [profile." + profile + "]", nil
}

func (c passwordChange) apply(ctx context.Context) error {
	file, err := settings.ReadFile(c.place.Passwords, passwordForm())
	if err != nil {
		return err
	}
	item, err := itemName(c.place, c.Profile)
	if err != nil {
		return err
	}
	// Errors in the stored password are found before anything is changed.
	stored, err := InFile(c.place, c.Profile)
	if err != nil && !c.takesAway() {
		return err
	}
	switch {
	case c.takesAway():
		return c.remove(ctx, item, tomledit.Find(file.Tables, c.Profile))
	case c.Password == nil:
		return c.learn(ctx, item, stored)
	}
	return c.store(ctx, item, stored)
}

// takesAway reports whether the change removes the profile's password.
func (c Change) takesAway() bool {
	return c.All || c.Password != nil && !c.Password.IsSet()
}

// edit changes the password file.
func (c passwordChange) edit(change func(e *tomledit.Edit) error) error {
	return changeFile(c.place.Passwords, passwordForm(), change)
}

// remove removes the password from the keyring, then from the file. If it is interrupted in between, the file keeps an
// entry that reports the missing password. A password in the file may have a copy in the keyring, if a move was
// interrupted.
func (c passwordChange) remove(ctx context.Context, item string, table *tomledit.Table) error {
	if table == nil {
		return nil
	}
	marked := table.Find(keyKeyring) != nil
	err := c.pass.outOfKeyring(ctx, item)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil:
	case trouble == nil:
		return err
	case trouble.OneOf(KeyringOff, keyringNone) && marked:
		c.con.NoteAbout("warning", settings.ProfileTitle(c.Profile), "the password may still be in a keyring, as the item "+item+": "+trouble.err.Error())
	case trouble.OneOf(KeyringOff, keyringNone):
	case marked:
		return trouble.failure(c.Profile)
	default:
		c.con.NoteAbout("warning", settings.ProfileTitle(c.Profile), "a copy of the password may still be in "+trouble.Error())
	}
	return c.edit(func(e *tomledit.Edit) error { return e.Remove(c.Profile) })
}

// learn adds to a password that stays the server and user that were unknown before.
func (c passwordChange) learn(ctx context.Context, item string, stored Password) error {
	host, user := HostOf(c.before) == "" && HostOf(c.after) != "", c.before.Username == "" && c.after.Username != ""
	switch {
	case !host && !user:
		return nil
	case !stored.Keyring:
		return c.edit(func(e *tomledit.Edit) error { return c.editPassword(e, c.Profile, c.before, c.after) })
	}
	old, err := c.pass.fromKeyring(ctx, item)
	if err == nil {
		var text string
		if text, err = itemText([]byte(old), func(e *tomledit.Edit) error { return c.editPassword(e, "", c.before, c.after) }); err != nil {
			return err
		}
		if text != old {
			err = c.pass.intoKeyring(ctx, item, text)
		}
	}
	if trouble := keyringErrorOf(err); trouble != nil {
		return trouble.failure(c.Profile)
	}
	return err
}

// store stores the password in the keyring, or in the file if there is no keyring. A keyring that exists and fails is
// an error.
func (c passwordChange) store(ctx context.Context, item string, stored Password) error {
	_, err := c.pass.fromKeyring(ctx, item)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil, trouble.OneOf(KeyringLost):
		return c.storeInKeyring(ctx, item, stored)
	case trouble == nil:
		return err
	case !trouble.OneOf(KeyringOff, keyringNone) || stored.Keyring:
		return trouble.failure(c.Profile)
	}
	if err := c.edit(func(e *tomledit.Edit) error { return c.editPassword(e, c.Profile, c.before, c.after) }); err != nil {
		return err
	}
	why := ""
	if trouble.OneOf(keyringNone) {
		why = ": " + trouble.err.Error()
	}
	c.con.Note("note", c.place.Passwords, "stores the password unencrypted"+OnlyOwner()+why)
	return nil
}

// storeInKeyring writes the password with what it is for in one step. The file names the keyring before anything is in it
// that the file does not know of; a password in the file counts until the keyring has the new one.
func (c passwordChange) storeInKeyring(ctx context.Context, item string, stored Password) error {
	text, err := itemText(nil, func(e *tomledit.Edit) error { return c.editPassword(e, "", c.before, c.after) })
	if err != nil {
		return err
	}
	mark := func(e *tomledit.Edit) error { return markInKeyring(e, c.Profile) }
	if !stored.There() {
		if err := c.edit(mark); err != nil {
			return err
		}
	}
	err = c.pass.intoKeyring(ctx, item, text)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil:
		c.con.NoteAbout("note", settings.ProfileTitle(c.Profile), "the password is stored in the system's keyring")
		return c.edit(mark)
	case trouble == nil:
		return err
	case !stored.There() && !trouble.OneOf(keyringSilent):
		// Nothing was stored before, and nothing is now. For a keyring that does not answer this is unknown.
		return errors.Join(trouble.failure(c.Profile), c.edit(func(e *tomledit.Edit) error { return e.Remove(c.Profile) }))
	}
	return trouble.failure(c.Profile)
}

// itemText changes the text of an item, which is a password file with one table, [defaults].
func itemText(old []byte, change func(e *tomledit.Edit) error) (string, error) {
	e, err := tomledit.NewEdit(slices.Clone(old), passwordForm())
	if err == nil {
		err = change(e)
	}
	if err != nil {
		return "", exit.New(exit.CodeSettings, err, "store the password again: cpupdate defaults set --password-stdin")
	}
	text, err := e.Result()
	return string(text), err
}

// markInKeyring replaces a password by the entry that says that it is in the keyring.
func markInKeyring(e *tomledit.Edit, profile string) error {
	for _, key := range e.Form.Keys {
		if key.Name != keyKeyring {
			if err := e.Unset(profile, key.Name); err != nil {
				return err
			}
		}
	}
	return e.Set(profile, keyKeyring, []string{"true"})
}
