// Package option holds the groups of flags that several commands share, and what their values mean together.
package option

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Access hold explicit access data. An empty value means that the flag was not given: a flag with an empty value
// is an error already.
type Access struct {
	Method, server, port, account, username, path, baseURL string
}

// AddFlags declares the flags.
func (o *Access) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Server")()
	flags.StringVar(&o.server, transfer.SettingServer, "", "the server's `HOST` name or address")
	flags.StringVar(&o.username, transfer.SettingUsername, "", "the user `NAME` on the server; for anonymous access, give anonymous")
	flags.StringVar(&o.path, transfer.SettingPath, "", "the `FOLDER` on the server, with ftp and ftps (default: the login folder)")
	flags.StringVar(&o.Method, transfer.SettingMethod, "", "the transfer method: `ftp|ftps|https` (default ftp)")
	flags.StringVar(&o.port, transfer.SettingPort, "", "the server's `PORT` (default 21, or 443 with https)")
	flags.StringVar(&o.baseURL, transfer.SettingBaseURL, "", "the `URL` of the folder, with https: https://files.example/firmware/")
	flags.StringVar(&o.account, transfer.SettingAccount, "", "the `ACCOUNT` that some FTP servers require in addition to the user name")
}

// Given returns the settings that were given, in a fixed order.
func (o *Access) Given() []settings.Given {
	var out []settings.Given
	for _, s := range []struct{ name, text string }{
		{transfer.SettingMethod, o.Method},
		{transfer.SettingServer, o.server},
		{transfer.SettingPort, o.port},
		{transfer.SettingAccount, o.account},
		{transfer.SettingUsername, o.username},
		{transfer.SettingPath, o.path},
		{transfer.SettingBaseURL, o.baseURL},
	} {
		if s.text != "" {
			out = append(out, settings.Given{Name: s.name, Texts: []string{s.text}})
		}
	}
	return out
}

// access parses the flags. Problems that depend on other settings or on the password are left to
// [transfer.Access.Validate] and [settings.UsageError].
func (o *Access) access(command string) (transfer.Access, error) {
	var access transfer.Access
	for _, s := range o.Given() {
		if err := access.Set(s.Name, s.Texts[0]); err != nil {
			return access, settings.UsageError(command, err)
		}
	}
	return access, nil
}

// Trust say how to verify the server's certificate.
type Trust struct {
	CA   string
	Pins []string
}

// AddFlags declares the flags.
func (o *Trust) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Trust")()
	flags.StringVar(&o.CA, settings.KeyCA, "", "verify the server's certificate with the CA certificates in `FILE` (PEM), not with those of the system")
	flags.StringArrayVar(&o.Pins, settings.KeyPin, nil, "accept the server's certificate if its public key has this digest, `sha256:HEX`; may be repeated")
}

// Given returns the settings that are given as flags.
func (o *Trust) Given() []settings.Given {
	var out []settings.Given
	if o.CA != "" {
		out = append(out, settings.Given{Name: settings.KeyCA, Texts: []string{o.CA}})
	}
	if len(o.Pins) > 0 {
		out = append(out, settings.Given{Name: settings.KeyPin, Texts: o.Pins})
	}
	return out
}

// Trust parses the flags and reads the file that they name.
func (o *Trust) Trust(ctx context.Context, command string) (trust.Policy, error) {
	pins, err := settings.ParsePins(o.Pins)
	if err != nil {
		return trust.Policy{}, exit.Usage(command, "--%s: %v", settings.KeyPin, err)
	}
	policy := trust.Policy{Pins: pins}
	if o.CA != "" {
		policy.Authorities, err = settings.ReadAuthorities(ctx, o.CA, "the server's")
	}
	return policy, err
}

// instead returns the stored policy with the values of the flags that were given in place of the stored ones.
func (o *Trust) instead(ctx context.Context, p *settings.Profile, command string) (trust.Policy, error) {
	given, err := (&Trust{Pins: o.Pins}).Trust(ctx, command)
	if err != nil {
		return given, err
	}
	q := *p
	q.CA = cmp.Or(o.CA, p.CA)
	if len(given.Pins) > 0 {
		q.Pins = given.Pins
	}
	return q.Trust(ctx)
}

// Site describe all phones of a site together.
type Site struct{ phone Phone }

// AddFlags declares the flags.
func (o *Site) AddFlags(flags *pflag.FlagSet) { o.phone.addSiteFlags(flags) }

// Given returns the settings that are given as flags.
func (o *Site) Given() []settings.Given {
	var out []settings.Given
	for _, s := range []struct{ name, text string }{
		{settings.KeyLevel, o.phone.Level},
		{settings.KeyModel, o.phone.Model},
		{settings.KeyType, o.phone.Kind},
		{settings.KeyMinimum, o.phone.Minimum},
	} {
		if s.text != "" {
			out = append(out, settings.Given{Name: s.name, Texts: []string{s.text}})
		}
	}
	return out
}

// CheckGiven checks settings from flags and returns them in the form that the settings file has.
func CheckGiven(ctx context.Context, command string, given []settings.Given) ([]settings.Given, error) {
	p := &settings.Profile{Texts: map[string][]string{}, Where: map[string]string{}}
	var out []settings.Given
	for _, s := range given {
		if err := p.Set(s.Name, s.Texts, hwcheck.Flag, ""); err != nil {
			return nil, settings.UsageError(command, err)
		}
		texts := p.Canonical(s.Name)
		if s.Name == settings.KeyCA {
			if _, err := settings.ReadAuthorities(ctx, s.Texts[0], "the server's"); err != nil {
				return nil, err
			}
		}
		if s.Name == settings.KeyCA || s.Name == settings.KeyFetchPassword {
			// In the settings file, a relative name would start from the folder of that file.
			whole, err := filepath.Abs(s.Texts[0])
			if err != nil {
				return nil, err
			}
			texts = []string{whole}
		}
		out = append(out, settings.Given{Name: s.Name, Texts: texts})
	}
	return out, nil
}

// WantsPassword reports whether to prompt for a password: there is a user, and it is not anonymous.
func WantsPassword(access transfer.Access) bool {
	return access.Username != "" && !strings.EqualFold(access.Username, "anonymous")
}
