// Package defaults stores, shows and tries the settings of servers and phones.
package defaults

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// SetOptions are the flags of defaults set.
type SetOptions struct {
	Profile  string
	access   option.Access
	trust    option.Trust
	fetch    option.Fetch
	site     option.Site
	password credentials.Source
}

// AddFlags declares the flags.
func (o *SetOptions) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Password")()
	o.access.AddFlags(flags)
	o.trust.AddFlags(flags)
	o.fetch.AddFlags(flags)
	o.site.AddFlags(flags)
	o.password.AddFlags(flags)
}

// Set stores the settings and the password that the flags give, and shows what is stored then.
func Set(ctx context.Context, con *console.Console, pass *credentials.Store, o SetOptions) error {
	const command = "defaults set"
	if err := settings.CheckProfileName(o.Profile); err != nil {
		return err
	}
	given := slices.Concat(o.access.Given(), o.trust.Given(), o.fetch.Settings(), o.site.Given())
	if len(given) == 0 && !o.password.Given() {
		return exit.Usage(command, "no setting and no password given")
	}
	if err := o.password.Validate(command); err != nil {
		return err
	}
	set, err := option.CheckGiven(ctx, command, given)
	if err != nil {
		return err
	}
	change := credentials.Change{Profile: o.Profile, Set: set}
	if o.password.Given() {
		if o.password.Whose = "the defaults"; o.Profile != "" {
			o.password.Whose = settings.ProfileTitle(o.Profile)
		}
		password, _, err := o.password.FromFlags(ctx, con)
		if err != nil {
			return err
		}
		change.Password = &password
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := pass.Change(ctx, change); err != nil {
		return err
	}
	return afterSet(ctx, con, pass.Settings, pass, o.Profile)
}

// afterSet shows what is stored now, and warns about what is still incomplete: settings may be given one after another.
func afterSet(ctx context.Context, con *console.Console, store *settings.Store, pass *credentials.Store, name string) error {
	p, err := store.Profile(name)
	if err != nil {
		return err
	}
	stored, err := credentials.InFile(p.Place, name)
	if err != nil {
		return err
	}
	access := p.Access
	if stored.There() { // only its presence counts here
		access.Password = secret.New("")
	}
	if err := access.Validate(); err != nil {
		con.Note("warning", p.Title(), err.Error())
	}
	return Show(ctx, con, store, pass, name, false)
}

// Unset removes settings, or all of them, and shows what is stored then.
func Unset(ctx context.Context, pass *credentials.Store, profile string, all bool, names []string) error {
	const command = "defaults unset"
	known := append(settings.Names(), transfer.SettingPassword)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return exit.Errorf(exit.CodeUsage, "known settings: "+strings.Join(known, ", "), "%s is not a setting", exit.ShownArgument(name))
		}
	}
	if err := settings.CheckProfileName(profile); err != nil {
		return err
	}
	if all == (len(names) > 0) {
		return exit.Usage(command, "name the settings to remove, or use --all")
	}
	change := credentials.Change{Profile: profile, All: all}
	for _, name := range names {
		if name == transfer.SettingPassword {
			change.Password = &secret.Secret{}
		} else {
			change.Unset = append(change.Unset, name)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := pass.Change(ctx, change); err != nil {
		return err
	}
	return Show(ctx, pass.Console, pass.Settings, pass, profile, false)
}
