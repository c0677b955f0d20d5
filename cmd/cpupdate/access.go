package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// maxCAFile is the maximum size of a file with CA certificates, in bytes.
const maxCAFile = 1 << 20

// A givenSetting is a setting that was given as a flag, with the flag's values.
type givenSetting struct {
	name  string
	texts []string
}

// accessOptions hold explicit access data. An empty value means that the flag was not given: a flag with an empty value
// is an error already.
type accessOptions struct {
	method, server, port, account, username, path, baseURL string
}

func (o *accessOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Server")()
	flags.StringVar(&o.server, transfer.SettingServer, "", "the server's `HOST` name or address")
	flags.StringVar(&o.username, transfer.SettingUsername, "", "the user `NAME` on the server; for anonymous access, give anonymous")
	flags.StringVar(&o.path, transfer.SettingPath, "", "the `FOLDER` on the server, with ftp and ftps (default: the login folder)")
	flags.StringVar(&o.method, transfer.SettingMethod, "", "the transfer method: `ftp|ftps|https` (default ftp)")
	flags.StringVar(&o.port, transfer.SettingPort, "", "the server's `PORT` (default 21, or 443 with https)")
	flags.StringVar(&o.baseURL, transfer.SettingBaseURL, "", "the `URL` of the folder, with https: https://files.example/firmware/")
	flags.StringVar(&o.account, transfer.SettingAccount, "", "the `ACCOUNT` that some FTP servers require in addition to the user name")
}

// given returns the settings that were given, in a fixed order.
func (o *accessOptions) given() []givenSetting {
	var out []givenSetting
	for _, s := range []struct{ name, text string }{
		{transfer.SettingMethod, o.method},
		{transfer.SettingServer, o.server},
		{transfer.SettingPort, o.port},
		{transfer.SettingAccount, o.account},
		{transfer.SettingUsername, o.username},
		{transfer.SettingPath, o.path},
		{transfer.SettingBaseURL, o.baseURL},
	} {
		if s.text != "" {
			out = append(out, givenSetting{s.name, []string{s.text}})
		}
	}
	return out
}

// access parses the flags. Problems that depend on other settings or on the password are left to
// [transfer.Access.Validate] and settingUsage.
func (o *accessOptions) access(command string) (transfer.Access, error) {
	var access transfer.Access
	for _, s := range o.given() {
		if err := access.Set(s.name, s.texts[0]); err != nil {
			return access, settingUsage(command, err)
		}
	}
	return access, nil
}

// settingUsage turns a [*transfer.SettingError] about a flag into a usage error that names the flag. It returns any
// other error unchanged.
func settingUsage(command string, err error) error {
	e := (*transfer.SettingError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return usage(command, "--%s: %s", e.Setting, e.Problem)
}

// trustOptions say how to verify the server's certificate.
type trustOptions struct {
	ca   string
	pins []string
}

func (o *trustOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Trust")()
	flags.StringVar(&o.ca, settingCA, "", "verify the server's certificate with the CA certificates in `FILE` (PEM), not with those of the system")
	flags.StringArrayVar(&o.pins, settingPin, nil, "accept the server's certificate if its public key has this digest, `sha256:HEX`; may be repeated")
}

func (o *trustOptions) given() []givenSetting {
	var out []givenSetting
	if o.ca != "" {
		out = append(out, givenSetting{settingCA, []string{o.ca}})
	}
	if len(o.pins) > 0 {
		out = append(out, givenSetting{settingPin, o.pins})
	}
	return out
}

// trust parses the flags and reads the file that they name.
func (o *trustOptions) trust(command string) (trust.Policy, error) {
	pins, err := parsePins(o.pins)
	if err != nil {
		return trust.Policy{}, usage(command, "--%s: %v", settingPin, err)
	}
	policy := trust.Policy{Pins: pins}
	if o.ca != "" {
		policy.Authorities, err = readAuthorities(o.ca)
	}
	return policy, err
}

// instead returns the stored policy with the values of the flags that were given in place of the stored ones.
func (o *trustOptions) instead(p *profile, command string) (trust.Policy, error) {
	given, err := (&trustOptions{pins: o.pins}).trust(command)
	if err != nil {
		return given, err
	}
	q := *p
	q.ca = cmp.Or(o.ca, p.ca)
	if len(given.Pins) > 0 {
		q.pins = given.Pins
	}
	return q.trust()
}

// readAuthorities reads CA certificates in PEM.
func readAuthorities(name string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	text, err := readLimited(name, maxCAFile)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = errors.New("contains no certificate in PEM")
	}
	if err != nil {
		return nil, fail(codeSettings, fmt.Errorf("CA file %s: %w", name, withoutPath(err)),
			"name a file with the certificate of the CA that signed the server's; it begins with -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}

// siteOptions describe all phones of a site together.
type siteOptions struct{ phone phoneOptions }

func (o *siteOptions) addFlags(flags *pflag.FlagSet) { o.phone.addSiteFlags(flags) }

func (o *siteOptions) given() []givenSetting {
	var out []givenSetting
	for _, s := range []struct{ name, text string }{
		{settingLevel, o.phone.level},
		{settingModel, o.phone.model},
		{settingType, o.phone.kind},
		{settingMinimum, o.phone.minimum},
	} {
		if s.text != "" {
			out = append(out, givenSetting{s.name, []string{s.text}})
		}
	}
	return out
}

// checkGiven checks settings from flags and returns them in the form that the settings file has.
func checkGiven(command string, given []givenSetting) ([]givenSetting, error) {
	p := &profile{texts: map[string][]string{}, where: map[string]string{}}
	var out []givenSetting
	for _, s := range given {
		if err := p.set(s.name, s.texts, hwcheck.Flag, ""); err != nil {
			return nil, settingUsage(command, err)
		}
		texts := p.canonical(s.name)
		if s.name == settingCA {
			if _, err := readAuthorities(s.texts[0]); err != nil {
				return nil, err
			}
		}
		if s.name == settingCA || s.name == settingFetchPassword {
			// In the settings file, a relative name would start from the folder of that file.
			whole, err := filepath.Abs(s.texts[0])
			if err != nil {
				return nil, err
			}
			texts = []string{whole}
		}
		out = append(out, givenSetting{s.name, texts})
	}
	return out, nil
}
