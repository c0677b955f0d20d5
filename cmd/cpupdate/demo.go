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
		Short: "Show a complete update with simulated phones, in a few seconds",
		Long: `Simulate some phones, build an image for them, inspect it, check it, and install it
on the phones: one that is compatible, one that is not, one that rejects the image
although the check passed, and then all of them.

Each command is shown as you would type it, with a sentence that says what it is
for, and with its real output. Everything happens on this machine, in a temporary
folder; no other machine is contacted, and nothing is stored.

With --keep the folder stays, with the image and the phone list, so that you can
continue from there. The end of the demo says how.

The exit code is 0 if everything went as described, otherwise 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case a.con.JSON:
				return exit.Errorf(exit.CodeUsage, "the single commands that the demo shows have --json", "demo prints text for people: --json is not supported")
			case keep && a.con.Quiet:
				return exit.Usage("demo", "--keep and --quiet cannot be used together: the name of the kept folder would not be shown")
			}
			return demo.Run(cmd.Context(), a.con, demo.Phones(), keep, a.runInside)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the folder, and show its name")
	return cmd
}
