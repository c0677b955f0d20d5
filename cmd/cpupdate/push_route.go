package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// routeOptions say which server to use: with explicit settings or stored ones, never with both. How to verify the
// server and where the password comes from can be given with either.
type routeOptions struct {
	command     string // for errors
	access      accessOptions
	trust       trustOptions
	password    passwordOptions
	useDefaults bool
	profile     string
	serve       bool // this machine is the server
	web         webOptions
	legacy      bool // accept old servers
}

func (o *routeOptions) addFlags(flags *pflag.FlagSet) {
	end := group(flags, "This machine")
	flags.BoolVar(&o.serve, "serve", false, "let phones fetch the image from this machine while the command runs, by https, or by ftp with --method ftp")
	end()
	o.access.addFlags(flags)
	end = group(flags, "Server")
	flags.BoolVar(&o.useDefaults, "use-defaults", false, "use the stored defaults (see cpupdate defaults show)")
	end()
	end = group(flags, "Password")
	o.password.addFlags(flags)
	end()
	o.web.addFlags(flags)
	o.trust.addFlags(flags)
}

// A destination is the server for the image, and what is stored about the phones there.
type destination struct {
	access   transfer.Access // without the password
	trust    trust.Policy
	phone    hwcheck.Phone
	origin   string // "flags", "defaults", "profile berlin"
	fetch    fetchAccess
	password func(context.Context) (transfer.Secret, error)
}

// validate rejects explicit settings together with stored ones.
func (o *routeOptions) validate() error {
	if err := cmp.Or(checkProfileName(o.profile), o.password.validate(o.command)); err != nil {
		return err
	}
	given := o.access.given()
	switch {
	case o.web.on:
		return o.validateWeb()
	case o.web.port != usualWebPort && o.web.port != 0:
		return usage(o.command, "--web-port needs --web")
	case o.serve:
		return o.validateServe()
	}
	if len(given) == 0 || !o.useDefaults && o.profile == "" {
		return nil
	}
	var names []string
	for _, s := range given {
		names = append(names, "--"+s.name)
	}
	stored := "--use-defaults"
	if o.profile != "" {
		stored = "--profile"
	}
	return failf(codeUsage, "use either explicit settings or stored defaults, not both",
		"%s cannot be used with explicit settings: %s", stored, strings.Join(names, ", "))
}

// validateServe rejects settings of another server.
func (o *routeOptions) validateServe() error {
	switch {
	case o.useDefaults:
		return usage(o.command, "--serve and --use-defaults: choose one")
	case o.profile != "":
		return usage(o.command, "--serve and --profile: choose one")
	case len(o.trust.given()) > 0:
		return usage(o.command, "--%s cannot be used with --serve: this machine is the server", o.trust.given()[0].name)
	case o.password.given():
		return usage(o.command, "a password cannot be used with --serve: each phone gets credentials of its own")
	}
	for _, s := range o.access.given() {
		if s.name != transfer.SettingMethod {
			return usage(o.command, "--%s cannot be used with --serve: this machine is the server", s.name)
		}
	}
	if m := o.access.method; m != "" && m != string(transfer.HTTPS) && m != string(transfer.FTP) {
		return usage(o.command, "--method %s: --serve supports https and ftp, which phones can use", m)
	}
	return nil
}

// destination reads the settings of the server.
func (o *routeOptions) destination(con *console, store *settingsStore, pass *passwordStore) (*destination, error) {
	if len(o.access.given()) > 0 {
		return o.explicit()
	}
	d, err := o.stored(con, store, pass)
	if err != nil {
		return nil, err
	}
	return d, o.storedProblem(d.access.Validate())
}

// storedProblem turns an error about a stored setting that is wrong or missing into a failure with a hint.
func (o *routeOptions) storedProblem(err error) error {
	setting := (*transfer.SettingError)(nil)
	if !errors.As(err, &setting) {
		return err
	}
	profile := ""
	if o.profile != "" {
		profile = " --profile " + o.profile
	}
	return fail(codeSettings, err, "set it with: cpupdate defaults set"+profile+" --"+setting.Setting+" ...; show all settings with: cpupdate defaults show"+profile)
}

// noneStored returns the failure for stored settings that do not exist.
func noneStored(p *profile, names []string) error {
	err := fmt.Errorf("%s: no settings are stored", p.title())
	hint := "store them with: cpupdate defaults set --method ftps --server HOST --username NAME"
	if len(names) > 0 {
		return fail(codeSettings, err, "use one of the stored profiles with --profile NAME: "+strings.Join(names, ", "), "or "+hint)
	}
	return fail(codeSettings, err, hint)
}

