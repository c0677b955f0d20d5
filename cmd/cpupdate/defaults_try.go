package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/trustcmd"
)

func newDefaultsTest(a *app) *cobra.Command {
	route := option.Route{Command: "defaults test", UseDefaults: true}
	var line option.Connection
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Test the stored settings: log in, write and remove a small file",
		Long: `Test the stored settings without an image: connect, log in, open the folder, write
a small file, replace it and remove it again. The exit code is the one that an
upload would have.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return defaults.Test(cmd.Context(), a.con, a.store, a.pass, a.hosts, a.dial, route, line)
		},
	}
	addProfileFlag(a, cmd, &route.Profile)
	route.Password.AddFlags(cmd.Flags())
	trustcmd.AddLegacyFlag(cmd.Flags(), &route.Legacy)
	line.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&line.InPlace, "in-place", false, "test the upload as push --in-place makes it (ftp, ftps)")
	return cmd
}
