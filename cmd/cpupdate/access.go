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

// maxCAFile is the size of the largest file with certificates of authorities in bytes.
const maxCAFile = 1 << 20

// A givenSetting is a setting that a flag gives, with the flag's texts.
type givenSetting struct {
	name  string
	texts []string
}

// accessOptions are explicit access data. A flag that is not given is empty: one without a value is an error already.
type accessOptions struct {
	method, server, port, account, username, path, baseURL string
}

func (o *accessOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.method, transfer.SettingMethod, "", "how the file travels: `ftp|ftps|https` (usual: ftp)")
	flags.StringVar(&o.server, transfer.SettingServer, "", "the server's `HOST` name or address")
	flags.StringVar(&o.port, transfer.SettingPort, "", "the server's `PORT` (usual: 21, for https 443)")
	flags.StringVar(&o.account, transfer.SettingAccount, "", "the `ACCOUNT` that some FTP servers ask for besides the user name")
	flags.StringVar(&o.username, transfer.SettingUsername, "", "the user's `NAME` on the server; anonymous has to be named too")
	flags.StringVar(&o.path, transfer.SettingPath, "", "the `FOLDER` on the server, by ftp and ftps (usual: the login folder)")
	flags.StringVar(&o.baseURL, transfer.SettingBaseURL, "", "the folder's `URL`, by https: https://files.example/firmware/")
}

// given are the settings that were given, in their order.
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

// access reads the flags. What only shows together with other settings, and with the password, is left to
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

// settingUsage turns a [*transfer.SettingError] about settings that came from flags into a usage error that names the
// flag. Any other error stays as it is.
func settingUsage(command string, err error) error {
	e := (*transfer.SettingError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return usage(command, "--%s: %s", e.Setting, e.Problem)
}

// trustOptions are whom to believe that it is the server.
type trustOptions struct {
	ca   string
	pins []string
}

func (o *trustOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.ca, settingCA, "", "who may sign the server's certificate: a `FILE` (PEM) instead of the system's authorities")
	flags.StringArrayVar(&o.pins, settingPin, nil, "the server's key, `sha256:HEX` of its public key; may be repeated")
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

// trust reads the flags and the file that they name.
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

// instead is what is stored with the flags in its place: each of them only for its own.
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

// readAuthorities reads certificates in PEM.
func readAuthorities(name string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	text, err := readLimited(name, maxCAFile)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = errors.New("holds no certificate in PEM")
	}
	if err != nil {
		return nil, fail(codeSettings, fmt.Errorf("authorities %s: %w", name, withoutPath(err)),
			"a file with the certificate of who signs the server's, from -----BEGIN CERTIFICATE----- on")
	}
	return pool, nil
}

// siteOptions describe the phones of a site, all of them at once.
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

// checkGiven checks settings from flags and returns them as they are written into a file.
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
			// In the file a relative name would start from the file's folder.
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
