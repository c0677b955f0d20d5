package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/push"
)

func newPush(a *app) *cobra.Command {
	o := push.Options{Options: delivery.Options{Route: option.Route{Command: "push"}, Listen: option.Listen{Network: a.phoneNet}}}
	cmd := &cobra.Command{
		Use:   "push IMAGE [PHONE...]",
		Short: "Install an image on phones, or upload it to a server",
		Long: `Each phone is queried and checked first, as with cpupdate check. A phone that is
incompatible (exit code 4), or whose compatibility cannot be determined (5), is
left alone. The others are instructed to fetch the image; they check it
themselves and restart. A phone is done when it reports the new version.

PHONE is HOST, HOST:PORT or [IPv6]:PORT; --phones takes all phones of a list.
Phones call back to this machine, so its firewall must let them in (--listen).

With --serve, phones fetch the image from this machine while the command runs:
by HTTPS, or by FTP with --method ftp.

With --web, the image is sent from here to each phone's own web page, as
"upgrade using file" does there. Together with --serve or a server, the page's
transfer form is filled in instead, and the phone fetches the image: the only
way by the page of an OpenStage. With --phone-defaults, the form is given the
file name only, and the phone's own defaults must point to where the file lies.
With --web, the password flags, --pin and --ca apply to the page; a server's
password is the stored one, or that of --server-password-file.

Otherwise the image is uploaded to a server first, by FTP, FTPS or HTTPS, and
verified there. Name the server either with explicit settings (--method,
--server, --port, --account, --username, --path, --base-url) or with stored
defaults (--use-defaults, or --profile NAME), not with both. Without any of
them, the stored defaults are used if there are any. Without phones, the image
is only uploaded.

By FTP, the file has a temporary name until it is complete. An upload that fails
or is interrupted leaves nothing behind. With --json, the answer is one object a
line.`,
		Example: `  cpupdate push cp600.bind 192.0.2.50 --serve --hw-level 3
  cpupdate push cp600.bind --phones site.csv --profile berlin
  cpupdate push cp600.bind 192.0.2.50 --web --hw-level 3 --password-file secret
  cpupdate push cp600.bind 192.0.2.50 --web --serve --hw-level 3 --password-file secret
  cpupdate push cp600.bind --use-defaults
  cpupdate push cp600.bind --hw-level 3 --method ftps --server files.example --username cp --path firmware --password-file secret
  cpupdate push cp600.bind --hw-level 3 --method https --base-url https://files.example/firmware/`,
		Args:              imageToPush,
		ValidArgsFunction: completeImages(a, 1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return push.Run(cmd.Context(), a.env(), o, args[0], args[1:])
		},
	}
	addPushFlags(a, cmd, &o)
	return cmd
}

// addPushFlags declares the flags of push, the common ones first.
func addPushFlags(a *app, cmd *cobra.Command, o *push.Options) {
	flags := cmd.Flags()
	end := console.Group(flags, "Phones")
	o.Phones.AddFlags(flags)
	flags.StringVar(&o.Hardware, "hardware", "", "read a hardware table from `FILE` (TOML)")
	end()
	end = console.Group(flags, "Output")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "query and check the phones, and show what would be sent where; send nothing, update nothing")
	end()
	addDeliveryFlags(a, cmd, &o.Options)
	end = console.Group(flags, "This machine")
	addJournalFlag(a, flags)
	end()
	o.Phones.Permit.AddFlags(flags)
	end = console.Group(flags, "Timing")
	addPriorityFlag(flags, &o.Priority)
	flags.DurationVar(&o.Settle, "settle", 15*time.Minute, "how long a phone that a run that was cut off instructed may take from then to report the new version (`DURATION`)")
	end()
	o.Image.AddTrustFlags(flags)
}

// addDeliveryFlags declares the flags that say how images get to phones.
func addDeliveryFlags(a *app, cmd *cobra.Command, o *delivery.Options) {
	flags := cmd.Flags()
	end := console.Group(flags, "Server")
	o.Route.AddFlags(flags)
	o.Route.Web.AddTransferFlags(flags)
	addProfileFlag(a, cmd, &o.Route.Profile)
	end()
	o.Upload.AddFlags(flags)
	o.Fetch.AddFlags(flags)
	o.Listen.AddFlags(flags)
}

// addPriorityFlag declares the flag of the priority of an update.
func addPriorityFlag(flags *pflag.FlagSet, priority *string) {
	flags.StringVar(priority, "priority", "normal", "`normal|immediate`: normal waits until a phone's call ends, immediate ends calls")
}

// addJournalFlag declares the flag of the journal.
func addJournalFlag(a *app, flags *pflag.FlagSet) {
	flags.StringVar(&a.record.Flag, "journal", "", "the journal `FILE` (default $CPUPDATE_JOURNAL, or journal.db in the state folder)")
}

// imageToPush rejects standard input as the image; further arguments are phones.
func imageToPush(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "-" {
		return exit.Errorf(exit.CodeUsage, "write the image to a file first", "standard input cannot be pushed: an image is read more than once")
	}
	return cobra.MinimumNArgs(1)(cmd, args)
}
