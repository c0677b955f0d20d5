package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/phone"
)

func newPhone(a *app) *cobra.Command {
	var o phone.Options
	cmd := &cobra.Command{
		Use:   "phone PHONE...",
		Short: "Ask phones what they are and run",
		Long: `Ask each phone over its provisioning interface what it is and which software it
runs. Nothing is changed on it.

PHONE is HOST, HOST:PORT or [IPv6]:PORT; the port is where the phone takes
requests to call, 8085 if absent. The phone then calls this machine, so a
firewall here must let it in (--listen).`,
		Example: `  cpupdate phone 192.0.2.50
  cpupdate phone --phones site.csv --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return phone.Run(cmd.Context(), a.con, o, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.List, "phones", "", "a phone list in `FILE` (CSV)")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "the longest wait for a phone to take a request, `DURATION` as in 10s")
	o.Talk.AddFlags(flags)
	return cmd
}
