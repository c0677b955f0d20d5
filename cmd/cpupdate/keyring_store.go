package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A passwordChange applies the password part of a settingsChange. At every moment, and wherever it is interrupted, a
// stored password is in the file or in the keyring. It is in both only while the same password moves from one to the
// other.
type passwordChange struct {
	settingsChange
	con           *console
	pass          *passwordStore
	place         settingsPlace
	before, after transfer.Access // the access data that the profile's password is for
}

// keyringItem returns the name of a profile's password in the keyring. It ends like the heading in the settings file,
// so that no profile's name can lead to the item of the defaults.
func (p settingsPlace) keyringItem(profile string) (string, error) {
	path, err := filepath.Abs(p.passwords)
	if err != nil {
		return "", cannotStore(p.passwords, err)
	}
	if profile == "" {
		return path + " [defaults]", nil
	}
	return path + " [profile." + profile + "]", nil
}

func (c passwordChange) apply(ctx context.Context) error {
	file, err := readStored(c.place.passwords, passwordForm())
	if err != nil {
		return err
	}
	item, err := c.place.keyringItem(c.profile)
	if err != nil {
		return err
	}
	// Errors in the stored password are found before anything is changed.
	stored, err := c.place.password(c.profile)
	if err != nil && !c.takesAway() {
		return err
	}
	switch {
	case c.takesAway():
		return c.remove(ctx, item, findTable(file.tables, c.profile))
	case c.password == nil:
		err = c.learn(ctx, item, stored)
	default:
		err = c.store(ctx, item, stored)
	}
	if err != nil || c.password != nil || !c.stores() {
		return err
	}
	_, err = c.move(ctx)
	return err
}

// takesAway reports whether the change removes the profile's password.
func (c settingsChange) takesAway() bool {
	return c.all || c.password != nil && !c.password.IsSet()
}

// edit changes the password file.
func (c passwordChange) edit(change func(e *storedEdit) error) error {
	return changeFile(c.place.passwords, passwordForm(), change)
}

// remove removes the password from the keyring, then from the file. If it is interrupted in between, the file keeps an
// entry that reports the missing password. A password in the file may have a copy in the keyring, if a move was
// interrupted.
func (c passwordChange) remove(ctx context.Context, item string, table *settingsTable) error {
	if table == nil {
		return nil
	}
	marked := table.find(keyKeyring) != nil
	err := c.pass.outOfKeyring(ctx, item)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil:
	case trouble == nil:
		return err
	case trouble.is(keyringOff, keyringNone) && marked:
		c.con.remark("warning", profileTitle(c.profile), "the password may still be in a keyring, as the item "+item+": "+trouble.err.Error())
	case trouble.is(keyringOff, keyringNone):
	case marked:
		return trouble.failure(c.profile)
	default:
		c.con.remark("warning", profileTitle(c.profile), "a copy of the password may still be in "+trouble.Error())
	}
	return c.edit(func(e *storedEdit) error { return e.remove(c.profile) })
}

// learn adds to a password that stays the server and user that were unknown before.
func (c passwordChange) learn(ctx context.Context, item string, stored storedPassword) error {
	host, user := hostOf(c.before) == "" && hostOf(c.after) != "", c.before.Username == "" && c.after.Username != ""
	switch {
	case !host && !user:
		return nil
	case !stored.keyring:
		return c.edit(func(e *storedEdit) error { return c.editPassword(e, c.profile, c.before, c.after) })
	}
	old, err := c.pass.fromKeyring(ctx, item)
	if err == nil {
		var text string
		if text, err = itemText([]byte(old), func(e *storedEdit) error { return c.editPassword(e, "", c.before, c.after) }); err != nil {
			return err
		}
		if text != old {
			err = c.pass.intoKeyring(ctx, item, text)
		}
	}
	if trouble := keyringErrorOf(err); trouble != nil {
		return trouble.failure(c.profile)
	}
	return err
}

// store stores the password in the keyring, or in the file if there is no keyring. A keyring that exists and fails is
// an error.
func (c passwordChange) store(ctx context.Context, item string, stored storedPassword) error {
	_, err := c.pass.fromKeyring(ctx, item)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil, trouble.is(keyringLost):
		return c.storeInKeyring(ctx, item, stored)
	case trouble == nil:
		return err
	case !trouble.is(keyringOff, keyringNone) || stored.keyring:
		return trouble.failure(c.profile)
	}
	if err := c.edit(func(e *storedEdit) error { return c.editPassword(e, c.profile, c.before, c.after) }); err != nil {
		return err
	}
	why := ""
	if trouble.is(keyringNone) {
		why = ": " + trouble.err.Error()
	}
	c.con.note("note", c.place.passwords, "stores the password unencrypted"+onlyOwner()+why)
	return nil
}

