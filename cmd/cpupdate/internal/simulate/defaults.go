package simulate

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// phoneDefaults say where the stored defaults of the phones point to: a transfer form with Use defaults set fetches from there.
type phoneDefaults struct {
	url, username string
	password      credentials.Source
}

func (o *phoneDefaults) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.url, "web-defaults", "", "set the phones' stored defaults for transfers to the folder at `URL`: ftp://HOST/FOLDER/ or https://HOST/FOLDER/ (default none)")
	flags.StringVar(&o.username, "web-defaults-username", "", "the user `NAME` in these defaults (default none)")
	flags.StringVar(&o.password.File, "web-defaults-password-file", "", "read the password in these defaults from `FILE` (default none)")
}

// read returns the defaults. As in every FTP URL, a path starts at the folder of the login, or with %2F at the root.
func (o *phoneDefaults) read(ctx context.Context, con *console.Console, web string) (phonesim.Access, error) {
	a := phonesim.Access{Username: o.username}
	switch {
	case o.url == "" && (o.username != "" || o.password.File != ""):
		return a, exit.Usage("simulate", "--web-defaults-username and --web-defaults-password-file need --web-defaults")
	case o.url == "":
		return a, nil
	case web == "":
		return a, exit.Usage("simulate", "--web-defaults needs --web: only the form of a web page uses them")
	case strings.Contains(o.url, "@"):
		return a, exit.Usage("simulate", "--web-defaults must not contain a login: use --web-defaults-username and --web-defaults-password-file")
	}
	u, err := settings.ParseFetchURL(o.url)
	if err != nil {
		return a, exit.Usage("simulate", "--web-defaults %s: use ftp://HOST/FOLDER/ or https://HOST/FOLDER/", o.url)
	}
	if o.password.File != "" {
		password, _, err := o.password.FromFlags(ctx, con)
		if err != nil {
			return a, err
		}
		a.Password = password.Reveal()
	}
	if u.Scheme == "https" {
		a.HTTPS, a.BaseURL = true, u.String()
		return a, nil
	}
	a.Server, a.Port = u.Hostname(), u.Port()
	a.Path = strings.TrimPrefix(u.Path, "/")
	if len(a.Path) > 1 {
		a.Path = strings.TrimSuffix(a.Path, "/")
	}
	return a, nil
}
