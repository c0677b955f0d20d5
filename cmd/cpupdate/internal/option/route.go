package option

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// ContactTimeout is how long a phone has to take a request, whatever time a server has.
const ContactTimeout = 10 * time.Second

// Route say which server: explicit settings or stored ones, never both. Whom to trust and where the password
// comes from go with either.
type Route struct {
	Command     string // that is asked, for errors
	Access      Access
	Trust       Trust
	Password    credentials.Source
	UseDefaults bool
	Profile     string
	Serve       bool // this machine is the server
	Web         WebPage
	Legacy      bool // speak to old servers too
}

// AddFlags declares the flags.
func (o *Route) AddFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.Serve, "serve", false, "phones fetch the image from this machine, while this runs; by https, or with --method ftp")
	o.Web.addFlags(flags)
	flags.BoolVar(&o.UseDefaults, "use-defaults", false, "use the stored defaults: cpupdate defaults show")
	o.Access.AddFlags(flags)
	o.Trust.AddFlags(flags)
	o.Password.AddFlags(flags)
}

// A Destination is where the image goes, and what is stored of the phones there.
type Destination struct {
	Access   transfer.Access // without the password
	Trust    trust.Policy
	Phone    hwcheck.Phone
	Origin   string // "flags", "defaults", "profile berlin"
	Fetch    settings.FetchAccess
	password func(context.Context) (secret.Secret, error)
}

// Validate keeps the two kinds of settings apart.
func (o *Route) Validate() error {
	if err := cmp.Or(settings.CheckProfileName(o.Profile), o.Password.Validate(o.Command)); err != nil {
		return err
	}
	given := o.Access.Given()
	switch {
	case o.Web.On:
		return o.validateWeb()
	case o.Web.Port != usualWebPort && o.Web.Port != 0:
		return exit.Usage(o.Command, "--web-port goes with --web")
	case o.Serve:
		return o.validateServe()
	}
	if len(given) == 0 || !o.UseDefaults && o.Profile == "" {
		return nil
	}
	var names []string
	for _, s := range given {
		names = append(names, "--"+s.Name)
	}
	stored := "--use-defaults"
	if o.Profile != "" {
		stored = "--profile"
	}
	return exit.Errorf(exit.CodeUsage, "leave out the one or the other: nobody should have to guess where a value came from",
		"%s does not go with explicit settings: %s", stored, strings.Join(names, ", "))
}

// validateServe keeps everything away that is about another server.
func (o *Route) validateServe() error {
	switch {
	case o.UseDefaults:
		return exit.Usage(o.Command, "--serve and --use-defaults: choose one")
	case o.Profile != "":
		return exit.Usage(o.Command, "--serve and --profile: choose one")
	case len(o.Trust.Given()) > 0:
		return exit.Usage(o.Command, "--%s does not go with --serve: this machine is the server", o.Trust.Given()[0].Name)
	case o.Password.Given():
		return exit.Usage(o.Command, "a password does not go with --serve: what phones need is made for each of them")
	}
	for _, s := range o.Access.Given() {
		if s.Name != transfer.SettingMethod {
			return exit.Usage(o.Command, "--%s does not go with --serve: this machine is the server", s.Name)
		}
	}
	if m := o.Access.Method; m != "" && m != string(transfer.HTTPS) && m != string(transfer.FTP) {
		return exit.Usage(o.Command, "--method %s: --serve goes with https and ftp, which phones know", m)
	}
	return nil
}

// Destination reads the settings.
func (o *Route) Destination(con *console.Console, store *settings.Store, pass *credentials.Store) (*Destination, error) {
	if len(o.Access.Given()) > 0 {
		return o.explicit()
	}
	d, err := o.stored(con, store, pass)
	if err != nil {
		return nil, err
	}
	return d, o.storedProblem(d.Access.Validate())
}

// storedProblem is a stored setting that is wrong or missing.
func (o *Route) storedProblem(err error) error {
	setting := (*transfer.SettingError)(nil)
	if !errors.As(err, &setting) {
		return err
	}
	profile := ""
	if o.Profile != "" {
		profile = " --profile " + o.Profile
	}
	return exit.New(exit.CodeSettings, err, "set it with: cpupdate defaults set"+profile+" --"+setting.Setting+" ..., and look at all with: cpupdate defaults show"+profile)
}

// noneStored is asking for stored settings where there are none.
func noneStored(p *settings.Profile, names []string) error {
	err := fmt.Errorf("no settings are stored: %s", p.Title())
	hint := "store them with: cpupdate defaults set --method ftps --server HOST --username NAME"
	if len(names) > 0 {
		return exit.New(exit.CodeSettings, err, "there are profiles: "+strings.Join(names, ", ")+"; use one with --profile NAME", "or "+hint)
	}
	return exit.New(exit.CodeSettings, err, hint)
}

