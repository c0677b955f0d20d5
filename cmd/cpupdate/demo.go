package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/demo"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

func newDemo(a *app) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole story with simulated phones, in some seconds",
		Long: `Simulate some phones, build an image for them, look at it, check it, and take it
into the phones: one that fits, one that does not, one that refuses it although
it seemed to fit, and then all of them.

Each command is shown as one could type it, with a sentence on what it is for,
and with its real output. It all happens on this machine, in a temporary folder;
no other machine is spoken to, and nothing is stored.

With --keep the folder stays, with the image and the list of phones, to go on
from there. How that is done is said at the end.

The demo ends with exit code 0 if everything went as it tells, else with 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case a.con.JSON:
				return exit.Errorf(exit.CodeUsage, "each command that it shows has --json of its own", "demo is a story for people: --json does not go with it")
			case keep && a.con.Quiet:
				return exit.Usage("demo", "--keep and --quiet do not go together: nobody would learn what was kept")
			}
			return demo.Run(cmd.Context(), a.con, demo.Phones(), keep, a.runInside)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the folder where it is, and say where")
	return cmd
}
