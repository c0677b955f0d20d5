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
		Short: "Be phones, for a try without any",
		Long: `Be one phone or many until Ctrl-C: they take requests to call, call back, say
what they are and run, fetch the image that they are told to fetch, look at it
themselves, restart and come back with the new version. docs/simulate.md says
how faithfully.

Where they are is written into a phone list, for --phones of push, phone and
check. The list states what an operator would know: address, MAC, model, part
number, hardware level and lowest version. What they run they say themselves.

With --fault they do what phones do on bad days: --fault NAME for all of them,
--fault N=NAME for the Nth. --list-faults shows the names.

With --web they have a web page too, as phones do: for a browser, for push --web.
Its password is that of a new phone, or stands in --web-password-file.

With --phones they are the phones of a list; what it leaves open, the flags say.
They listen at the list's addresses, or where --listen says: so the update of a
site can be rehearsed on one machine.

Ctrl-C (or SIGTERM) is how it ends: with exit code 0, and a line for each phone
that says what became of it. Nothing is kept but the list.`,
		Example: `  cpupdate simulate --count 3 --fault 2=reject-image
  cpupdate push cp600.bind --phones sim.csv --serve    (in a second terminal)

  cpupdate simulate --phones site.csv --listen 127.0.0.1 --restart-time 90s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.ListFaults {
				return simulate.ListFaults(a.con)
			}
			if o.List != "" && cmd.Flags().Changed("count") {
				return exit.Usage("simulate", "--phones lists the phones: --count does not go with it")
			}
			o.Place.ListenGiven = cmd.Flags().Changed("listen")
			if o.Password.File != "" && o.Place.Web == "" {
				return exit.Usage("simulate", "--web-password-file is the password of a web page: name its place with --web")
			}
			return simulate.Run(cmd.Context(), a.con, o)
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}
