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

// A passwordChange is a settingsChange as far as passwords go. What is stored is, at every moment and wherever this
// ends, in the file or in the keyring; in both only if it is the same, on its way from one to the other.
type passwordChange struct {
	Change
	con           *console.Console
	pass          *Store
	place         settings.Place
	before, after transfer.Access // what the profile's password is for
}

// ItemName is the name of a profile's password in the keyring. It ends as the heading of the settings does, so that no
// profile's item is that of the defaults, whatever it is called.
func ItemName(p settings.Place, profile string) (string, error) {
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
	file, err := settings.ReadFile(c.place.Passwords, PasswordForm())
	if err != nil {
		return err
	}
	item, err := ItemName(c.place, c.Profile)
	if err != nil {
		return err
	}
	// Whatever is wrong with what stands there is found before anything is changed.
	stored, err := FromFileOf(c.place, c.Profile)
	if err != nil && !c.takesAway() {
		return err
	}
	switch {
	case c.takesAway():
		return c.remove(ctx, item, tomledit.Find(file.Tables, c.Profile))
	case c.Password == nil:
		err = c.learn(ctx, item, stored)
	default:
		err = c.store(ctx, item, stored)
	}
	if err != nil || c.Password != nil || !c.stores() {
		return err
	}
	_, err = c.move(ctx)
	return err
}

// takesAway reports whether the profile is to have no password.
func (c Change) takesAway() bool {
	return c.All || c.Password != nil && !c.Password.IsSet()
}

// edit changes the file.
func (c passwordChange) edit(change func(e *tomledit.Edit) error) error {
	return ChangeFile(c.place.Passwords, PasswordForm(), change)
}

// remove takes the password out of the keyring, then out of the file: if that ends in between, what is left is an entry
// whose password is gone, and says so. A password in the file may have a copy in the keyring, if a move ended half way.
func (c passwordChange) remove(ctx context.Context, item string, table *tomledit.Table) error {
	if table == nil {
		return nil
	}
	marked := table.Find(KeyKeyring) != nil
	err := c.pass.outOfKeyring(ctx, item)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil:
	case trouble == nil:
		return err
	case trouble.OneOf(KeyringOff, keyringNone) && marked:
		c.con.Remark("warning", settings.ProfileTitle(c.Profile), "the password may still be in a keyring, as the item "+item+": "+trouble.err.Error())
	case trouble.OneOf(KeyringOff, keyringNone):
	case marked:
		return trouble.failure(c.Profile)
	default:
		c.con.Remark("warning", settings.ProfileTitle(c.Profile), "whether a copy of the password is in "+trouble.Error())
	}
	return c.edit(func(e *tomledit.Edit) error { return e.Remove(c.Profile) })
}

