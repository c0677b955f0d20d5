package credentials

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// OnlyOwner says who can read the passwords, as far as this system lets cpupdate control it.
func OnlyOwner() string {
	if runtime.GOOS == "windows" {
		return "; only the folder's permissions protect it"
	}
	return "; only its owner can read it"
}

// keyKeyring is the key in passwords.toml that says that the password is in the keyring.
const keyKeyring = "keyring"

// A Password is a password and the access data that it was stored for. It is sent to no other server, as no other
// user, and not unencrypted if it was stored for an encrypted method. What was unknown then is empty, and restricts
// nothing.
type Password struct {
	Secret                   secret.Secret
	Server, Username, method string
	Keyring                  bool          // it is in the keyring, and the other fields are known only after reading that
	Trouble                  *keyringError // why it could not be read from there
}

// There reports whether a password is stored.
func (s Password) There() bool { return s.Keyring || s.Secret.IsSet() }

// passwordForm describes what passwords.toml, or an item of the keyring, may contain.
func passwordForm() tomledit.Form {
	keys := []tomledit.Key{{Name: keyKeyring, Kind: unstable.Bool}}
	for _, name := range []string{transfer.SettingPassword, transfer.SettingServer, transfer.SettingUsername, transfer.SettingMethod} {
		keys = append(keys, tomledit.Key{Name: name, Kind: unstable.String})
	}
	return tomledit.Form{Keys: keys, Secret: true}
}

// Password returns the stored password of a profile, or of the defaults. The keyring is read only if the password
// is there; an error of the keyring is part of the result.
func (p *Store) Password(ctx context.Context, place settings.Place, name string) (Password, error) {
	stored, err := InFile(place, name)
	if err != nil || !stored.Keyring {
		return stored, err
	}
	item, err := itemName(place, name)
	if err != nil {
		return stored, err
	}
	text, err := p.fromKeyring(ctx, item)
	if err != nil {
		if stored.Trouble = keyringErrorOf(err); stored.Trouble != nil {
			err = nil
		}
		return stored, err
	}
	tables, err := tomledit.Parse([]byte(text), passwordForm())
	if table := tomledit.Find(tables, ""); err == nil && table != nil && table.Find(keyKeyring) == nil {
		f := &settings.File{Path: "the system's keyring", Form: passwordForm()}
		stored, err = passwordIn(f, table)
		stored.Keyring = true
	}
	if err != nil || !stored.Secret.IsSet() {
		stored.Trouble = &keyringError{KeyringLost, errors.New("the item is not a password of cpupdate")}
	}
	return stored, nil
}

// Count returns how many passwords the file holds, -1 if there is no such file, and of how many it says that the keyring
// has them.
func Count(p settings.Place) (inFile, inKeyring int, err error) {
	f, err := settings.ReadFile(p.Passwords, passwordForm())
	if err != nil || !f.There {
		return -1, 0, err
	}
	for _, table := range f.Tables {
		switch {
		case table.Find(keyKeyring) != nil:
			inKeyring++
		case table.Find(transfer.SettingPassword) != nil:
			inFile++
		}
	}
	return inFile, inKeyring, nil
}

// InFile reads the file's entry for the password of a profile, or of the defaults.
func InFile(p settings.Place, name string) (Password, error) {
	if p.Passwords == "" {
		return Password{}, nil
	}
	f, err := settings.ReadFile(p.Passwords, passwordForm())
	if err != nil {
		return Password{}, err
	}
	table := tomledit.Find(f.Tables, name)
	if table == nil {
		return Password{}, nil
	}
	return passwordIn(f, table)
}

// passwordIn converts the values of a table to their types.
func passwordIn(f *settings.File, table *tomledit.Table) (stored Password, err error) {
	if mark := table.Find(keyKeyring); mark != nil {
		problem := ""
		switch {
		case len(table.Values) > 1:
			problem = "no other key is allowed beside keyring = true"
		case mark.Texts[0] != "true":
			problem = "keyring must be true, or be removed"
		}
		if problem != "" {
			return stored, f.Failure(&tomledit.Error{Line: mark.Line, Column: 1, Msg: problem, Hint: "remove what is wrong, and store the password again: cpupdate defaults set --password-stdin"})
		}
		stored.Keyring = true
		return stored, nil
	}
	if table.Find(transfer.SettingPassword) == nil {
		return stored, nil
	}
	for _, value := range table.Values {
		text := value.Texts[0]
		switch value.Key {
		case transfer.SettingServer:
			stored.Server = text
		case transfer.SettingUsername:
			stored.Username = text
		case transfer.SettingMethod:
			stored.method = text
		default:
			if stored.Secret, err = newPassword(text); err != nil {
				return stored, f.Failure(&tomledit.Error{Line: value.Line, Column: 1, Msg: err.Error(), Hint: "store it again: cpupdate defaults set --password-stdin"})
			}
		}
	}
	return stored, nil
}

