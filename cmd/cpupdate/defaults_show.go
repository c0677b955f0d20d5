package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

func newDefaultsShow(a *app) *cobra.Command {
	var profile string
	var origin bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the stored settings, and what applies where none is stored",
		Long: `Show the defaults, or a profile: each stored setting and, where none is stored, the
value that applies. Of the password, show only whether and where it is stored.`,
		Example: `  cpupdate defaults show
  cpupdate defaults show --profile berlin --origin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.CheckProfileName(profile); err != nil {
				return err
			}
			if profile != "" { // a missing profile is an error only here
				if _, err := a.store.Profile(profile); err != nil {
					return err
				}
			}
			return defaults.Show(cmd.Context(), a.con, a.store, a.pass, profile, origin)
		},
	}
	addProfileFlag(a, cmd, &profile)
	cmd.Flags().BoolVar(&origin, "origin", false, "show where each setting comes from")
	return cmd
}
