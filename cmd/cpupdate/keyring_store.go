package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A passwordChange is a settingsChange as far as passwords go. What is stored is, at every moment and wherever this
// ends, in the file or in the keyring; in both only if it is the same, on its way from one to the other.
type passwordChange struct {
	settingsChange
	con           *console
	pass          *passwordStore
	place         settingsPlace
	before, after transfer.Access // what the profile's password is for
}

// keyringItem is the name of a profile's password in the keyring. It ends as the heading of the settings does, so that no
// profile's item is that of the defaults, whatever it is called.
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
	// Whatever is wrong with what stands there is found before anything is changed.
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

// takesAway reports whether the profile is to have no password.
func (c settingsChange) takesAway() bool {
	return c.all || c.password != nil && !c.password.IsSet()
}

// edit changes the file.
func (c passwordChange) edit(change func(e *storedEdit) error) error {
	return changeFile(c.place.passwords, passwordForm(), change)
}

// remove takes the password out of the keyring, then out of the file: if that ends in between, what is left is an entry
// whose password is gone, and says so. A password in the file may have a copy in the keyring, if a move ended half way.
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
		c.con.remark("warning", profileTitle(c.profile), "whether a copy of the password is in "+trouble.Error())
	}
	return c.edit(func(e *storedEdit) error { return e.remove(c.profile) })
}

// learn writes beside a password that stays what was not known of it before.
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

// store puts the password into the keyring, if there is one, and else into the file. A keyring that is there and fails
// is an error.
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
	c.con.note("note", c.place.passwords, "holds the password as it is, unencrypted"+onlyOwner()+why)
	return nil
}

// storeInKeyring first moves what is in the file, so that an old password is nowhere but where the new one takes its
// place, in one step and with what it is for. The mark comes before the password, so that none is there unknown.
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
		c.con.remark("note", profileTitle(c.profile), "the password is in the system's keyring")
		return nil
	case trouble == nil:
		return err
	case !stored.secret.IsSet() && !stored.keyring && !trouble.is(keyringSilent):
		// Nothing was stored before, and nothing is now. Of one that is silent nobody knows.
		err = c.edit(func(e *storedEdit) error { return e.remove(c.profile) })
	default:
		err = nil
	}
	return errors.Join(trouble.failure(c.profile), err)
}

// move takes all passwords from the file to the keyring, if there is one, and says so. It returns those that stay, since
// the keyring fails.
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
			c.con.remark("note", profileTitle(table.name), "the password has moved from "+c.place.passwords+" to the system's keyring")
		case trouble != nil && !trouble.is(keyringOff, keyringNone) && table.find(transfer.SettingPassword) != nil:
			left[table.name] = trouble
			c.con.remark("warning", profileTitle(table.name), "the password stays in "+c.place.passwords+", unencrypted: "+trouble.Error())
		}
	}
	return left, nil
}

// copyAll copies the file's passwords into the keyring. One that gives trouble is not asked again.
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

// copyOne copies a table of the file into the keyring.
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

// itemText changes the text of an item, which is a file of passwords with one table, [defaults].
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

// markInKeyring leaves of a password that it is in the keyring.
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