func (o *routeOptions) explicit() (*destination, error) {
	access, err := o.access.access(o.command)
	if err == nil {
		err = settingUsage(o.command, access.Validate())
	}
	if err != nil {
		return nil, err
	}
	if err := o.checkTrust(access); err != nil {
		return nil, err
	}
	trust, err := o.trust.trust(o.command)
	return &destination{access: access, trust: trust, origin: "flags"}, err
}

// checkTrust rejects flags that verify a certificate if the server has none.
func (o *routeOptions) checkTrust(access transfer.Access) error {
	if plainFTP(access) && len(o.trust.given()) > 0 {
		return usage(o.command, "--%s needs method ftps or https: with ftp a server has no certificate", o.trust.given()[0].name)
	}
	return nil
}

func (o *routeOptions) stored(con *console, store *settingsStore, pass *passwordStore) (*destination, error) {
	p, err := store.stored(o.profile)
	if err != nil {
		return nil, err
	}
	asked := o.useDefaults || o.profile != ""
	switch {
	case p.empty() && asked:
		s, err := store.storedSettings()
		if err != nil {
			return nil, err
		}
		return nil, noneStored(p, s.names())
	case p.empty():
		return nil, fail(codeUsage, errNoServer,
			"name the server: --method ftps --server HOST --username NAME --path FOLDER",
			"or store it once, and use it with --use-defaults: cpupdate defaults set --method ftps --server HOST --username NAME")
	case !asked:
		con.note("note", o.command, "no server is named, so the stored defaults are used")
	}
	d := &destination{access: p.access, phone: p.phone, origin: p.title(), fetch: p.fetch}
	d.password = func(ctx context.Context) (transfer.Secret, error) { return p.usablePassword(ctx, pass) }
	if err := cmp.Or(o.checkTrust(p.access), p.checkTrust()); err != nil {
		return nil, err
	}
	d.trust, err = o.trust.instead(p, o.command)
	return d, err
}

// login verifies the server and adds the password. No password is requested before the server is verified.
func (o *routeOptions) login(ctx context.Context, con *console, pass *passwordStore, hosts *hostStore, d *destination, line transfer.Options) error {
	if err := o.meet(ctx, con, hosts, d, line); err != nil {
		return err
	}
	who := d.access.Username
	if who != "" {
		o.password.whose = who + " at " + cmp.Or(d.access.Server, d.access.BaseURL)
	}
	o.password.noVariable = strings.EqualFold(who, "anonymous")
	var once sync.Once
	warn := func() {
		if plainFTP(d.access) {
			once.Do(func() {
				con.note("warning", d.access.Server, "plain FTP sends the password unencrypted, so anyone on the network path can read it; use ftps or https to protect it")
			})
		}
	}
	o.password.before = warn // warn before the password is requested
	secret, _, err := o.password.resolve(ctx, con, pass, d.password, wantsPassword(d.access))
	if err != nil {
		return err
	}
	d.access.Password = secret
	if secret.Reveal() != "" {
		warn()
	}
	if d.origin == "flags" {
		return settingUsage(o.command, d.access.Validate())
	}
	return o.storedProblem(d.access.Validate())
}

// meet verifies the certificate of a server, and asks whether to accept an unknown key.
func (o *routeOptions) meet(ctx context.Context, con *console, hosts *hostStore, d *destination, line transfer.Options) (err error) {
	if plainFTP(d.access) {
		return nil
	}
	con.warnLegacy(o.legacy)
	d.trust.Legacy = o.legacy
	peer := d.access.Address()
	if d.trust, err = hosts.policyFor(d.trust, peer); err != nil {
		return err
	}
	d.trust, err = hosts.meet(ctx, peer, d.trust, func(ctx context.Context, p trust.Policy) error {
		line.Trust = p
		return transferFailure("", transfer.Meet(ctx, d.access, line))
	})
	return err
}

// hinted adds a hint to a failed login for which there was no password.
func (d *destination) hinted(err error) error {
	f, e := (*failure)(nil), (*transfer.Error)(nil)
	if errors.As(err, &f) && errors.As(err, &e) && e.Kind == transfer.KindLogin && wantsPassword(d.access) && d.access.Password.Reveal() == "" {
		f.hints = append([]string{"give a password with --password-file, --password-stdin, --password-command or $CPUPDATE_PASSWORD, or store one: none was given"}, f.hints...)
	}
	return err
}
