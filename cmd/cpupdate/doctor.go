package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/doctor"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
)

func newDoctor(a *app) *cobra.Command {
	o := doctor.Options{Route: option.Route{Command: "doctor"}}
	cmd := &cobra.Command{
		Use:   "doctor [PHONE...]",
		Short: "Is the way to server and phones clear? A line for each thing, and the next step",
		Long: `Look at everything that stands between an image and the phones: stored settings,
the server, this machine, the phones, the clock, certificates, and what else
there is around. Each thing is a line: ok, FAIL with the next step, warn for
what does not hinder this way, and - for what was not looked at, with the reason.

The way is named as for push: a server, --use-defaults, --profile, --serve or
--web. Without any it is that of the stored defaults, or --serve if there are
none.

On the server a small file is written and removed again, nothing else. Each
PHONE is asked once to call, as by cpupdate phone, and by --web its page is
visited as far as the form for an image; nothing is changed on it.

It ends with exit code 0 if all that this way needs is clear, else with that of
the first FAIL.`,
		Example: `  cpupdate doctor
  cpupdate doctor 192.0.2.50 --serve
  cpupdate doctor --use-defaults --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return doctor.Run(cmd.Context(), doctor.Env{Env: a.env(), Around: a.around, Clock: a.clock}, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.List, "phones", "", "a phone list in `FILE` (CSV)")
	o.Route.AddFlags(flags)
	addProfileFlag(a, cmd, &o.Route.Profile)
	o.Talk.AddFlags(flags)
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "the longest silence of server and phone, connecting included, `DURATION` as in 10s")
	// Who asks whether the way is clear does not wait as long as for an update, and one contact has to do.
	o.Talk.Patience = time.Minute
	flags.Lookup("patience").DefValue = o.Talk.Patience.String()
	for _, name := range []string{"contact-interval", "probe-interval"} {
		flags.Lookup(name).Hidden = true
	}
	return cmd
}
