package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/check"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
)

func newCheck(a *app) *cobra.Command {
	o := check.Options{Listen: option.Listen{Network: a.phoneNet}}
	cmd := &cobra.Command{
		Use:   "check IMAGE [PHONE...]",
		Short: "Check whether a phone will accept an image, and why",
		Long: `Apply the phone's own rules before anything is sent. For each rule, the rule sheet
shows what the image requires, what is known about the phone, and what would make
the rule pass. There are three answers: compatible (exit code 0), not compatible
(4) and unknown (5). A damaged image ends with exit code 3, whatever the rules say.

Describe one phone with flags, or many phones in a list: --phones FILE, a CSV file
with a header line. Its columns, any of them in any order: address, mac, model,
part_number, hw_level, software_type, running, minimum_version, override
(yes or no), reason, note, site.

PHONE is HOST, HOST:PORT or [IPv6]:PORT. The phone is queried over the network for
its model and software; nothing is changed on it. It calls back to this machine,
so its firewall must let the phone in (--listen). With --phones, the list adds
what the phone does not report.

With a list, several phones, or a folder as IMAGE, the answer is the fit matrix:
which phone accepts which image, and for a phone that no image fits, why. The exit
code is 0 if an image fits every phone, else 10.

--junit FILE writes the answer as JUnit too, for CI systems: a test case for each
phone. A file of that name is replaced if it is XML.

The hardware table says which part number has which level: --hardware FILE, and
hardware.toml in the settings folder.`,
		Example: `  cpupdate check cp600.bind --hw-level 3
  cpupdate check os40.img --part-number S30817-S7402-A101-20 --software-type "Siemens SIP" --running "V3 R1.41.1"
  cpupdate check cp600.bind 192.0.2.50 --hw-level 3
  cpupdate check images/ --phones phones.csv`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeImages(a, 1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return check.Run(cmd.Context(), a.con, a.store, a.open, o, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Phones")
	o.Phones.AddFlags(flags)
	flags.StringVar(&o.Hardware, "hardware", "", "read a hardware table from `FILE` (TOML)")
	end()
	o.Image.AddFlags(flags)
	o.Phones.Permit.AddFlags(flags)
	o.Listen.AddFlags(flags)
	queriesOnly(flags)
	end = console.Group(flags, "Output")
	flags.StringVar(&o.JUnit, "junit", "", "write the answer to `FILE` as JUnit too, for CI systems")
	end()
	defer console.Group(flags, "Timing")()
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "how long to wait for a phone to accept a contact request (`DURATION`, such as 10s)")
	return cmd
}
