package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/phone"
)

func newPhone(a *app) *cobra.Command {
	o := phone.Options{Listen: option.Listen{Network: a.phoneNet}, Hosts: a.hosts}
	cmd := &cobra.Command{
		Use:   "phone PHONE...",
		Short: "Query phones for their model and software",
		Long: `Query each phone over its provisioning interface for its model and the software
that it runs. Nothing is changed on the phone.

PHONE is HOST, HOST:PORT or [IPv6]:PORT; the port is that for contact requests,
8085 by default. The phone then calls back to this machine, so its firewall must
let the phone in (--listen).

With --web, what the phone's web page says without a login is shown too: model,
number and address, as observed. For a phone that does not call back, that is
enough. What a phone reports in its call counts more. No password is sent.`,
		Example: `  cpupdate phone 192.0.2.50
  cpupdate phone 192.0.2.50 --web
  cpupdate phone --phones site.csv --json`,
		ValidArgsFunction: completePhones,
		RunE:              func(cmd *cobra.Command, args []string) error { return phone.Run(cmd.Context(), a.con, o, args) },
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Phones")
	option.AddList(flags, &o.List, &o.Columns, "query the phones of the list in `FILE` (CSV)")
	end()
	o.Web.AddFlags(flags)
	flags.Lookup("web").Usage = "read what each phone's web page says without a login, too, for phones that do not call back"
	o.Trust.AddFlags(flags)
	flags.Lookup("ca").Usage = "with --web: verify the page's certificate with the CA certificates in `FILE` (PEM), not with those of the system"
	flags.Lookup("pin").Usage = "with --web: accept the page's certificate if its public key has this digest, `sha256:HEX`; may be repeated"
	o.Listen.AddFlags(flags)
	queriesOnly(flags)
	defer console.Group(flags, "Timing")()
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "how long to wait for a phone to accept a contact request (`DURATION`, such as 10s)")
	return cmd
}
