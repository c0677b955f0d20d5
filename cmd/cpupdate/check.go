package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/check"
)

func newCheck(a *app) *cobra.Command {
	var o check.Options
	cmd := &cobra.Command{
		Use:   "check IMAGE [PHONE...]",
		Short: "Tell whether a phone will take an image, and why",
		Long: `Apply the phone's own rule before any byte moves: the rule sheet says for each
rule what the image asks, what is known of the phone, and what would make it
pass. There are three answers: compatible (exit code 0), not compatible (4) and
unknown (5). A damaged image is exit code 3, whatever else the rules say.

Describe one phone with flags, or many in a list: --phones FILE, a CSV file with
a header line. Its columns, any of them in any order: address, mac, model,
part_number, hw_level, software_type, running, minimum_version, override
(yes or no), reason, note.

PHONE is HOST, HOST:PORT or [IPv6]:PORT: the phone is asked over the network what
it is and runs, and told nothing. It calls this machine, so a firewall here must
let it in (--listen). With a list too, that says the rest of these phones.

With a list, several phones, or a folder as IMAGE, the answer is the fit matrix:
which phone takes which image, and for a phone that fits none, why. It ends with
exit code 0 if every phone has an image that fits, else with 10.

Which part number means which level is looked up in the hardware table:
--hardware FILE, and hardware.toml in the settings folder.`,
		Example: `  cpupdate check cp600.bind --hw-level 3
  cpupdate check os40.img --part-number S30817-S7402-A101-20 --software-type "Siemens SIP" --running "V3 R1.41.1"
  cpupdate check cp600.bind 192.0.2.50 --hw-level 3
  cpupdate check images/ --phones phones.csv`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeImages(a, 0, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return check.Run(cmd.Context(), a.con, a.store, a.open, o, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	o.Phones.AddFlags(flags)
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "the longest wait for a phone to take a request, `DURATION` as in 10s")
	o.Talk.AddFlags(flags)
	flags.StringVar(&o.Hardware, "hardware", "", "a hardware table in `FILE` (TOML)")
	o.Image.AddFlags(flags)
	return cmd
}
