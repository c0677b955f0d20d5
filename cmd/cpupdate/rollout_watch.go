package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/rolloutcmd"
)

func newRolloutWatch(a *app) *cobra.Command {
	var o rolloutcmd.PageOptions
	cmd := &cobra.Command{
		Use:   "watch NAME",
		Short: "Show a rollout as a web page that updates itself",
		Long: `Serve the report of a rollout as a web page, read only, and print its address. The
page updates itself while the rollout runs, and stays when it has ended. It is made
from the journal: the run may be in another terminal.

Only this machine reaches the page unless --listen names another address. Then the
page is served by HTTPS, and its address contains a token: whoever has the address
can read the page.

Press Ctrl-C (or send SIGTERM) to end: the exit code is 0.`,
		Example: `  cpupdate rollout watch spring
  cpupdate rollout watch spring --listen 127.0.0.1:8080`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return rolloutcmd.Page(cmd.Context(), a.env(), o, args[0], a.clock())
		},
		ValidArgsFunction: completeRollouts(a),
	}
	flags := cmd.Flags()
	end := console.Group(flags, "This machine")
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:0", "listen for browsers at `[ADDR]:PORT` of this machine; port 0 is a free one")
	flags.StringVar(&o.Cert, "service-cert", "", "present the certificate in `FILE` (PEM) to browsers (default: HTTP, and only on this machine)")
	flags.StringVar(&o.Key, "service-key", "", "the private key of --service-cert, a `FILE` in PEM")
	end()
	addRolloutJournal(a, cmd)
	return cmd
}
