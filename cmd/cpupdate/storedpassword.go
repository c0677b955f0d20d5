package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// keyKeyring is the key in passwords.toml that says that the password is in the keyring.
const keyKeyring = "keyring"

// A storedPassword is a password and the access data that it was stored for. It is sent to no other server, as no other
// user, and not unencrypted if it was stored for an encrypted method. What was unknown then is empty, and restricts
// nothing.
type storedPassword struct {
	secret                   transfer.Secret
	server, username, method string
	keyring                  bool          // it is in the keyring, and the other fields are known only after reading that
	trouble                  *keyringError // why it could not be read from there
}

// there reports whether a password is stored.
func (s storedPassword) there() bool { return s.keyring || s.secret.IsSet() }

// passwordForm describes what passwords.toml, or an item of the keyring, may contain.
func passwordForm() storedForm {
	keys := []storedKey{{keyKeyring, unstable.Bool}}
	for _, name := range []string{transfer.SettingPassword, transfer.SettingServer, transfer.SettingUsername, transfer.SettingMethod} {
		keys = append(keys, storedKey{name, unstable.String})
	}
	return storedForm{keys: keys, secret: true}
}

// storedPassword returns the stored password of a profile, or of the defaults. The keyring is read only if the password
// is there; an error of the keyring is part of the result.
func (p *passwordStore) storedPassword(ctx context.Context, place settingsPlace, name string) (storedPassword, error) {
	stored, err := place.password(name)
	if err != nil || !stored.keyring {
		return stored, err
	}
	item, err := place.keyringItem(name)
	if err != nil {
		return stored, err
	}
	text, err := p.fromKeyring(ctx, item)
	if err != nil {
		if stored.trouble = keyringErrorOf(err); stored.trouble != nil {
			err = nil
		}
		return stored, err
	}
	tables, err := parseStored([]byte(text), passwordForm())
	if table := findTable(tables, ""); err == nil && table != nil && table.find(keyKeyring) == nil {
		f := &storedFile{path: "the system's keyring", form: passwordForm()}
		stored, err = f.passwordIn(table)
		stored.keyring = true
	}
	if err != nil || !stored.secret.IsSet() {
		stored.trouble = &keyringError{keyringLost, errors.New("the item is not a password of cpupdate")}
	}
	return stored, nil
}

// password reads the file's entry for the password of a profile, or of the defaults.
func (p settingsPlace) password(name string) (storedPassword, error) {
	if p.passwords == "" {
		return storedPassword{}, nil
	}
	f, err := readStored(p.passwords, passwordForm())
	if err != nil {
		return storedPassword{}, err
	}
	table := findTable(f.tables, name)
	if table == nil {
		return storedPassword{}, nil
	}
	return f.passwordIn(table)
}

// passwordIn converts the values of a table to their types.
func (f *storedFile) passwordIn(table *settingsTable) (stored storedPassword, err error) {
	if mark := table.find(keyKeyring); mark != nil {
		problem := ""
		switch {
		case len(table.values) > 1:
			problem = "no other key is allowed beside keyring = true"
		case mark.texts[0] != "true":
			problem = "keyring must be true, or be removed"
		}
		if problem != "" {
			return stored, f.failure(&storedError{mark.line, 1, problem, "remove what is wrong, and store the password again: cpupdate defaults set --password-stdin"})
		}
		stored.keyring = true
		return stored, nil
	}
	if table.find(transfer.SettingPassword) == nil {
		return stored, nil
	}
	for _, value := range table.values {
		text := value.texts[0]
		switch value.key {
		case transfer.SettingServer:
			stored.server = text
		case transfer.SettingUsername:
			stored.username = text
		case transfer.SettingMethod:
			stored.method = text
		default:
			if stored.secret, err = newPassword(text); err != nil {
				return stored, f.failure(&storedError{value.line, 1, err.Error(), "store it again: cpupdate defaults set --password-stdin"})
			}
		}
	}
	return stored, nil
}

// misfit returns why the password is not for this access, "" if it is. Like all errors about that file, it shows
// nothing of the content.
func (s storedPassword) misfit(access transfer.Access) string {
	const words = "the stored password was stored for "
	switch {
	case !s.secret.IsSet():
		return ""
	case s.server != "" && !strings.EqualFold(s.server, hostOf(access)):
		return words + "another server"
	case s.username != "" && s.username != access.Username:
		return words + "another user"
	case s.method != "" && s.method != string(transfer.FTP) && plainFTP(access):
		return words + "ftps or https, and with ftp anyone on the network path can read it"
	}
	return ""
}

// hostOf returns the host of the server, from whichever setting names it.
func hostOf(access transfer.Access) string {
	if access.Server != "" {
		return strings.TrimSuffix(strings.TrimPrefix(access.Server, "["), "]")
	}
	u, err := url.Parse(access.BaseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// usablePassword returns the stored password, if it was stored for this server.
func (p *profile) usablePassword(ctx context.Context, pass *passwordStore) (transfer.Secret, error) {
	stored, err := pass.storedPassword(ctx, p.place, p.name)
	if err != nil {
		return transfer.Secret{}, err
	}
	if stored.trouble != nil {
		return transfer.Secret{}, stored.trouble.failure(p.name)
	}
	if problem := stored.misfit(p.access); problem != "" {
		return transfer.Secret{}, failf(codeSettings, "store it again: "+p.setPassword(), "%s: %s", p.title(), problem)
	}
	return stored.secret, nil
}

// setPassword returns the command that stores the profile's password.
func (p *profile) setPassword() string {
	command := "cpupdate defaults set --password-stdin"
	if p.name != "" {
		command += " --profile " + p.name
	}
	return command
}

// editPassword writes the password to a table, with the access data that it is for. A password that stays gets the
// server and user that were unknown before.
func (c settingsChange) editPassword(e *storedEdit, name string, before, after transfer.Access) error {
	if c.password != nil {
		if err := e.set(name, transfer.SettingPassword, []string{c.password.Reveal()}); err != nil {
			return err
		}
	}
	for _, key := range []struct{ name, before, after string }{
		{transfer.SettingServer, hostOf(before), hostOf(after)},
		{transfer.SettingUsername, before.Username, after.Username},
		{transfer.SettingMethod, "", string(cmp.Or(after.Method, transfer.FTP))},
	} {
		var err error
		table := findTable(e.tables, name)
		switch {
		case table == nil || table.find(transfer.SettingPassword) == nil:
			return nil
		case c.password != nil && key.after == "":
			err = e.unset(name, key.name)
		case c.password != nil || key.name != transfer.SettingMethod && table.find(key.name) == nil && key.before == "" && key.after != "":
			err = e.set(name, key.name, []string{key.after})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// access returns the profile's access data before and after the change.
func (c settingsChange) access(place settingsPlace) (before, after transfer.Access, err error) {
	f, err := readStored(place.config, configForm())
	if err != nil {
		return before, after, err
	}
	var values []givenSetting
	if table := findTable(f.tables, c.profile); table != nil {
		for _, v := range table.values {
			values = append(values, givenSetting{v.key, v.texts})
		}
	}
	before = accessOf(values)
	kept := slices.DeleteFunc(slices.Clone(values), func(s givenSetting) bool { return slices.Contains(c.unset, s.name) })
	return before, accessOf(slices.Concat(kept, c.set)), nil
}

// accessOf returns the access data among settings; errors in them are checked elsewhere.
func accessOf(settings []givenSetting) transfer.Access {
	var access transfer.Access
	for _, s := range settings {
		_ = access.Set(s.name, s.texts[0])
	}
	return access
}
