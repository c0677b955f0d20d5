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

// ContactTimeout is the maximum time for a phone to accept a contact request; --timeout may be longer.
const ContactTimeout = 10 * time.Second

// Route say which server to use: with explicit settings or stored ones, never with both. How to verify the
// server and where the password comes from can be given with either.
type Route struct {
	Command     string // for errors
	Access      Access
	Trust       Trust
	Password    credentials.Source
	UseDefaults bool
	Profile     string
	Serve       bool // this machine is the server
	Web         WebPage
	Legacy      bool // accept old servers
}

// AddFlags declares the flags.
func (o *Route) AddFlags(flags *pflag.FlagSet) {
	end := console.Group(flags, "This machine")
	flags.BoolVar(&o.Serve, "serve", false, "let phones fetch the image from this machine while the command runs, by https, or by ftp with --method ftp")
	end()
	o.Access.AddFlags(flags)
	end = console.Group(flags, "Server")
	flags.BoolVar(&o.UseDefaults, "use-defaults", false, "use the stored defaults (see cpupdate defaults show)")
	end()
	end = console.Group(flags, "Password")
	o.Password.AddFlags(flags)
	end()
	o.Web.AddFlags(flags)
	o.Trust.AddFlags(flags)
}

// A Destination is the server for the image, and what is stored about the phones there.
type Destination struct {
	Command  string          // for errors
	Access   transfer.Access // without the password
	Trust    trust.Policy
	Phone    hwcheck.Phone
	Origin   string // "flags", "defaults", "profile berlin"
	Fetch    settings.FetchAccess
	byWeb    bool // the flags for passwords and keys are about the phones' pages
	password func(context.Context) (secret.Secret, error)
}

// Validate rejects flags that name several routes.
func (o *Route) Validate() error {
	if err := cmp.Or(settings.CheckProfileName(o.Profile), o.Password.Validate(o.Command), o.Web.ValidatePort(o.Command)); err != nil {
		return err
	}
	switch {
	case o.Web.On:
		return o.validateWeb()
	case o.Web.PhoneDefaults:
		return exit.Usage(o.Command, "--phone-defaults needs --web")
	case o.Web.ServerPassword.Given():
		return exit.Usage(o.Command, "--server-password-file needs --web: without it, use --password-file")
	case o.Serve:
		return o.validateServe()
	}
	return o.validateServer()
}

// validateServer rejects explicit settings of a server together with stored ones.
func (o *Route) validateServer() error {
	given := o.Access.Given()
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
	return exit.Errorf(exit.CodeUsage, "use either explicit settings or stored defaults, not both",
		"%s cannot be used with explicit settings: %s", stored, strings.Join(names, ", "))
}

// validateServe rejects settings of another server.
func (o *Route) validateServe() error {
	switch {
	case o.UseDefaults:
		return exit.Usage(o.Command, "--serve and --use-defaults: choose one")
	case o.Profile != "":
		return exit.Usage(o.Command, "--serve and --profile: choose one")
	case !o.Web.On && len(o.Trust.Given()) > 0:
		return exit.Usage(o.Command, "--%s cannot be used with --serve: this machine is the server", o.Trust.Given()[0].Name)
	case !o.Web.On && o.Password.Given():
		return exit.Usage(o.Command, "a password cannot be used with --serve: each phone gets credentials of its own")
	}
	for _, s := range o.Access.Given() {
		if s.Name != transfer.SettingMethod {
			return exit.Usage(o.Command, "--%s cannot be used with --serve: this machine is the server", s.Name)
		}
	}
	if m := o.Access.Method; m != "" && m != string(transfer.HTTPS) && m != string(transfer.FTP) {
		return exit.Usage(o.Command, "--method %s: --serve supports https and ftp, which phones can use", m)
	}
	return nil
}

// Destination reads the settings of the server.
func (o *Route) Destination(ctx context.Context, con *console.Console, store *settings.Store, pass *credentials.Store) (*Destination, error) {
	if len(o.Access.Given()) > 0 {
		return o.explicit(ctx)
	}
	d, err := o.stored(ctx, con, store, pass)
	if err != nil {
		return nil, err
	}
	return d, o.storedProblem(d.Access.Validate())
}

// storedProblem turns an error about a stored setting that is wrong or missing into a failure with a hint.
func (o *Route) storedProblem(err error) error {
	setting := (*transfer.SettingError)(nil)
	if !errors.As(err, &setting) {
		return err
	}
	profile := ""
	if o.Profile != "" {
		profile = " --profile " + o.Profile
	}
	return exit.New(exit.CodeSettings, err, "set it with: cpupdate defaults set"+profile+" --"+setting.Setting+" ...; show all settings with: cpupdate defaults show"+profile)
}

// noneStored returns the failure for stored settings that do not exist.
func noneStored(p *settings.Profile, names []string) error {
	err := fmt.Errorf("%s: no settings are stored", p.Title())
	hint := "store them with: cpupdate defaults set --method ftps --server HOST --username NAME"
	if len(names) > 0 {
		return exit.New(exit.CodeSettings, err, "use one of the stored profiles with --profile NAME: "+strings.Join(names, ", "), "or "+hint)
	}
	return exit.New(exit.CodeSettings, err, hint)
}

