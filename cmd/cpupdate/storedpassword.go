package main

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A storedPassword is a password and what it was stored for: it goes to no other server, as no other user, and not in
// clear if it did not before. What was not known then is empty, and says nothing.
type storedPassword struct {
	secret                   transfer.Secret
	server, username, method string
}

// passwordForm is what passwords.toml may hold.
func passwordForm() storedForm {
	var keys []storedKey
	for _, name := range []string{transfer.SettingPassword, transfer.SettingServer, transfer.SettingUsername, transfer.SettingMethod} {
		keys = append(keys, storedKey{name, unstable.String})
	}
	return storedForm{keys: keys, secret: true}
}

// password reads the stored password of a profile, or of the defaults.
func (p settingsPlace) password(name string) (storedPassword, error) {
	var stored storedPassword
	if p.passwords == "" {
		return stored, nil
	}
	f, err := readStored(p.passwords, passwordForm())
	if err != nil {
		return stored, err
	}
	table := findTable(f.tables, name)
	if table == nil || table.find(transfer.SettingPassword) == nil {
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

// misfit says why the password is not for this access, "" if it is. Like all errors about that file it repeats nothing
// of it.
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
		return words + "ftps or https, and by ftp anyone on the way can read it"
	}
	return ""
}

// hostOf is the host of the server, wherever it is named.
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

// usablePassword is the stored password, if it was stored for this server.
func (p *profile) usablePassword() (transfer.Secret, error) {
	stored, err := p.place.password(p.name)
	if err != nil {
		return transfer.Secret{}, err
	}
	if problem := stored.misfit(p.access); problem != "" {
		return transfer.Secret{}, failf(codeSettings, "store it again: "+p.setPassword(), "%s: %s", p.title(), problem)
	}
	return stored.secret, nil
}

// setPassword is the command that stores the profile's password.
func (p *profile) setPassword() string {
	command := "cpupdate defaults set --password-stdin"
	if p.name != "" {
		command += " --profile " + p.name
	}
	return command
}

// editPasswords stores or removes the password, and writes beside it what it is for. One that stays learns server and
// user if they were not known before.
func (c settingsChange) editPasswords(e *storedEdit, before, after transfer.Access) error {
	if c.all || c.password != nil && !c.password.IsSet() {
		return e.remove(c.profile)
	}
	if c.password != nil {
		if err := e.set(c.profile, transfer.SettingPassword, []string{c.password.Reveal()}); err != nil {
			return err
		}
	}
	for _, key := range []struct{ name, before, after string }{
		{transfer.SettingServer, hostOf(before), hostOf(after)},
		{transfer.SettingUsername, before.Username, after.Username},
		{transfer.SettingMethod, "", string(cmp.Or(after.Method, transfer.FTP))},
	} {
		var err error
		table := findTable(e.tables, c.profile)
		switch {
		case table == nil || table.find(transfer.SettingPassword) == nil:
			return nil
		case c.password != nil && key.after == "":
			err = e.unset(c.profile, key.name)
		case c.password != nil || key.name != transfer.SettingMethod && table.find(key.name) == nil && key.before == "" && key.after != "":
			err = e.set(c.profile, key.name, []string{key.after})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// access returns the profile's access data as they are, and as the change leaves them.
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

// accessOf are the access data among settings; what is wrong with them is looked for elsewhere.
func accessOf(settings []givenSetting) transfer.Access {
	var access transfer.Access
	for _, s := range settings {
		_ = access.Set(s.name, s.texts[0])
	}
	return access
}
