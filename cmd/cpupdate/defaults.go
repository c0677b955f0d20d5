package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
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
	cmd.AddCommand(newDefaultsShow(a), newDefaultsSet(a), newDefaultsUnset(a), newDefaultsTest(a), newDefaultsMove(a))
	return cmd
}

// addProfileFlag adds --profile, and completes the names of stored profiles.
func addProfileFlag(a *app, cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "", "use the profile `NAME` instead of the defaults")
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		s, err := a.store.Read()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return s.Names(), cobra.ShellCompDirectiveNoFileComp
	}
	// It fails only if the flag is missing or was registered before; a completion test would show that.
	_ = cmd.RegisterFlagCompletionFunc("profile", complete)
}

func newDefaultsSet(a *app) *cobra.Command {
	var o defaults.SetOptions
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Store settings; settings that are not given stay as they are",
		Long: `Store access data, the description of the site's phones, and a password. Only the
settings that you give are changed; --pin replaces all stored pins.

A password is never given on the command line. It is stored in the system's
keyring. If there is no keyring, or with $CPUPDATE_KEYRING=off, it is stored
unencrypted in a file that only its owner can read (passwords.toml beside
config.toml). To move the passwords of that file to the keyring later:
cpupdate defaults move-passwords.`,
		Example: `  cpupdate defaults set --method ftps --server files.example --username cp --path firmware
  cpupdate defaults set --password-stdin < password.txt
  cpupdate defaults set --profile berlin --server 192.0.2.10 --username anonymous --hw-level 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return defaults.Set(cmd.Context(), a.con, a.pass, o) },
	}
	o.AddFlags(cmd.Flags())
	end := console.Group(cmd.Flags(), "Server")
	addProfileFlag(a, cmd, &o.Profile)
	end()
	return cmd
}

func newDefaultsUnset(a *app) *cobra.Command {
	var profile string
	var all bool
	names := append(settings.Names(), transfer.SettingPassword)
	cmd := &cobra.Command{
		Use:   "unset NAME...",
		Short: "Remove stored settings",
		Long: `Remove settings: ` + strings.Join(names[:9], ", ") + `,
` + strings.Join(names[9:], ", ") + `. With --all, remove the
defaults or the profile completely, with its password, wherever that is stored.`,
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
	cmd.Flags().BoolVar(&all, "all", false, "remove all settings, and the password")
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
