package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
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
	cmd.AddCommand(newDefaultsShow(a), newDefaultsSet(a), newDefaultsUnset(a), newDefaultsTest(a), newDefaultsMove(a))
	return cmd
}

// addProfileFlag adds --profile, with the names that there are for completion.
func addProfileFlag(a *app, cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "", "the profile called `NAME` instead of the defaults")
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		s, err := a.store.Read()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return s.Names(), cobra.ShellCompDirectiveNoFileComp
	}
	// It fails for a flag that is not there, or twice: a test of completion would see it.
	_ = cmd.RegisterFlagCompletionFunc("profile", complete)
}

func newDefaultsSet(a *app) *cobra.Command {
	var o defaults.SetOptions
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Store settings; what is not given stays as it is",
		Long: `Store access data, the description of the site's phones, and a password. Only
what is given is changed, and --pin replaces all pins that were there.

A password never stands on the command line. It is stored in the system's
keyring. Where there is none, or with $CPUPDATE_KEYRING=off, it is stored as it
is, unencrypted, in a file that only its owner can read (passwords.toml beside
config.toml). To move the passwords of that file into the keyring later:
cpupdate defaults move-passwords.`,
		Example: `  cpupdate defaults set --method ftps --server files.example --username cp --path firmware
  cpupdate defaults set --password-stdin < password.txt
  cpupdate defaults set --profile berlin --server 192.0.2.10 --username anonymous --hw-level 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return defaults.Set(cmd.Context(), a.con, a.pass, o) },
	}
	o.AddFlags(cmd.Flags())
	addProfileFlag(a, cmd, &o.Profile)
	methods := cobra.FixedCompletions([]string{string(transfer.FTP), string(transfer.FTPS), string(transfer.HTTPS)}, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(transfer.SettingMethod, methods) // as in addProfileFlag
	return cmd
}

func newDefaultsUnset(a *app) *cobra.Command {
	var profile string
	var all bool
	names := append(settings.Names(), transfer.SettingPassword)
	cmd := &cobra.Command{
		Use:   "unset NAME...",
		Short: "Take stored settings away",
		Long: `Take settings away: ` + strings.Join(names[:9], ", ") + `,
` + strings.Join(names[9:], ", ") + `. With --all the
defaults or the profile as a whole, with its password, wherever that is stored.`,
		Example: `  cpupdate defaults unset path password
  cpupdate defaults unset --profile berlin --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return defaults.Unset(cmd.Context(), a.pass, profile, all, args)
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

func newDefaultsMove(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "move-passwords",
		Short: "Move stored passwords from the file into the system's keyring",
		Long: `Move every password of the file passwords.toml beside config.toml, that of the
defaults and of each profile, into the system's keyring. A password leaves the
file only after the keyring has returned it unchanged.`,
		Example: "  cpupdate defaults move-passwords",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return defaults.MovePasswords(cmd.Context(), a.con, a.pass)
		},
	}
}
