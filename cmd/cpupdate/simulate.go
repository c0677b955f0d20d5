package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/simulate"
)

func newSimulate(a *app) *cobra.Command {
	var o simulate.Options
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run simulated phones for testing",
		Long: `Run one or more simulated phones until Ctrl-C. They accept contact requests, call
back, report what they are and run, fetch the image that they are told to fetch,
check it themselves, restart, and report the new version. docs/simulate.md says
how closely they follow real phones.

Their addresses are written to a phone list, for --phones of push, phone and check.
The list states what an operator would know: address, MAC, model, part number,
hardware level and lowest version. The phones themselves report what they run.

With --fault they fail as real phones do: --fault NAME for all of them,
--fault N=NAME for the Nth. --list-faults shows the names.

With --web they have a web page too, as real phones do: for a browser, and for
push --web. Its password is that of a new phone, or the one in --web-password-file.

With --phones they stand for the phones of a list; the flags set what the list does
not say. They listen at the addresses of the list, or where --listen says. This way
you can rehearse the update of a site on one machine.

Press Ctrl-C (or send SIGTERM) to end: the exit code is 0, and a line for each phone
says what happened to it. Only the list is kept.`,
		Example: `  cpupdate simulate --count 3 --fault 2=reject-image
  cpupdate push cp600.bind --phones sim.csv --serve    (in a second terminal)

  cpupdate simulate --phones site.csv --listen 127.0.0.1 --restart-time 90s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.ListFaults {
				return simulate.ListFaults(a.con)
			}
			if o.List != "" && cmd.Flags().Changed("count") {
				return exit.Usage("simulate", "--count cannot be used with --phones: the list says how many phones there are")
			}
			o.Place.ListenGiven = cmd.Flags().Changed("listen")
			if o.Password.File != "" && o.Place.Web == "" {
				return exit.Usage("simulate", "--web-password-file needs --web: only a web page has a password")
			}
			return simulate.Run(cmd.Context(), a.con, o)
		},
	}
	o.AddFlags(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("fault", completeFaults) // as in addProfileFlag
	return cmd
}
