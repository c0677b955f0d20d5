package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/pack"
)

func newDescribe(a *app) *cobra.Command {
	var o pack.DescribeOptions
	cmd := &cobra.Command{
		Use:   "describe IMAGE",
		Short: "Write a descriptor for an image without a known header",
		Long: `Write IMAGE.bind.toml next to the image. The descriptor states what an image is
whose header cannot be read; size and SHA-256 bind it to that image.

Values that the image or its file name shows are filled in; those from the file
name are marked. If the image names one model, and the hardware table says that
others take the same image, these are filled in too. Flags add the other values and take precedence. With --key, the
descriptor is signed (IMAGE.bind.toml.sig): this signs an image of any format.`,
		Example: `  cpupdate describe CP20X_SIP_V1_R9_2_0.img --family "OpenScape Desk Phone CP" --model CP200,CP205 --hw-levels 1-2
  cpupdate describe --dry-run OS40_SIP_V3_R5_12_0.img`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeImages(a, 1, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pack.Describe(cmd.Context(), a.con, a.store, a.open, o, args[0])
		},
	}
	flags := cmd.Flags()
	o.Stated.AddFlags(flags)
	end := console.Group(flags, "Stated values")
	flags.StringVar(&o.Note, "note", "", "`TEXT` that is shown if the image is incompatible")
	end()
	end = console.Group(flags, "Image")
	images.AddForeignFlag(flags, &o.Foreign)
	end()
	end = console.Group(flags, "Stated values")
	flags.StringVar(&o.Hardware, "hardware", "", "read a hardware table from `FILE` (TOML): its classes say which models take the same image")
	end()
	defer console.Group(flags, "Output")()
	flags.StringVar(&o.Key, "key", "", "sign with the Ed25519 private key in `FILE`")
	flags.BoolVar(&o.Force, "force", false, "replace an existing descriptor")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "print the descriptor, write nothing")
	return cmd
}
