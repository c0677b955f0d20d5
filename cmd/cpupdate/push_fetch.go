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

// The settings of what phones are told, if that is not what the upload used.
const (
	settingFetchURL      = "fetch-url"
	settingFetchUsername = "fetch-username"
	settingFetchPassword = "fetch-password-file" //nolint:gosec // a name, no password
)

// fetchOptions are where phones fetch, and as whom.
type fetchOptions struct{ fetchAccess }

func (o *fetchOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.url, settingFetchURL, "", "where phones fetch, if not where the image is sent: `URL` of the folder (with a / at its end) or file, ftp://... or https://...")
	flags.StringVar(&o.username, settingFetchUsername, "", "the user's `NAME` that phones log in with: best one that may only read")
	flags.StringVar(&o.passwordFile, settingFetchPassword, "", "read the password for that from `FILE`, without the line break at its end")
}

// settings are those that were given, in their order.
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

// given is the first flag that was given, "" if none was.
func (o *fetchOptions) given() string {
	if all := o.settings(); len(all) > 0 {
		return all[0].name
	}
	return ""
}

// withStored takes over what is stored where no flag is given.
func (o fetchOptions) withStored(stored fetchAccess) fetchAccess {
	if o.fetchAccess == (fetchAccess{}) {
		return stored
	}
	return o.fetchAccess
}

// own reports whether phones have a login of their own, or none.
func (o *fetchOptions) own() bool { return o.url != "" || o.username != "" }

// deployment is what phones are told, without a password. The error is a usage error or one of the stored settings.
func (o *fetchOptions) deployment(d *destination, filename string) (wpi.Deployment, error) {
	o.fetchAccess = o.withStored(d.fetch)
	if o.passwordFile != "" && o.username == "" {
		return wpi.Deployment{}, o.wrong(d, settingFetchPassword, "it goes with fetch-username")
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

// settingOf is our name of a setting that a phone would not understand.
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

// wrong is a setting that cannot be told to phones.
func (o *fetchOptions) wrong(d *destination, setting, problem string) error {
	if d.origin == "flags" || setting == transfer.SettingFilename {
		return usage("push", "--%s: %s", setting, problem)
	}
	return failf(codeSettings, "change it with: cpupdate defaults set --"+setting+" ...", "%s: %s: %s", d.origin, setting, problem)
}

// place is where the image will lie for phones.
func (o *fetchOptions) place(d *destination, filename string) (wpi.Deployment, error) {
	a := d.access
	switch {
	case o.url != "":
		return o.placeOfURL(d, filename)
	case a.Method == transfer.FTPS:
		return wpi.Deployment{}, o.wrong(d, settingFetchURL, "phones fetch by ftp and https, not by ftps: say where they find the image")
	case a.Method == transfer.HTTPS:
		return wpi.Deployment{URL: a.FileURL(filename)}, nil
	}
	return wpi.Deployment{Server: a.Server, Port: a.Port, Path: a.Path, Name: filename, Account: a.Account}, nil
}

// placeOfURL reads --fetch-url. As in every URL of FTP a folder begins at the login folder, or with %2F at the root.
func (o *fetchOptions) placeOfURL(d *destination, filename string) (wpi.Deployment, error) {
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" || u.Scheme != "ftp" && u.Scheme != "https" {
		return wpi.Deployment{}, o.wrong(d, settingFetchURL, "ftp://HOST/FOLDER/ or https://HOST/FOLDER/, or the whole address of the file")
	}
	if u.User != nil {
		return wpi.Deployment{}, o.wrong(d, settingFetchURL, "the login does not belong into it: use fetch-username and fetch-password-file")
	}
	if strings.HasSuffix(u.Path, "/") || u.Path == "" {
		u = u.JoinPath(filename)
	}
	if u.Scheme == "https" {
		return wpi.Deployment{URL: u.String()}, nil
	}
	port, _ := strconv.Atoi(cmp.Or(u.Port(), "0")) // url.Parse has seen that it is a number
	folder, name := "", strings.TrimPrefix(u.Path, "/")
	if i := strings.LastIndex(name, "/"); i >= 0 {
		folder, name = cmp.Or(name[:i], "/"), name[i+1:]
	}
	return wpi.Deployment{Server: u.Hostname(), Port: port, Path: folder, Name: name}, nil
}

// login adds the password, once it is known.
func (o *fetchOptions) login(d *destination, deploy wpi.Deployment) (wpi.Deployment, error) {
	switch {
	case o.passwordFile != "":
		text, err := readLimited(o.passwordFile, maxPassword+2)
		if err != nil {
			return deploy, fail(codeSettings, err, "a file with the password that phones log in with")
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

// writes reports whether phones are told a login that may write.
func (o *fetchOptions) writes(d *destination) bool {
	return !o.own() && d.access.Username != "" && !strings.EqualFold(d.access.Username, "anonymous")
}