func (o *Route) explicit() (*Destination, error) {
	access, err := o.Access.access(o.Command)
	if err == nil {
		err = settings.UsageError(o.Command, access.Validate())
	}
	if err != nil {
		return nil, err
	}
	if err := o.checkTrust(access); err != nil {
		return nil, err
	}
	trust, err := o.Trust.Trust(o.Command)
	return &Destination{Access: access, Trust: trust, Origin: "flags"}, err
}

// checkTrust refuses flags that say whom to trust where nobody can be told from another.
func (o *Route) checkTrust(access transfer.Access) error {
	if settings.PlainFTP(access) && len(o.Trust.Given()) > 0 {
		return exit.Usage(o.Command, "--%s goes with methods ftps and https: by ftp a server shows no certificate", o.Trust.Given()[0].Name)
	}
	return nil
}

func (o *Route) stored(con *console.Console, store *settings.Store, pass *credentials.Store) (*Destination, error) {
	p, err := store.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	asked := o.UseDefaults || o.Profile != ""
	switch {
	case p.Empty() && asked:
		s, err := store.Read()
		if err != nil {
			return nil, err
		}
		return nil, noneStored(p, s.Names())
	case p.Empty():
		return nil, exit.New(exit.CodeUsage, ErrNoServer,
			"name the server: --method ftps --server HOST --username NAME --path FOLDER",
			"or store it once, and use it with --use-defaults: cpupdate defaults set --method ftps --server HOST --username NAME")
	case !asked:
		con.Note("note", o.Command, "no server is named, so the stored defaults are used")
	}
	d := &Destination{Access: p.Access, Phone: p.Phone, Origin: p.Title(), Fetch: p.Fetch}
	d.password = func(ctx context.Context) (secret.Secret, error) { return credentials.UsablePassword(p, ctx, pass) }
	if err := cmp.Or(o.checkTrust(p.Access), p.CheckTrust()); err != nil {
		return nil, err
	}
	d.Trust, err = o.Trust.instead(p, o.Command)
	return d, err
}

// Login finds out whom to believe that it is the server, and adds the password: nobody is asked for one before.
func (o *Route) Login(ctx context.Context, con *console.Console, pass *credentials.Store, hosts *knownhosts.Store, d *Destination, line transfer.Options) error {
	if err := o.meet(ctx, con, hosts, d, line); err != nil {
		return err
	}
	who := d.Access.Username
	if who != "" {
		o.Password.Whose = who + " at " + cmp.Or(d.Access.Server, d.Access.BaseURL)
	}
	o.Password.NoVariable = strings.EqualFold(who, "anonymous")
	var once sync.Once
	warn := func() {
		if settings.PlainFTP(d.Access) {
			once.Do(func() {
				con.Note("warning", d.Access.Server, "by plain FTP the password can be read by anyone on the way; ftps and https protect it")
			})
		}
	}
	o.Password.Before = warn // who is asked for it should know first
	password, _, err := o.Password.Resolve(ctx, con, pass, d.password, WantsPassword(d.Access))
	if err != nil {
		return err
	}
	d.Access.Password = password
	if password.Reveal() != "" {
		warn()
	}
	if d.Origin == "flags" {
		return settings.UsageError(o.Command, d.Access.Validate())
	}
	return o.storedProblem(d.Access.Validate())
}

// meet makes the acquaintance of a server that shows a certificate.
func (o *Route) meet(ctx context.Context, con *console.Console, hosts *knownhosts.Store, d *Destination, line transfer.Options) (err error) {
	if settings.PlainFTP(d.Access) {
		return nil
	}
	con.WarnLegacy(o.Legacy)
	d.Trust.Legacy = o.Legacy
	peer := d.Access.Address()
	if d.Trust, err = hosts.PolicyFor(d.Trust, peer); err != nil {
		return err
	}
	d.Trust, err = hosts.Meet(ctx, peer, d.Trust, func(ctx context.Context, p trust.Policy) error {
		line.Trust = p
		return advice.TransferFailure("", transfer.Meet(ctx, d.Access, line))
	})
	return err
}

// Hinted adds to a refused login that there was no password.
func (d *Destination) Hinted(err error) error {
	f, e := (*exit.Error)(nil), (*transfer.Error)(nil)
	if errors.As(err, &f) && errors.As(err, &e) && e.Kind == transfer.KindLogin && WantsPassword(d.Access) && d.Access.Password.Reveal() == "" {
		f.Hints = append([]string{"no password was given: --password-file, --password-stdin, --password-command, $CPUPDATE_PASSWORD, or a stored one"}, f.Hints...)
	}
	return err
}

// ErrNoServer is a push that does not know where to.
var ErrNoServer = errors.New("no server is named, and no defaults are stored")