func (o *Route) explicit(ctx context.Context) (*Destination, error) {
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
	trust, err := o.Trust.Trust(ctx, o.Command)
	return &Destination{Command: o.Command, Access: access, Trust: trust, Origin: "flags", byWeb: o.Web.On}, err
}

// checkTrust rejects flags that verify a certificate if the server has none.
func (o *Route) checkTrust(access transfer.Access) error {
	if settings.PlainFTP(access) && len(o.Trust.Given()) > 0 {
		return exit.Usage(o.Command, "--%s needs method ftps or https: with ftp a server has no certificate", o.Trust.Given()[0].Name)
	}
	return nil
}

func (o *Route) stored(ctx context.Context, con *console.Console, store *settings.Store, pass *credentials.Store) (*Destination, error) {
	p, err := store.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	requested := o.UseDefaults || o.Profile != ""
	switch {
	case p.Empty() && requested:
		if err := store.Check(); err != nil {
			return nil, err
		}
		s, err := store.Read()
		if err != nil {
			return nil, err
		}
		return nil, noneStored(p, s.Names())
	case p.Empty():
		return nil, exit.New(exit.CodeUsage, ErrNoServer,
			"name the server: --method ftps --server HOST --username NAME --path FOLDER",
			"or store it once, and use it with --use-defaults: cpupdate defaults set --method ftps --server HOST --username NAME")
	case !requested:
		con.Note("note", o.Command, "no server is named, so the stored defaults are used")
	}
	d := &Destination{Command: o.Command, Access: p.Access, Phone: p.Phone, Origin: p.Title(), Fetch: p.Fetch, byWeb: o.Web.On}
	d.password = func(ctx context.Context) (secret.Secret, error) { return pass.Usable(ctx, p) }
	if err := cmp.Or(o.checkTrust(p.Access), p.CheckTrust()); err != nil {
		return nil, err
	}
	d.Trust, err = o.Trust.instead(ctx, p, o.Command)
	return d, err
}

// Login verifies the server and adds the password. No password is requested before the server is verified.
func (o *Route) Login(ctx context.Context, con *console.Console, pass *credentials.Store, hosts *knownhosts.Store, d *Destination, line transfer.Options) error {
	if err := o.verifyServer(ctx, con, hosts, d, line); err != nil {
		return err
	}
	who := d.Access.Username
	if who != "" {
		o.Password.Whose = who + " at " + cmp.Or(d.Access.Server, d.Access.BaseURL)
	}
	o.Password.NoVariable = o.Password.NoVariable || strings.EqualFold(who, "anonymous")
	var once sync.Once
	warn := func() {
		if settings.PlainFTP(d.Access) {
			once.Do(func() {
				con.Note("warning", d.Access.Server, "plain FTP sends the password unencrypted, so anyone on the network path can read it; use ftps or https to protect it")
			})
		}
	}
	o.Password.Before = warn // warn before the password is requested
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

// verifyServer verifies the certificate of a server, and asks whether to accept an unknown key.
func (o *Route) verifyServer(ctx context.Context, con *console.Console, hosts *knownhosts.Store, d *Destination, line transfer.Options) (err error) {
	if settings.PlainFTP(d.Access) {
		return nil
	}
	con.WarnLegacy(o.Legacy)
	d.Trust.Legacy = o.Legacy
	peer := d.Access.Address()
	if d.Trust, err = hosts.PolicyFor(d.Trust, peer); err != nil {
		return err
	}
	d.Trust, err = hosts.VerifyOnFirstUse(ctx, peer, d.Trust, func(ctx context.Context, p trust.Policy) error {
		line.Trust = p
		return advice.TransferFailure("", transfer.Handshake(ctx, d.Access, line))
	})
	return err
}

// Hinted fits the hints of an error to the method, and adds one to a failed login for which there was no password.
func (d *Destination) Hinted(err error) error {
	f, e := (*exit.Error)(nil), (*transfer.Error)(nil)
	if !errors.As(err, &f) {
		return err
	}
	f.Hints = advice.ForMethod(d.Access.Method, f.Hints)
	if presented := trust.AsError(err); presented != nil && d.byWeb {
		f.Hints = knownhosts.StoreHints(d.Access.Address(), presented)
	}
	if errors.As(err, &e) && e.Kind == transfer.KindLogin && WantsPassword(d.Access) && d.Access.Password.Reveal() == "" {
		sources := "--password-file, --password-stdin, --password-command or the variable CPUPDATE_PASSWORD"
		if d.byWeb {
			sources = "--server-password-file"
		}
		f.Hints = append([]string{"give a password with " + sources + ", or store one: none was given"}, f.Hints...)
	}
	return err
}

// ErrNoServer reports a push without a destination.
var ErrNoServer = errors.New("no server is named, and no defaults are stored")
