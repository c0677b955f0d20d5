package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func newDefaults(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "defaults",
		Short: "Show, set, unset and test the stored access data",
		Long: `Access data that is stored once: which server, who asks, and what phones the site
has. There is one set of common defaults and, with --profile, one for each site.
They are never mixed: a profile stands alone.

The settings lie in config.toml in the settings folder, or in the file that
--config or $CPUPDATE_CONFIG names. It is a text file for people: what is
changed here leaves all the rest as it was written. Passwords lie in the
system's keyring, or in a file of their own beside the settings.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newDefaultsShow(a), newDefaultsSet(a), newDefaultsUnset(a), newDefaultsTest(a))
	return cmd
}

// addProfileFlag adds --profile, with the names that there are for completion.
func addProfileFlag(a *app, cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "", "the profile called `NAME` instead of the defaults")
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		s, err := a.storedSettings()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return s.names(), cobra.ShellCompDirectiveNoFileComp
	}
	// It fails for a flag that is not there, or twice: a test of completion would see it.
	_ = cmd.RegisterFlagCompletionFunc("profile", complete)
}

// checkProfileName refuses a name that no profile can have.
func checkProfileName(name string) error {
	if name != "" && !profileName(name) {
		return failf(codeUsage, "letters, digits, dots, hyphens and underscores, beginning with a letter or digit, at most 64",
			"--profile: %s cannot be a name", shownArgument(name))
	}
	return nil
}

type defaultsSetOptions struct {
	profile  string
	access   accessOptions
	trust    trustOptions
	fetch    fetchOptions
	site     siteOptions
	password passwordOptions
}

func (o *defaultsSetOptions) addFlags(flags *pflag.FlagSet) {
	o.access.addFlags(flags)
	o.trust.addFlags(flags)
	o.fetch.addFlags(flags)
	o.site.addFlags(flags)
	o.password.addFlags(flags)
}

func newDefaultsSet(a *app) *cobra.Command {
	var o defaultsSetOptions
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Store settings; what is not given stays as it is",
		Long: `Store access data, the description of the site's phones, and a password. Only
what is given is changed, and --pin replaces all pins that were there.

A password never stands on the command line. It is stored in the system's
keyring. Where there is none, or with $CPUPDATE_KEYRING=off, it is stored as it
is, unencrypted, in a file that only its owner can read (passwords.toml beside
config.toml). Passwords in that file move to the keyring as soon as there is one.`,
		Example: `  cpupdate defaults set --method ftps --server files.example --username cp --path firmware
  cpupdate defaults set --password-stdin < password.txt
  cpupdate defaults set --profile berlin --server 192.0.2.10 --username anonymous --hw-level 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return defaultsSet(cmd.Context(), a, o) },
	}
	o.addFlags(cmd.Flags())
	addProfileFlag(a, cmd, &o.profile)
	methods := cobra.FixedCompletions([]string{string(transfer.FTP), string(transfer.FTPS), string(transfer.HTTPS)}, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(transfer.SettingMethod, methods) // as in addProfileFlag
	return cmd
}

func defaultsSet(ctx context.Context, a *app, o defaultsSetOptions) error {
	const command = "defaults set"
	if err := checkProfileName(o.profile); err != nil {
		return err
	}
	given := slices.Concat(o.access.given(), o.trust.given(), o.fetch.settings(), o.site.given())
	if len(given) == 0 && !o.password.given() {
		return usage(command, "nothing is given to be stored")
	}
	if err := o.password.validate(command); err != nil {
		return err
	}
	set, err := checkGiven(command, given)
	if err != nil {
		return err
	}
	change := settingsChange{profile: o.profile, set: set}
	if o.password.given() {
		if o.password.whose = "the defaults"; o.profile != "" {
			o.password.whose = profileTitle(o.profile)
		}
		secret, _, err := o.password.fromFlags(ctx, a)
		if err != nil {
			return err
		}
		change.password = &secret
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.changeSettings(ctx, change); err != nil {
		return err
	}
	return a.afterSet(ctx, o.profile)
}

// afterSet shows what is stored now, and what is not right about it yet: settings may be given one after another.
func (a *app) afterSet(ctx context.Context, name string) error {
	p, err := a.stored(name)
	if err != nil {
		return err
	}
	stored, err := p.place.password(name)
	if err != nil {
		return err
	}
	access := p.access
	if stored.there() { // that it is there is all that counts here
		access.Password = secret.New("")
	}
	if err := access.Validate(); err != nil {
		a.note("warning", p.title(), err.Error())
	}
	return a.showDefaults(ctx, name, false)
}

func newDefaultsUnset(a *app) *cobra.Command {
	var profile string
	var all bool
	names := append(settingNames(), transfer.SettingPassword)
	cmd := &cobra.Command{
		Use:   "unset NAME...",
		Short: "Take stored settings away",
		Long: `Take settings away: ` + strings.Join(names[:9], ", ") + `,
` + strings.Join(names[9:], ", ") + `. With --all the
defaults or the profile as a whole, with its password, wherever that is stored.`,
		Example: `  cpupdate defaults unset path password
  cpupdate defaults unset --profile berlin --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return defaultsUnset(cmd.Context(), a, profile, all, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(given, name) })
			return left, cobra.ShellCompDirectiveNoFileComp
		},
	}
	addProfileFlag(a, cmd, &profile)
	cmd.Flags().BoolVar(&all, "all", false, "take all away, the password too")
	return cmd
}

func defaultsUnset(ctx context.Context, a *app, profile string, all bool, names []string) error {
	const command = "defaults unset"
	known := append(settingNames(), transfer.SettingPassword)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return failf(codeUsage, "settings are "+strings.Join(known, ", "), "%s is no setting", shownArgument(name))
		}
	}
	if err := checkProfileName(profile); err != nil {
		return err
	}
	if all == (len(names) > 0) {
		return usage(command, "name the settings to take away, or --all")
	}
	change := settingsChange{profile: profile, all: all}
	for _, name := range names {
		if name == transfer.SettingPassword {
			change.password = &secret.Secret{}
		} else {
			change.unset = append(change.unset, name)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.changeSettings(ctx, change); err != nil {
		return err
	}
	return a.showDefaults(ctx, profile, false)
}
