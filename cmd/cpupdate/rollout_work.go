package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/rolloutcmd"
)

func newRolloutWork(a *app) *cobra.Command {
	o := rolloutcmd.WorkOptions{RunOptions: newRunOptions(a, "rollout work"), CacheErr: a.cacheErr}
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Update the phones of one site, for rollouts of many sites",
		Long: `Wait for rollouts with phones at this site, and carry them out there one after the
other: docs/sites.md. Waves, limits and pauses come from the rollout. How the phones
get the images is said here, with the flags of "rollout run". The images come from
the server, and are kept for the next rollout.

Two workers of one site help each other: if one dies, the other goes on.

Press Ctrl-C (or send SIGTERM) to end, which is exit code 0: no phone is begun any
more, and those that are on their way are followed first. Again: the worker ends at
once, and the next one queries these phones.`,
		Example: `  cpupdate rollout work --nats tls://centre.example --nats-creds berlin.nk --site berlin
  cpupdate rollout work --nats tls://centre.example --site berlin --profile berlin`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	addRunFlags(a, cmd, &o.RunOptions)
	end := console.Group(flags, "Many sites")
	flags.StringVar(&o.Site, "site", "", "the `NAME` of this site in the phone list")
	flags.StringVar(&o.Cache, "image-cache", a.cache, "keep images in `FOLDER`")
	end()
	addServerFlags(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case flags.Changed("parallel"):
			return exit.Usage("rollout work", "--parallel is a flag of the plan: see cpupdate help rollout plan")
		case flags.Changed("settle") && o.Settle <= 0: // RunOptions take 0 for the plan's
			return option.CheckSettle("rollout work", o.Settle)
		case flags.Changed("password-stdin"):
			return exit.Errorf(exit.CodeUsage, "use --password-file or --password-command", "--password-stdin cannot be used here: the password is read for each rollout")
		case !flags.Changed("site"):
			return exit.Usage("rollout work", "--site NAME is missing: the name that the phone list has for this site")
		}
		return rolloutcmd.Work(cmd.Context(), a.env(), o)
	}
	return cmd
}
