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
		Short: "Show the stored settings and what applies where none is stored",
		Long: `Show the defaults, or a profile: each setting that is stored and, where none is,
what applies. Of the password only whether it is stored, and where.`,
		Example: `  cpupdate defaults show
  cpupdate defaults show --profile berlin --origin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.CheckProfileName(profile); err != nil {
				return err
			}
			if profile != "" { // one that is not there is an error only here
				if _, err := a.store.Profile(profile); err != nil {
					return err
				}
			}
			return defaults.Show(cmd.Context(), a.con, a.store, a.pass, profile, origin)
		},
	}
	addProfileFlag(a, cmd, &profile)
	cmd.Flags().BoolVar(&origin, "origin", false, "say of each setting where it comes from")
	return cmd
}
