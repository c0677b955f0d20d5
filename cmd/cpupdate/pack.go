package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/pack"
)

func newPack(a *app) *cobra.Command {
	var o pack.Options
	cmd := &cobra.Command{
		Use:   "pack PAYLOAD --output IMAGE",
		Short: "Build an image in this project's own format (CPB)",
		Long: `Build a CPB image around any payload: for tests, demonstrations, and for whoever
builds images and wants them checked before they are sent. No phone of the
vendor is known to take this format: docs/bind-format.md.

The image is written whole or not at all, and read back before it gets its name.
With --key it is signed (Ed25519, PEM PKCS#8, as openssl genpkey makes it).

--format openstage builds an image in the layout that public programs observed in
OpenStage images, for tests: it states a name, a version, and with --model and
--software-type a trailer.`,
		Example: `  cpupdate pack app.bin -o cp600.bind --model CP600 --software-type "Unify HFA" --software-version "V1 R9.2.0" --hw-levels 1-3,5
  cpupdate pack app.bin -o os40.img --format openstage --model "OpenStage 40" --software-type "Siemens SIP" --software-version "V3 R5.12.0"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return pack.Run(cmd.Context(), a.con, o, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "", "the `IMAGE` to write (required)")
	flags.StringVar(&o.Format, "format", "cpb", "cpb or openstage")
	o.Stated.AddFlags(flags)
	flags.StringVar(&o.Built, "built", "", "when it was built: a `TIME` such as 2026-03-02T09:14:00Z, or now")
	flags.StringVar(&o.Note, "note", "", "`TEXT` that is shown with a refusal")
	flags.StringVar(&o.UpdateFrom, "update-from", "", "the lowest `VERSION` to update from")
	flags.StringVar(&o.Key, "key", "", "sign with the Ed25519 private key in `FILE`")
	flags.StringVar(&o.Name, "platform", "", "the `NAME` in an OpenStage header (default: the model)")
	flags.BoolVar(&o.Force, "force", false, "replace an image that exists")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "check everything and write nothing")
	return cmd
}
