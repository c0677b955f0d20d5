package main

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// The settings that phones are instructed to use if they differ from those of the upload.
const (
	settingFetchURL      = "fetch-url"
	settingFetchUsername = "fetch-username"
	settingFetchPassword = "fetch-password-file" //nolint:gosec // a name, no password
)

// fetchOptions say where phones fetch the image, and with which login.
type fetchOptions struct{ fetchAccess }

func (o *fetchOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Fetch by phones")()
	flags.StringVar(&o.url, settingFetchURL, "", "let phones fetch from `URL` if the upload has another address: a file, or a folder that ends in /; ftp://... or https://...")
	flags.StringVar(&o.username, settingFetchUsername, "", "the user `NAME` that phones log in with; use one with read access only")
	flags.StringVar(&o.passwordFile, settingFetchPassword, "", "read the password of --fetch-username from `FILE`, without the line break at its end")
}

// settings returns the settings that were given, in a fixed order.
func (o *fetchOptions) settings() []givenSetting {
	var out []givenSetting
	for _, s := range []struct{ name, text string }{
		{settingFetchURL, o.url}, {settingFetchUsername, o.username}, {settingFetchPassword, o.passwordFile},
	} {
		if s.text != "" {
			out = append(out, givenSetting{s.name, []string{s.text}})
		}
	}
	return out
}

// given returns the first flag that was given, or "".
func (o *fetchOptions) given() string {
	if all := o.settings(); len(all) > 0 {
		return all[0].name
	}
	return ""
}

// withStored returns the stored options if no flag was given.
func (o fetchOptions) withStored(stored fetchAccess) fetchAccess {
	if o.fetchAccess == (fetchAccess{}) {
		return stored
	}
	return o.fetchAccess
}

// own reports whether phones have a login of their own instead of that of the upload.
func (o *fetchOptions) own() bool { return o.url != "" || o.username != "" }

// deployment returns what phones are instructed to fetch, without a password. The error is a usage error, or is about a
// stored setting.
func (o *fetchOptions) deployment(d *destination, filename string) (wpi.Deployment, error) {
	o.fetchAccess = o.withStored(d.fetch)
	if o.passwordFile != "" && o.username == "" {
		return wpi.Deployment{}, o.wrong(d, settingFetchPassword, "needs fetch-username")
	}
	deploy, err := o.place(d, filename)
	if err != nil {
		return deploy, err
	}
	if deploy.Username = d.access.Username; o.own() {
		deploy.Username, deploy.Account = o.username, ""
	}
	deploy.Priority = wpi.Normal
	if _, err := deploy.Message(); err != nil {
		e := (*wpi.ValueError)(nil)
		errors.As(err, &e)
		return deploy, o.wrong(d, o.settingOf(e.Setting), e.Problem)
	}
	return deploy, nil
}

// settingOf returns our name of a setting whose value a phone would not understand.
func (o *fetchOptions) settingOf(name string) string {
	switch {
	case name == wpi.SettingUsername && o.own():
		return settingFetchUsername
	case name == wpi.SettingPassword && o.own():
		return settingFetchPassword
	case name == wpi.SettingPassword:
		return "password-file"
	case o.url != "" && name != wpi.SettingFilename:
		return settingFetchURL
	case name == wpi.SettingURL:
		return transfer.SettingBaseURL
	}
	return name
}

// wrong returns the error for a setting that phones cannot be given.
func (o *fetchOptions) wrong(d *destination, setting, problem string) error {
	if d.origin == "flags" || setting == transfer.SettingFilename {
		return usage("push", "--%s: %s", setting, problem)
	}
	return failf(codeSettings, "change it with: cpupdate defaults set --"+setting+" ...", "%s: %s: %s", d.origin, setting, problem)
}

// place returns the address from which phones fetch the image.
func (o *fetchOptions) place(d *destination, filename string) (wpi.Deployment, error) {
	a := d.access
	switch {
	case o.url != "":
		return o.placeOfURL(d, filename)
	case a.Method == transfer.FTPS:
		return wpi.Deployment{}, o.wrong(d, settingFetchURL, "phones cannot fetch by ftps, only by ftp and https: give the address where they find the image")
	case a.Method == transfer.HTTPS:
		return wpi.Deployment{URL: a.FileURL(filename)}, nil
	}
	return wpi.Deployment{Server: a.Server, Port: a.Port, Path: a.Path, Name: filename, Account: a.Account}, nil
}

// placeOfURL parses --fetch-url. As in every FTP URL, a path starts at the login folder, or with %2F at the root.
func (o *fetchOptions) placeOfURL(d *destination, filename string) (wpi.Deployment, error) {
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" || u.Scheme != "ftp" && u.Scheme != "https" {
		return wpi.Deployment{}, o.wrong(d, settingFetchURL, "must be ftp://HOST/FOLDER/ or https://HOST/FOLDER/, or the complete address of the file")
	}
	if u.User != nil {
		return wpi.Deployment{}, o.wrong(d, settingFetchURL, "must not contain a login: use fetch-username and fetch-password-file")
	}
	if strings.HasSuffix(u.Path, "/") || u.Path == "" {
		u = u.JoinPath(filename)
	}
	if u.Scheme == "https" {
		return wpi.Deployment{URL: u.String()}, nil
	}
	port, _ := strconv.Atoi(cmp.Or(u.Port(), "0")) // url.Parse accepts numbers only
	folder, name := "", strings.TrimPrefix(u.Path, "/")
	if i := strings.LastIndex(name, "/"); i >= 0 {
		folder, name = cmp.Or(name[:i], "/"), name[i+1:]
	}
	return wpi.Deployment{Server: u.Hostname(), Port: port, Path: folder, Name: name}, nil
}

// login adds the password to what phones are given.
func (o *fetchOptions) login(d *destination, deploy wpi.Deployment) (wpi.Deployment, error) {
	switch {
	case o.passwordFile != "":
		text, err := readLimited(o.passwordFile, maxPassword+2)
		if err != nil {
			return deploy, fail(codeSettings, err, "name a file with the password that phones log in with")
		}
		deploy.Password = withoutLineBreak(string(text))
	case !o.own():
		deploy.Password = d.access.Password.Reveal()
	}
	if _, err := deploy.Message(); err != nil {
		e := (*wpi.ValueError)(nil)
		errors.As(err, &e)
		return deploy, o.wrong(d, o.settingOf(e.Setting), e.Problem)
	}
	return deploy, nil
}

// writes reports whether phones are given the login of the upload, which may write.
func (o *fetchOptions) writes(d *destination) bool {
	return !o.own() && d.access.Username != "" && !strings.EqualFold(d.access.Username, "anonymous")
}
