package option

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// Fetch are where phones fetch, and as whom.
type Fetch struct{ settings.FetchAccess }

// AddFlags declares the flags.
func (o *Fetch) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.URL, settings.KeyFetchURL, "", "where phones fetch, if not where the image is sent: `URL` of the folder (with a / at its end) or file, ftp://... or https://...")
	flags.StringVar(&o.Username, settings.KeyFetchUsername, "", "the user's `NAME` that phones log in with: best one that may only read")
	flags.StringVar(&o.PasswordFile, settings.KeyFetchPassword, "", "read the password for that from `FILE`, without the line break at its end")
}

// Settings are those that were given, in their order.
func (o *Fetch) Settings() []settings.Given {
	var out []settings.Given
	for _, s := range []struct{ name, text string }{
		{settings.KeyFetchURL, o.URL}, {settings.KeyFetchUsername, o.Username}, {settings.KeyFetchPassword, o.PasswordFile},
	} {
		if s.text != "" {
			out = append(out, settings.Given{Name: s.name, Texts: []string{s.text}})
		}
	}
	return out
}

// Given is the first flag that was given, "" if none was.
func (o *Fetch) Given() string {
	if all := o.Settings(); len(all) > 0 {
		return all[0].Name
	}
	return ""
}

// withStored takes over what is stored where no flag is given.
func (o Fetch) withStored(stored settings.FetchAccess) settings.FetchAccess {
	if o.FetchAccess == (settings.FetchAccess{}) {
		return stored
	}
	return o.FetchAccess
}

// own reports whether phones have a login of their own, or none.
func (o *Fetch) own() bool { return o.URL != "" || o.Username != "" }

// Deployment is what phones are told, without a password. The error is a usage error or one of the stored settings.
func (o *Fetch) Deployment(d *Destination, filename string) (wpi.Deployment, error) {
	o.FetchAccess = o.withStored(d.Fetch)
	if o.PasswordFile != "" && o.Username == "" {
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchPassword, "it goes with fetch-username")
	}
	deploy, err := o.place(d, filename)
	if err != nil {
		return deploy, err
	}
	if deploy.Username = d.Access.Username; o.own() {
		deploy.Username, deploy.Account = o.Username, ""
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
func (o *Fetch) settingOf(name string) string {
	switch {
	case name == wpi.SettingUsername && o.own():
		return settings.KeyFetchUsername
	case name == wpi.SettingPassword && o.own():
		return settings.KeyFetchPassword
	case name == wpi.SettingPassword:
		return "password-file"
	case o.URL != "" && name != wpi.SettingFilename:
		return settings.KeyFetchURL
	case name == wpi.SettingURL:
		return transfer.SettingBaseURL
	}
	return name
}

// wrong is a setting that cannot be told to phones.
func (o *Fetch) wrong(d *Destination, setting, problem string) error {
	if d.Origin == "flags" || setting == transfer.SettingFilename {
		return exit.Usage("push", "--%s: %s", setting, problem)
	}
	return exit.Errorf(exit.CodeSettings, "change it with: cpupdate defaults set --"+setting+" ...", "%s: %s: %s", d.Origin, setting, problem)
}

// place is where the image will lie for phones.
func (o *Fetch) place(d *Destination, filename string) (wpi.Deployment, error) {
	a := d.Access
	switch {
	case o.URL != "":
		return o.placeOfURL(d, filename)
	case a.Method == transfer.FTPS:
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchURL, "phones fetch by ftp and https, not by ftps: say where they find the image")
	case a.Method == transfer.HTTPS:
		return wpi.Deployment{URL: a.FileURL(filename)}, nil
	}
	return wpi.Deployment{Server: a.Server, Port: a.Port, Path: a.Path, Name: filename, Account: a.Account}, nil
}

// placeOfURL reads --fetch-url. As in every URL of FTP a folder begins at the login folder, or with %2F at the root.
func (o *Fetch) placeOfURL(d *Destination, filename string) (wpi.Deployment, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "ftp" && u.Scheme != "https" {
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchURL, "ftp://HOST/FOLDER/ or https://HOST/FOLDER/, or the whole address of the file")
	}
	if u.User != nil {
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchURL, "the login does not belong into it: use fetch-username and fetch-password-file")
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

// Login adds the password, once it is known.
func (o *Fetch) Login(d *Destination, deploy wpi.Deployment) (wpi.Deployment, error) {
	switch {
	case o.PasswordFile != "":
		text, err := atomicfile.ReadLimited(o.PasswordFile, credentials.MaxPassword+2)
		if err != nil {
			return deploy, exit.New(exit.CodeSettings, err, "a file with the password that phones log in with")
		}
		deploy.Password = credentials.WithoutLineBreak(string(text))
	case !o.own():
		deploy.Password = d.Access.Password.Reveal()
	}
	if _, err := deploy.Message(); err != nil {
		e := (*wpi.ValueError)(nil)
		errors.As(err, &e)
		return deploy, o.wrong(d, o.settingOf(e.Setting), e.Problem)
	}
	return deploy, nil
}

// Writes reports whether phones are told a login that may write.
func (o *Fetch) Writes(d *Destination) bool {
	return !o.own() && d.Access.Username != "" && !strings.EqualFold(d.Access.Username, "anonymous")
}
