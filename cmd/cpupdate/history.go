package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/history"
)

func newHistory(a *app) *cobra.Command {
	var o history.Options
	cmd := &cobra.Command{
		Use:   "history [PHONE]",
		Short: "Show what this machine did to phones",
		Long: `Show every push to phones that this machine recorded, the newest first: when, by
whom, with which image, and for each phone the versions before and after, how it
ended, and what was overridden and why.

PHONE is an address as it was named, or a MAC address. An outcome of "not known"
is a phone that was instructed, and the run was killed before it was known how
that went: the next push of the same version queries such a phone, and does not
instruct it again until it is known how that ended.`,
		Example: `  cpupdate history
  cpupdate history 192.0.2.50
  cpupdate history --since 7d --csv`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeJournalPhones(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if o.Phone = args[0]; strings.TrimSpace(o.Phone) == "" {
					return exit.Usage("history", "PHONE must not be empty")
				}
			}
			return history.Run(cmd.Context(), a.con, a.record, o, a.clock())
		},
	}
	flags := cmd.Flags()
	defer console.Group(flags, "Output")()
	flags.StringVar(&o.Since, "since", "", "show runs since a `TIME`: 48h or 7d back, or a date such as 2026-11-01")
	flags.BoolVar(&o.CSV, "csv", false, "print one row for each phone, as CSV for a spreadsheet")
	addJournalFlag(a, flags)
	return cmd
}
