package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/pack"
)

func newPack(a *app) *cobra.Command {
	var o pack.Options
	cmd := &cobra.Command{
		Use:   "pack PAYLOAD --output IMAGE",
		Short: "Build an image in this project's own format (CPB)",
		Long: `Build a CPB image from any payload: for tests, for demonstrations, and for builders
whose images are to be checked before they are sent. No phone of the vendor is
known to accept this format: docs/bind-format.md.

The image is written completely or not at all, and is read back before it gets its
name. With --key it is signed (Ed25519, PEM PKCS#8, as openssl genpkey writes it).

For tests, --format openstage builds an image in the layout that public programs
have observed in OpenStage images: it states a name, a version, and with --model
and --software-type a trailer.`,
		Example: `  cpupdate pack app.bin -o cp600.bind --model CP600 --software-type "Unify HFA" --software-version "V1 R9.2.0" --hw-levels 1-3,5
  cpupdate pack app.bin -o os40.img --format openstage --model "OpenStage 40" --software-type "Siemens SIP" --software-version "V3 R5.12.0"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return pack.Run(cmd.Context(), a.con, o, args[0]) },
	}
	flags := cmd.Flags()
	end := console.Group(flags, "Output")
	flags.StringVarP(&o.Output, "output", "o", "", "the `IMAGE` to write (required)")
	flags.StringVar(&o.Format, "format", "cpb", "the image format: `cpb|openstage`")
	flags.StringVar(&o.Key, "key", "", "sign with the Ed25519 private key in `FILE`")
	images.AddForeignFlag(flags, &o.Foreign)
	flags.BoolVar(&o.Force, "force", false, "replace an existing image")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "check everything, write nothing")
	end()
	defer console.Group(flags, "Stated values")()
	o.Stated.AddFlags(flags)
	flags.StringVar(&o.UpdateFrom, "update-from", "", "the lowest `VERSION` from which phones can update")
	flags.StringVar(&o.Built, "built", "", "the `TIME` of the build, such as 2026-03-02T09:14:00Z, or now")
	flags.StringVar(&o.Note, "note", "", "`TEXT` that is shown if the image is incompatible")
	flags.StringVar(&o.Name, "platform", "", "the `NAME` in an OpenStage header (default: the model)")
	return cmd
}