// storeInKeyring first moves the passwords of the file. The new password then replaces the old one, and the access data
// it is for, in one step. The entry in the file is written before the password, so that no password in the keyring is
// without one.
func (c passwordChange) storeInKeyring(ctx context.Context, item string, stored storedPassword) error {
	text, err := itemText(nil, func(e *storedEdit) error { return c.editPassword(e, "", c.before, c.after) })
	if err != nil {
		return err
	}
	left, err := c.move(ctx)
	if err == nil && left[c.profile] != nil {
		err = left[c.profile].failure(c.profile)
	}
	if err != nil {
		return err
	}
	if err := c.edit(func(e *storedEdit) error { return markInKeyring(e, c.profile) }); err != nil {
		return err
	}
	err = c.pass.intoKeyring(ctx, item, text)
	trouble := keyringErrorOf(err)
	switch {
	case err == nil:
		c.con.remark("note", profileTitle(c.profile), "the password is stored in the system's keyring")
		return nil
	case trouble == nil:
		return err
	case !stored.secret.IsSet() && !stored.keyring && !trouble.is(keyringSilent):
		// Nothing was stored before, and nothing is now. For a keyring that does not answer this is unknown.
		err = c.edit(func(e *storedEdit) error { return e.remove(c.profile) })
	default:
		err = nil
	}
	return errors.Join(trouble.failure(c.profile), err)
}

// move moves all passwords from the file to the keyring, if there is one, and prints it. It returns those that stay
// because the keyring fails.
func (c passwordChange) move(ctx context.Context) (left map[string]*keyringError, err error) {
	file, err := readStored(c.place.passwords, passwordForm())
	if err != nil {
		return nil, err
	}
	copied, trouble, err := c.copyAll(ctx, file)
	if len(copied) > 0 {
		err = errors.Join(err, c.edit(func(e *storedEdit) error {
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
	for _, table := range file.tables {
		switch {
		case slices.Contains(copied, table.name):
			c.con.remark("note", profileTitle(table.name), "the password was moved from "+c.place.passwords+" to the system's keyring")
		case trouble != nil && !trouble.is(keyringOff, keyringNone) && table.find(transfer.SettingPassword) != nil:
			left[table.name] = trouble
			c.con.remark("warning", profileTitle(table.name), "the password stays in "+c.place.passwords+", unencrypted: "+trouble.Error())
		}
	}
	return left, nil
}

// copyAll copies the file's passwords to the keyring. After the first error it makes no further attempt.
func (c passwordChange) copyAll(ctx context.Context, file *storedFile) (copied []string, trouble *keyringError, err error) {
	for _, table := range file.tables {
		if table.find(transfer.SettingPassword) == nil {
			continue
		}
		if err := c.copyOne(ctx, file, table); err != nil {
			if trouble = keyringErrorOf(err); trouble != nil {
				err = nil
			}
			return copied, trouble, err
		}
		copied = append(copied, table.name)
	}
	return copied, nil, nil
}

// copyOne copies one table of the file to the keyring.
func (c passwordChange) copyOne(ctx context.Context, file *storedFile, table settingsTable) error {
	if _, err := file.passwordIn(&table); err != nil {
		return err
	}
	item, err := c.place.keyringItem(table.name)
	if err != nil {
		return err
	}
	text, err := itemText(nil, func(e *storedEdit) error {
		for _, value := range table.values {
			if err := e.set("", value.key, value.texts); err != nil {
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

// itemText changes the text of an item, which is a password file with one table, [defaults].
func itemText(old []byte, change func(e *storedEdit) error) (string, error) {
	e, err := newStoredEdit(slices.Clone(old), passwordForm())
	if err == nil {
		err = change(e)
	}
	if err != nil {
		return "", fail(codeSettings, err, "store the password again: cpupdate defaults set --password-stdin")
	}
	text, err := e.result()
	return string(text), err
}

// markInKeyring replaces a password by the entry that says that it is in the keyring.
func markInKeyring(e *storedEdit, profile string) error {
	for _, key := range e.form.keys {
		if key.name != keyKeyring {
			if err := e.unset(profile, key.name); err != nil {
				return err
			}
		}
	}
	return e.set(profile, keyKeyring, []string{"true"})
}
