package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func newDefaults(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "defaults",
		Short: "Show, set, unset and test the stored access data",
		Long: `Manage access data that is stored once: which server, which user, and which phones
the site has. There is one set of defaults and, with --profile, one set for each
site. Sets are never mixed: a profile takes nothing from the defaults.

The settings are stored in config.toml in the settings folder, or in the file that
--config or $CPUPDATE_CONFIG names. It is a text file that you can edit: a change
made here leaves the rest of the file as it was written. Passwords are stored in
the system's keyring, or in a separate file beside the settings.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newDefaultsShow(a), newDefaultsSet(a), newDefaultsUnset(a), newDefaultsTest(a))
	return cmd
}

// addProfileFlag adds --profile, and completes the names of stored profiles.
func addProfileFlag(a *app, cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "", "use the profile `NAME` instead of the defaults")
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		s, err := a.store.storedSettings()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return s.names(), cobra.ShellCompDirectiveNoFileComp
	}
	// It fails only if the flag is missing or was registered before; a completion test would show that.
	_ = cmd.RegisterFlagCompletionFunc("profile", complete)
}

// checkProfileName refuses a name that is not valid for a profile.
func checkProfileName(name string) error {
	if name != "" && !profileName(name) {
		return failf(codeUsage, "use letters, digits, dots, hyphens and underscores, at most 64, beginning with a letter or digit",
			"--profile: %s is not a valid name", shownArgument(name))
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
	defer group(flags, "Password")()
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
		Short: "Store settings; settings that are not given stay as they are",
		Long: `Store access data, the description of the site's phones, and a password. Only the
settings that you give are changed; --pin replaces all stored pins.

A password is never given on the command line. It is stored in the system's
keyring. If there is no keyring, or with $CPUPDATE_KEYRING=off, it is stored
unencrypted in a file that only its owner can read (passwords.toml beside
config.toml). Passwords in that file move to the keyring as soon as there is one.`,
		Example: `  cpupdate defaults set --method ftps --server files.example --username cp --path firmware
  cpupdate defaults set --password-stdin < password.txt
  cpupdate defaults set --profile berlin --server 192.0.2.10 --username anonymous --hw-level 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return defaultsSet(cmd.Context(), a.con, a.pass, o) },
	}
	o.addFlags(cmd.Flags())
	end := group(cmd.Flags(), "Server")
	addProfileFlag(a, cmd, &o.profile)
	end()
	methods := cobra.FixedCompletions([]string{string(transfer.FTP), string(transfer.FTPS), string(transfer.HTTPS)}, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(transfer.SettingMethod, methods) // as in addProfileFlag
	return cmd
}

func defaultsSet(ctx context.Context, con *console, pass *passwordStore, o defaultsSetOptions) error {
	const command = "defaults set"
	if err := checkProfileName(o.profile); err != nil {
		return err
	}
	given := slices.Concat(o.access.given(), o.trust.given(), o.fetch.settings(), o.site.given())
	if len(given) == 0 && !o.password.given() {
		return usage(command, "no setting and no password given")
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
		secret, _, err := o.password.fromFlags(ctx, con)
		if err != nil {
			return err
		}
		change.password = &secret
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := pass.changeSettings(ctx, change); err != nil {
		return err
	}
	return afterSet(ctx, con, pass.store, pass, o.profile)
}

// afterSet shows what is stored now, and warns about what is still incomplete: settings may be given one after another.
func afterSet(ctx context.Context, con *console, store *settingsStore, pass *passwordStore, name string) error {
	p, err := store.stored(name)
	if err != nil {
		return err
	}
	stored, err := p.place.password(name)
	if err != nil {
		return err
	}
	access := p.access
	if stored.there() { // only its presence counts here
		access.Password = transfer.NewSecret("")
	}
	if err := access.Validate(); err != nil {
		con.note("warning", p.title(), err.Error())
	}
	return showDefaults(ctx, con, store, pass, name, false)
}

func newDefaultsUnset(a *app) *cobra.Command {
	var profile string
	var all bool
	names := append(settingNames(), transfer.SettingPassword)
	cmd := &cobra.Command{
		Use:   "unset NAME...",
		Short: "Remove stored settings",
		Long: `Remove settings: ` + strings.Join(names[:9], ", ") + `,
` + strings.Join(names[9:], ", ") + `. With --all, remove the
defaults or the profile completely, with its password, wherever that is stored.`,
		Example: `  cpupdate defaults unset path password
  cpupdate defaults unset --profile berlin --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return defaultsUnset(cmd.Context(), a.pass, profile, all, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(given, name) })
			return left, cobra.ShellCompDirectiveNoFileComp
		},
	}
	addProfileFlag(a, cmd, &profile)
	cmd.Flags().BoolVar(&all, "all", false, "remove all settings, and the password")
	return cmd
}

func defaultsUnset(ctx context.Context, pass *passwordStore, profile string, all bool, names []string) error {
	const command = "defaults unset"
	known := append(settingNames(), transfer.SettingPassword)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return failf(codeUsage, "known settings: "+strings.Join(known, ", "), "%s is not a setting", shownArgument(name))
		}
	}
	if err := checkProfileName(profile); err != nil {
		return err
	}
	if all == (len(names) > 0) {
		return usage(command, "name the settings to remove, or use --all")
	}
	change := settingsChange{profile: profile, all: all}
	for _, name := range names {
		if name == transfer.SettingPassword {
			change.password = &transfer.Secret{}
		} else {
			change.unset = append(change.unset, name)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := pass.changeSettings(ctx, change); err != nil {
		return err
	}
	return showDefaults(ctx, pass.con, pass.store, pass, profile, false)
}