// learn writes beside a password that stays what was not known of it before.
func (c passwordChange) learn(ctx context.Context, item string, stored Password) error {
	host, user := HostOf(c.before) == "" && HostOf(c.after) != "", c.before.Username == "" && c.after.Username != ""
	switch {
	case !host && !user:
		return nil
	case !stored.Keyring:
		return c.edit(func(e *tomledit.Edit) error { return c.editPassword(e, c.Profile, c.before, c.after) })
	}
	old, err := c.pass.FromKeyring(ctx, item)
	if err == nil {
		var text string
		if text, err = ItemText([]byte(old), func(e *tomledit.Edit) error { return c.editPassword(e, "", c.before, c.after) }); err != nil {
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

// store puts the password into the keyring, if there is one, and else into the file. A keyring that is there and fails
// is an error.
func (c passwordChange) store(ctx context.Context, item string, stored Password) error {
	_, err := c.pass.FromKeyring(ctx, item)
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
	c.con.Note("note", c.place.Passwords, "holds the password as it is, unencrypted"+OnlyOwner()+why)
	return nil
}

// storeInKeyring first moves what is in the file, so that an old password is nowhere but where the new one takes its
// place, in one step and with what it is for. The mark comes before the password, so that none is there unknown.
func (c passwordChange) storeInKeyring(ctx context.Context, item string, stored Password) error {
	text, err := ItemText(nil, func(e *tomledit.Edit) error { return c.editPassword(e, "", c.before, c.after) })
	if err != nil {
		return err
	}
	left, err := c.move(ctx)
	if err == nil && left[c.Profile] != nil {
		err = left[c.Profile].failure(c.Profile)
	}
	if err != nil {
		return err
	}
	if err := c.edit(func(e *tomledit.Edit) error { return markInKeyring(e, c.Profile) }); err != nil {
		return err
	}
	err = c.pass.intoKeyring(ctx, item, text)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil:
		c.con.Remark("note", settings.ProfileTitle(c.Profile), "the password is in the system's keyring")
		return nil
	case trouble == nil:
		return err
	case !stored.Secret.IsSet() && !stored.Keyring && !trouble.OneOf(keyringSilent):
		// Nothing was stored before, and nothing is now. Of one that is silent nobody knows.
		err = c.edit(func(e *tomledit.Edit) error { return e.Remove(c.Profile) })
	default:
		err = nil
	}
	return errors.Join(trouble.failure(c.Profile), err)
}

// move takes all passwords from the file to the keyring, if there is one, and says so. It returns those that stay, since
// the keyring fails.
func (c passwordChange) move(ctx context.Context) (left map[string]*keyringError, err error) {
	file, err := settings.ReadFile(c.place.Passwords, PasswordForm())
	if err != nil {
		return nil, err
	}
	copied, trouble, err := c.copyAll(ctx, file)
	if len(copied) > 0 {
		err = errors.Join(err, c.edit(func(e *tomledit.Edit) error {
			for _, name := range copied {
				if err := markInKeyring(e, name); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	if err != nil {
		return nil, err
	}
	left = map[string]*keyringError{}
	for _, table := range file.Tables {
		switch {
		case slices.Contains(copied, table.Name):
			c.con.Remark("note", settings.ProfileTitle(table.Name), "the password has moved from "+c.place.Passwords+" to the system's keyring")
		case trouble != nil && !trouble.OneOf(KeyringOff, keyringNone) && table.Find(transfer.SettingPassword) != nil:
			left[table.Name] = trouble
			c.con.Remark("warning", settings.ProfileTitle(table.Name), "the password stays in "+c.place.Passwords+", unencrypted: "+trouble.Error())
		}
	}
	return left, nil
}

// copyAll copies the file's passwords into the keyring. One that gives trouble is not asked again.
func (c passwordChange) copyAll(ctx context.Context, file *settings.File) (copied []string, trouble *keyringError, err error) {
	for _, table := range file.Tables {
		if table.Find(transfer.SettingPassword) == nil {
			continue
		}
		if err := c.copyOne(ctx, file, table); err != nil {
			if trouble = keyringErrorOf(err); trouble != nil {
				err = nil
			}
			return copied, trouble, err
		}
		copied = append(copied, table.Name)
	}
	return copied, nil, nil
}

// copyOne copies a table of the file into the keyring.
func (c passwordChange) copyOne(ctx context.Context, file *settings.File, table tomledit.Table) error {
	if _, err := passwordIn(file, &table); err != nil {
		return err
	}
	item, err := ItemName(c.place, table.Name)
	if err != nil {
		return err
	}
	text, err := ItemText(nil, func(e *tomledit.Edit) error {
		for _, value := range table.Values {
			if err := e.Set("", value.Key, value.Texts); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.pass.intoKeyring(ctx, item, text)
}

// ItemText changes the text of an item, which is a file of passwords with one table, [defaults].
func ItemText(old []byte, change func(e *tomledit.Edit) error) (string, error) {
	e, err := tomledit.NewEdit(slices.Clone(old), PasswordForm())
	if err == nil {
		err = change(e)
	}
	if err != nil {
		return "", exit.New(exit.CodeSettings, err, "store the password again: cpupdate defaults set --password-stdin")
	}
	text, err := e.Result()
	return string(text), err
}

// markInKeyring leaves of a password that it is in the keyring.
func markInKeyring(e *tomledit.Edit, profile string) error {
	for _, key := range e.Form.Keys {
		if key.Name != KeyKeyring {
			if err := e.Unset(profile, key.Name); err != nil {
				return err
			}
		}
	}
	return e.Set(profile, KeyKeyring, []string{"true"})
}
