package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/rolloutcmd"
)

func newRollout(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Update many phones in waves, and go on after any stop",
		Long: `A rollout brings images to the phones of a list, in waves. "plan" decides which
phone gets which image and when, and changes no phone. "run" carries the plan out,
or goes on with it after any stop: the journal knows which phones were instructed,
and none is instructed twice unless "retry" allows it.

A limit stops the rollout when too many phones of a wave fail.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(
		newRolloutPlan(a), newRolloutRun(a), newRolloutWork(a), newRolloutStatus(a), newRolloutList(a), newRolloutReport(a),
		newRolloutWatch(a),
		newRolloutChange(a, rolloutcmd.Pause, "Begin no phone until the rollout is resumed", "Phones that are on their way are followed to their end. A run that goes on waits."),
		newRolloutChange(a, rolloutcmd.Resume, "Let a rollout go on", "Resume ends a pause, a stop and the effect of a limit, and opens the wave that\nwaits for a person. A run that waits goes on within seconds."),
		newRolloutChange(a, rolloutcmd.Stop, "End a rollout's run", "No phone is begun any more. Phones that are on their way are followed to their\nend, then the run ends with exit code 11."),
		newRolloutChange(a, rolloutcmd.Retry, "Let the phones that failed begin anew", "They may be instructed again, also if they may have been instructed before: check\nthem first. They begin in their wave, before the waves that follow it."),
	)
	return cmd
}

func newRolloutPlan(a *app) *cobra.Command {
	o := rolloutcmd.PlanOptions{Listen: option.Listen{Network: a.phoneNet}}
	cmd := &cobra.Command{
		Use:   "plan IMAGE",
		Short: "Decide which phones get which image, in which waves",
		Long: `Each phone of the list is queried, and gets the newest image that fits: by way of
others where that image names a lowest version to update from. IMAGE is a file or
a folder. Phones that get none are left alone, and the answer says why. The plan
is kept in the journal under a name; no phone is changed.`,
		Example: `  cpupdate rollout plan firmware/ --phones site.csv --name spring
  cpupdate rollout plan cp600.bind --phones site.csv --waves canary,10%,rest --stop-on unverified=1,rejected=3`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return rolloutcmd.Plan(cmd.Context(), a.env(), o, args[0], a.clock())
		},
		ValidArgsFunction: completeImages(a, 1, true),
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Phones")
	option.AddList(flags, &o.Phones.List, &o.Phones.Columns, "use the phones of the list in `FILE` (CSV): addresses, MACs, levels, overrides")
	flags.BoolVar(&o.Offline, "offline", false, "do not query the phones: plan by what the list says")
	flags.StringVar(&o.Hardware, "hardware", "", "read a hardware table from `FILE` (TOML)")
	end()
	end = console.Group(flags, "Rollout")
	flags.StringVarP(&o.Name, "name", "o", "", "the `NAME` of the rollout (default: made of the time)")
	flags.StringVar(&o.Waves, "waves", "canary,5,20%,rest", "the sizes of the waves: a `LIST` of canary (one phone of every kind), numbers, percentages and rest")
	flags.StringVar(&o.Pause, "pause", "canary", "`canary|each|none`: wait for a person after the canaries, before each wave, or never")
	flags.StringVar(&o.StopOn, "stop-on", "unverified=1,rejected=3,unreachable=10%", "the `LIMITS` of a wave that stop the rollout: CAUSE=NUMBER or CAUSE=PERCENT%")
	flags.StringVar(&o.Window, "window", "", "begin phones only between two `TIMES` of the day, such as 22:00-06:00")
	flags.StringVar(&o.StartRate, "start-rate", "", "begin at most so many phones in a time: a `RATE` such as 30/m")
	flags.IntVar(&o.PerSubnet, "per-subnet", 0, "how many phones of a /24 or /64 network are on their way at the same time: a `NUMBER` (default: any)")
	flags.IntVar(&o.Attempts, "attempts", 3, "how often a phone is tried that cannot be reached or is busy: a `NUMBER`")
	end()
	o.Listen.AddFlags(flags)
	o.Phones.Permit.AddFlags(flags)
	end = console.Group(flags, "Timing")
	flags.DurationVar(&o.Timeout, "timeout", option.ContactTimeout, "how long to wait for a phone to accept a contact request (`DURATION`)")
	flags.DurationVar(&o.Settle, "settle", 15*time.Minute, "how long a phone that was instructed before a stop may take from then to report the new version (`DURATION`)")
	end()
	o.Image.AddTrustFlags(flags)
	addRolloutJournal(a, cmd)
	return cmd
}

func newRolloutRun(a *app) *cobra.Command {
	o := newRunOptions(a, "rollout run")
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Carry out a rollout, or go on with it",
		Long: `Phones call back to this machine, so its firewall must let them in (--listen).
They get the images by the same routes as with cpupdate push: from this machine
(--serve, which is the default), from a server to which the images are uploaded
first (--profile, --use-defaults, --server ...), or by their web pages (--web).

The command ends when every phone has an outcome, or a limit or a person stops
the rollout. After a stop of any kind, the same command goes on: phones that may
have been instructed are queried first. Without flags, it goes on with the flags
of the run before. If any flag is given, only what is given counts.

Only one run carries out a rollout: another one takes over from it.

With --nats, the workers of the sites update the phones (cpupdate rollout work).
The command lets them begin, asks before waves, and shows what happens.`,
		Example: `  cpupdate rollout run spring
  cpupdate rollout run spring --profile berlin
  cpupdate rollout run spring --web --password-file secret`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(a),
	}
	addRunFlags(a, cmd, &o)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		flags := cmd.Flags()
		if flags.Changed("parallel") {
			return exit.Usage("rollout run", "--parallel is a flag of the plan: see cpupdate help rollout plan")
		}
		if flags.Changed("settle") {
			if err := option.CheckSettle("rollout run", o.Settle); err != nil {
				return err
			}
		}
		o.Given = delivery.Kept(flags, func(name string) bool {
			return slices.Contains(journalFlags(), name) || cmd.InheritedFlags().Lookup(name) != nil
		})
		o.Again = func(kept []string, own bool) (rolloutcmd.RunOptions, console.Flags, error) {
			return runAgain(a, flags, kept, own)
		}
		o.Line = func(kept []string) string { return delivery.KeptLine(flags, kept) }
		return rolloutcmd.Run(cmd.Context(), a.env(), o, args[0])
	}
	addRolloutJournal(a, cmd)
	return cmd
}

func newRunOptions(a *app, command string) rolloutcmd.RunOptions {
	return rolloutcmd.RunOptions{Options: delivery.Options{Route: option.Route{Command: command}, Listen: option.Listen{Network: a.phoneNet}}}
}

// addRunFlags declares the flags of rollout run that are kept for the next one.
func addRunFlags(a *app, cmd *cobra.Command, o *rolloutcmd.RunOptions) {
	flags := cmd.Flags()
	addDeliveryFlags(a, cmd, &o.Options)
	flags.Lookup("parallel").Hidden = true
	end := console.Group(flags, "Phones")
	flags.StringVar(&o.Hardware, "hardware", "", "read a hardware table from `FILE` (TOML)")
	end()
	end = console.Group(flags, "Timing")
	addPriorityFlag(flags, &o.Priority)
	flags.DurationVar(&o.Settle, "settle", 0, "how long a phone that was instructed before a stop may take from then to report the new version (`DURATION`; default: as the plan says)")
	end()
	o.Image.AddTrustFlags(flags)
}

// runAgain parses the flags of an earlier run. given are those of the command line: all that is not about the route.
func runAgain(a *app, given *pflag.FlagSet, kept []string, own bool) (rolloutcmd.RunOptions, console.Flags, error) {
	o := newRunOptions(a, "rollout run")
	cmd := &cobra.Command{Use: "run"}
	addRunFlags(a, cmd, &o)
	flags := cmd.Flags()
	if err := delivery.ParseKept(flags, kept, own); err != nil {
		return o, console.Flags{}, err
	}
	known := flagsOf(flags)
	known.Given = func(name string) bool { return flags.Changed(name) || given.Changed(name) }
	return o, known, nil
}

func newRolloutStatus(a *app) *cobra.Command {
	watch := false
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how a rollout stands, or list the rollouts",
		Long: `Show a line for each wave, and a line for each phone that needs somebody. Without
NAME, list the rollouts of the journal.

--watch shows what happens until the rollout ends, also while another terminal
carries it out. Ctrl-C ends only the command that watches.`,
		Example: `  cpupdate rollout status spring
  cpupdate rollout status spring --watch`,
		Args: cobra.MaximumNArgs(1),

		ValidArgsFunction: completeRollouts(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			if watch {
				return rolloutcmd.Watch(cmd.Context(), a.env(), name)
			}
			return rolloutcmd.Status(cmd.Context(), a.env(), name)
		},
	}
	end := console.Group(cmd.Flags(), "Output")
	cmd.Flags().BoolVar(&watch, "watch", false, "show what happens until the rollout ends")
	end()
	addRolloutJournal(a, cmd)
	return cmd
}

func newRolloutList(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the rollouts of the journal",
		Long:    "Show a line for each rollout, the newest first: how it stands, how many phones are\nupdated and how many failed, its images, and who planned it.",
		Example: `  cpupdate rollout list`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return rolloutcmd.List(cmd.Context(), a.env()) },
	}
	addRolloutJournal(a, cmd)
	return cmd
}

func newRolloutReport(a *app) *cobra.Command {
	var o rolloutcmd.ReportOptions
	cmd := &cobra.Command{
		Use:   "report NAME",
		Short: "Show what a rollout did",
		Long: `Show what was rolled out, by whom and when, each wave, each phone that needs
somebody, causes with their next steps, and what was overridden and why. The
report is made from the journal at any time, also while the rollout runs.

--html writes one page that needs no network, and no script to be read.
--phone-list prints the phones that need somebody as a list for the next run.`,
		Example: `  cpupdate rollout report spring
  cpupdate rollout report spring --html spring.html
  cpupdate rollout report spring --phone-list > again.csv`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			return rolloutcmd.Report(cmd.Context(), a.env(), o, args[0], a.clock())
		},
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Output")
	flags.BoolVar(&o.CSV, "csv", false, "print one row for each phone, as CSV for a spreadsheet")
	flags.BoolVar(&o.JUnit, "junit", false, "print a JUnit XML document, which CI systems show")
	flags.BoolVar(&o.PhoneList, "phone-list", false, "print the phones that need somebody as a phone list (CSV)")
	flags.StringVar(&o.HTML, "html", "", "write the report as one web page to `FILE`")
	flags.BoolVar(&o.Force, "force", false, "replace an existing file")
	end()
	addRolloutJournal(a, cmd)
	return cmd
}

// newRolloutChange returns a command that changes a rollout.
func newRolloutChange(a *app, change rolloutcmd.Change, short, long string) *cobra.Command {
	var o rolloutcmd.ChangeOptions
	cmd := &cobra.Command{
		Use:     string(change) + " NAME",
		Short:   short,
		Long:    long,
		Example: "  cpupdate rollout " + string(change) + " spring",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: completeRollouts(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			return rolloutcmd.Apply(cmd.Context(), a.env(), change, o, args[0])
		},
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Rollout")
	if change != rolloutcmd.Resume {
		flags.StringVar(&o.Reason, "reason", "", "the reason, a `TEXT` for the journal")
	}
	if change == rolloutcmd.Retry {
		flags.StringSliceVar(&o.Only, "only", nil, "only phones that failed with one of these `CAUSES`, such as rejected,unreachable")
	}
	end()
	addRolloutJournal(a, cmd)
	return cmd
}

// addRolloutJournal declares the flags of the journal.
func addRolloutJournal(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	end := console.Group(flags, "This machine")
	addJournalFlag(a, flags)
	end()
	addServerFlags(a, cmd)
}

// addServerFlags declares the flags of the server that has the journal.
func addServerFlags(a *app, cmd *cobra.Command) {
	flags, server := cmd.Flags(), &a.record.Server
	defer console.Group(flags, "Many sites")()
	flags.StringVar(&server.URL, "nats", "", "the journal is on the NATS server at `URL` (tls://HOST:PORT), which several machines use")
	flags.StringVar(&server.Creds, "nats-creds", "", "the `FILE` with the login of this machine at the NATS server")
	flags.StringVar(&server.CA, "nats-ca", "", "verify the NATS server with the authorities in `FILE` (PEM)")
}

// journalFlags are the flags that say where the journal is. They are not about one run.
func journalFlags() []string { return []string{"journal", "nats", "nats-creds", "nats-ca"} }
