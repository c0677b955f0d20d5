package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/push"
)

func newPush(a *app) *cobra.Command {
	o := push.Options{Route: option.Route{Command: "push"}}
	cmd := &cobra.Command{
		Use:   "push IMAGE [PHONE...]",
		Short: "Take an image into phones, or only put it on the server",
		Long: `Take an image into phones. Each is asked what it is and runs, and checked as by
cpupdate check: one that does not fit (exit code 4), or of which that cannot be
told (5), is told nothing. The others are told where the image lies, fetch it,
check it themselves and restart. A phone is done when it reports the new version.

PHONE is HOST, HOST:PORT or [IPv6]:PORT, or all phones of a list (--phones). The
phones call this machine, so a firewall here must let them in (--listen).

Where phones fetch it: from this machine while it runs (--serve, by https, or by
ftp with --method ftp), or from a server, where the image is put first by FTP,
FTPS or HTTPS, and compared with what was sent. Which server: explicit settings
(--method, --server, --port, --account, --username, --path, --base-url), or the
stored defaults (--use-defaults, or a profile with --profile NAME), never both.
Without any of them the stored defaults are used, if there are some. Without
phones the image is only put on the server.

Or nothing is fetched: --web sends the image from here straight into the phone's
own web page, as "upgrade using file" there does. The password flags are then for
that page, --pin and --ca for its certificate.

By FTP the file has a temporary name until it is complete. What fails or is
interrupted leaves nothing behind. With --json the answer is one object a line.`,
		Example: `  cpupdate push cp600.bind 192.0.2.50 --serve --hw-level 3
  cpupdate push cp600.bind --phones site.csv --profile berlin
  cpupdate push cp600.bind 192.0.2.50 --web --hw-level 3 --password-file secret
  cpupdate push cp600.bind --use-defaults
  cpupdate push cp600.bind --hw-level 3 --method ftps --server files.example --username cp --path firmware --password-file secret
  cpupdate push cp600.bind --hw-level 3 --method https --base-url https://files.example/firmware/`,
		Args:              imageToPush,
		ValidArgsFunction: completeImages(a, 1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return push.Run(cmd.Context(), a.env(), o, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	o.Route.AddFlags(flags)
	addProfileFlag(a, cmd, &o.Route.Profile)
	o.Upload.AddFlags(flags)
	o.Fetch.AddFlags(flags)
	o.Phones.AddFlags(flags)
	o.Talk.AddFlags(flags)
	flags.StringVar(&o.Urgency, "priority", "normal", "`normal|immediate`: immediate ends calls; with normal a phone in a call is waited for")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "ask and check the phones, and say what would be sent where; send and tell nothing")
	flags.StringVar(&o.Hardware, "hardware", "", "a hardware table in `FILE` (TOML)")
	o.Image.AddTrustFlags(flags)
	return cmd
}

// imageToPush refuses what is no image file; more arguments are phones.
func imageToPush(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "-" {
		return exit.Errorf(exit.CodeUsage, "write it into a file first", "an image is read more than once: standard input cannot be pushed")
	}
	return cobra.MinimumNArgs(1)(cmd, args)
}
