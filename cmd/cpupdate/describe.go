package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/pack"
)

func newDescribe(a *app) *cobra.Command {
	var o pack.DescribeOptions
	cmd := &cobra.Command{
		Use:   "describe IMAGE",
		Short: "Write a descriptor: state what an image without a known header is",
		Long: `Write IMAGE.bind.toml beside the image: what somebody states about an image whose
own header cannot be read, tied to it by size and SHA-256.

What the image or its name shows is filled in, and what comes from the name is
marked so; the rest comes from flags, which win. With --key the descriptor is
signed too (IMAGE.bind.toml.sig), which signs any image, whatever its format.`,
		Example: `  cpupdate describe CP20X_SIP_V1_R9_2_0.img --family "OpenScape Desk Phone CP" --model CP200,CP205 --hw-levels 1-2
  cpupdate describe --dry-run OS40_SIP_V3_R5_12_0.img`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeImages(a, 1, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pack.Describe(cmd.Context(), a.con, a.open, o, args[0])
		},
	}
	flags := cmd.Flags()
	o.Stated.AddFlags(flags)
	flags.StringVar(&o.Note, "note", "", "`TEXT` that is shown with a refusal")
	flags.StringVar(&o.Key, "key", "", "sign with the Ed25519 private key in `FILE`")
	flags.BoolVar(&o.Force, "force", false, "replace a descriptor that exists")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "print the descriptor and write nothing")
	return cmd
}
