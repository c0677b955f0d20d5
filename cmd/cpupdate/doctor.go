package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/doctor"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
)

func newDoctor(a *app) *cobra.Command {
	o := doctor.Options{Route: option.Route{Command: "doctor"}}
	cmd := &cobra.Command{
		Use:   "doctor [PHONE...]",
		Short: "Check the route to server and phones, and show what to fix",
		Long: `Check everything between an image and the phones: stored settings, the server,
this machine, the phones, the clock, certificates, and the environment. Each check
prints a line: ok, FAIL with the next step, warn for a problem that does not block
this route, and - for a check that was skipped, with the reason.

Choose the route as for push: a server, --use-defaults, --profile, --serve or
--web. Without any of them, doctor checks the route of the stored defaults, or
--serve if no defaults are stored.

On the server, doctor writes a small file, replaces it and removes it again,
nothing else. It
sends one contact request to each PHONE, as cpupdate phone does. With --web it
opens the phone's web page up to the upload form. It changes nothing on the phone.

The exit code is 0 if all checks that this route requires pass, otherwise that of
the first FAIL.`,
		Example: `  cpupdate doctor
  cpupdate doctor 192.0.2.50 --serve
  cpupdate doctor --use-defaults --json`,
		ValidArgsFunction: completePhones,
		RunE: func(cmd *cobra.Command, args []string) error {
			return doctor.Run(cmd.Context(), doctor.Env{Env: a.env(), Around: a.around, Clock: a.clock}, o, args)
		},
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Phones")
	option.AddList(flags, &o.List, &o.Columns, "read phones from the list in `FILE` (CSV)")
	end()
	end = console.Group(flags, "Server")
	o.Route.AddFlags(flags)
	addProfileFlag(a, cmd, &o.Route.Profile)
	flags.BoolVar(&o.InPlace, "in-place", false, "test the upload as push --in-place makes it (ftp, ftps)")
	end()
	o.Listen.AddFlags(flags)
	defer console.Group(flags, "Timing")()
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "how long to wait for a server or phone (`DURATION`, such as 10s)")
	// doctor waits less long than an update does, and sends one contact request only.
	o.Listen.Patience = time.Minute
	flags.Lookup("patience").DefValue = o.Listen.Patience.String()
	queriesOnly(flags)
	flags.Lookup("contact-interval").Hidden = true
	flags.Lookup("serve").Usage = "check the route of push --serve: phones fetch the image from this machine"
	flags.Lookup("web").Usage = "check the route of push --web: the image is sent to each phone's own web page"
	return cmd
}