// Misfit returns why the password is not for this access, "" if it is. Like all errors about that file, it shows
// nothing of the content.
func (s Password) Misfit(access transfer.Access) string {
	const words = "the stored password was stored for "
	switch {
	case !s.Secret.IsSet():
		return ""
	case s.Server != "" && !strings.EqualFold(s.Server, HostOf(access)):
		return words + "another server"
	case s.Username != "" && s.Username != access.Username:
		return words + "another user"
	case s.method != "" && s.method != string(transfer.FTP) && settings.PlainFTP(access):
		return words + "ftps or https, and with ftp anyone on the network path can read it"
	}
	return ""
}

// HostOf returns the host of the server, from whichever setting names it.
func HostOf(access transfer.Access) string {
	if access.Server != "" {
		return strings.TrimSuffix(strings.TrimPrefix(access.Server, "["), "]")
	}
	u, err := url.Parse(access.BaseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Usable returns the stored password, if it was stored for this server.
func (p *Store) Usable(ctx context.Context, profile *settings.Profile) (secret.Secret, error) {
	stored, err := p.Password(ctx, profile.Place, profile.Name)
	if err != nil {
		return secret.Secret{}, err
	}
	if stored.Trouble != nil {
		return secret.Secret{}, stored.Trouble.failure(profile.Name)
	}
	if problem := stored.Misfit(profile.Access); problem != "" {
		return secret.Secret{}, exit.Errorf(exit.CodeSettings, "store it again: "+profile.SetPassword(), "%s: %s", profile.Title(), problem)
	}
	return stored.Secret, nil
}

// editPassword writes the password to a table, with the access data that it is for. A password that stays gets the
// server and user that were unknown before.
func (c Change) editPassword(e *tomledit.Edit, name string, before, after transfer.Access) error {
	if c.Password != nil {
		if err := e.Set(name, transfer.SettingPassword, []string{c.Password.Reveal()}); err != nil {
			return err
		}
	}
	for _, key := range []struct{ name, before, after string }{
		{transfer.SettingServer, HostOf(before), HostOf(after)},
		{transfer.SettingUsername, before.Username, after.Username},
		{transfer.SettingMethod, "", string(cmp.Or(after.Method, transfer.FTP))},
	} {
		var err error
		table := tomledit.Find(e.Tables, name)
		switch {
		case table == nil || table.Find(transfer.SettingPassword) == nil:
			return nil
		case c.Password != nil && key.after == "":
			err = e.Unset(name, key.name)
		case c.Password != nil || key.name != transfer.SettingMethod && table.Find(key.name) == nil && key.before == "" && key.after != "":
			err = e.Set(name, key.name, []string{key.after})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// access returns the profile's access data before and after the change.
func (c Change) access(place settings.Place) (before, after transfer.Access, err error) {
	f, err := settings.ReadFile(place.Config, settings.ConfigForm())
	if err != nil {
		return before, after, err
	}
	var values []settings.Given
	if table := tomledit.Find(f.Tables, c.Profile); table != nil {
		for _, v := range table.Values {
			values = append(values, settings.Given{Name: v.Key, Texts: v.Texts})
		}
	}
	before = accessOf(values)
	kept := slices.DeleteFunc(slices.Clone(values), func(s settings.Given) bool { return slices.Contains(c.Unset, s.Name) })
	return before, accessOf(slices.Concat(kept, c.Set)), nil
}

// accessOf returns the access data among settings; errors in them are checked elsewhere.
func accessOf(settings []settings.Given) transfer.Access {
	var access transfer.Access
	for _, s := range settings {
		_ = access.Set(s.Name, s.Texts[0])
	}
	return access
}
