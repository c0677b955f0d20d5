package option

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// Fetch say where phones fetch the image, and with which login.
type Fetch struct{ settings.FetchAccess }

// AddFlags declares the flags.
func (o *Fetch) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Fetch by phones")()
	flags.StringVar(&o.URL, settings.KeyFetchURL, "", "let phones fetch from `URL` if the upload has another address: a file, or a folder that ends in /; ftp://... or https://...")
	flags.StringVar(&o.Username, settings.KeyFetchUsername, "", "the user `NAME` that phones log in with; use one with read access only")
	flags.StringVar(&o.PasswordFile, settings.KeyFetchPassword, "", "read the password of --fetch-username from `FILE`, without the line break at its end")
}

// Settings returns the settings that were given, in a fixed order.
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

// Given returns the first flag that was given, or "".
func (o *Fetch) Given() string {
	if all := o.Settings(); len(all) > 0 {
		return all[0].Name
	}
	return ""
}

// withStored returns the stored options if no flag was given.
func (o Fetch) withStored(stored settings.FetchAccess) settings.FetchAccess {
	if o.FetchAccess == (settings.FetchAccess{}) {
		return stored
	}
	return o.FetchAccess
}

// own reports whether phones have a login of their own instead of that of the upload.
func (o *Fetch) own() bool { return o.URL != "" || o.Username != "" }

// Deployment returns what phones are instructed to fetch, without a password. The error is a usage error, or is about a
// stored setting.
func (o *Fetch) Deployment(d *Destination, filename string) (wpi.Deployment, error) {
	o.FetchAccess = o.withStored(d.Fetch)
	if o.PasswordFile != "" && o.Username == "" {
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchPassword, "needs fetch-username")
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

// TakesSeveral reports whether phones find several images by the names of their files.
func (o *Fetch) TakesSeveral(d *Destination) bool {
	u, err := settings.ParseFetchURL(o.withStored(d.Fetch).URL)
	return err != nil || strings.HasSuffix(u.Path, "/") || u.Path == ""
}

// settingOf returns our name of a setting whose value a phone would not understand.
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

// wrong returns the error for a setting that phones cannot be given.
func (o *Fetch) wrong(d *Destination, setting, problem string) error {
	if d.Origin == "flags" || setting == transfer.SettingFilename {
		return exit.Usage(d.Command, "--%s: %s", setting, problem)
	}
	return exit.Errorf(exit.CodeSettings, "change it with: cpupdate defaults set --"+setting+" ...", "%s: %s: %s", d.Origin, setting, problem)
}

// place returns the address from which phones fetch the image.
func (o *Fetch) place(d *Destination, filename string) (wpi.Deployment, error) {
	a := d.Access
	switch {
	case o.URL != "":
		return o.placeOfURL(d, filename)
	case a.Method == transfer.FTPS:
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchURL, "phones cannot fetch by ftps, only by ftp and https: give the address where they find the image")
	case a.Method == transfer.HTTPS:
		return wpi.Deployment{URL: a.FileURL(filename)}, nil
	}
	return wpi.Deployment{Server: a.Server, Port: a.Port, Path: a.Path, Name: filename, Account: a.Account}, nil
}

// placeOfURL parses --fetch-url. As in every FTP URL, a path starts at the login folder, or with %2F at the root.
func (o *Fetch) placeOfURL(d *Destination, filename string) (wpi.Deployment, error) {
	u, err := settings.ParseFetchURL(o.URL)
	if err != nil {
		return wpi.Deployment{}, o.wrong(d, settings.KeyFetchURL, err.Error())
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

// Login adds the password to what phones are given for each image.
func (o *Fetch) Login(ctx context.Context, d *Destination, images []wpi.Deployment) error {
	password := ""
	switch {
	case o.PasswordFile != "":
		text, err := atomicfile.ReadLimited(ctx, o.PasswordFile, credentials.MaxPassword+2)
		if err != nil {
			return exit.New(exit.CodeSettings, fmt.Errorf("password file %s: %w", o.PasswordFile, exit.WithoutPath(err)), "name a file with the password that phones log in with")
		}
		if err := credentials.NotNothing("password file "+o.PasswordFile, string(text)); err != nil {
			return err
		}
		password = credentials.WithoutLineBreak(string(text))
	case !o.own():
		password = d.Access.Password.Reveal()
	}
	for i := range images {
		images[i].Password = password
		if _, err := images[i].Message(); err != nil {
			e := (*wpi.ValueError)(nil)
			errors.As(err, &e)
			return o.wrong(d, o.settingOf(e.Setting), e.Problem)
		}
	}
	return nil
}

// Writes reports whether phones are given the login of the upload, which may write.
func (o *Fetch) Writes(d *Destination) bool {
	return !o.own() && d.Access.Username != "" && !strings.EqualFold(d.Access.Username, "anonymous")
}
