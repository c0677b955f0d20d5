package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/inspect"
)

func newInspect(a *app) *cobra.Command {
	var o inspect.Options
	cmd := &cobra.Command{
		Use:   "inspect IMAGE...",
		Short: "Show what an image says about itself, and whether it is intact",
		Long: `Show all values that an image states, where each value comes from, and whether the
image is intact: lengths, checksums, digest, signature.

IMAGE is a file, a folder of images, or - for standard input. Files in a folder
that are not images are passed over, with a line on standard error.

With -v, each field is listed with its offset in the file; --bytes shows the bytes
of the header with the fields marked. The exit code is 3 if an image is damaged,
not trusted, or not an image.`,
		Example: `  cpupdate inspect cp600.bind
  cpupdate inspect --header-only images/
  cat cp600.bind | cpupdate inspect -
  cpupdate inspect --json cp600.bind | jq -r '.images[0].software_version'`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeImages(a, 0, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return inspect.Run(cmd.Context(), a.con, a.store, a.open, o, args)
		},
	}
	o.Image.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.Bytes, "bytes", false, "show the bytes of header and trailer with the fields marked")
	cmd.Flags().BoolVar(&o.SHA256, "sha256", false, "compute the SHA-256 of the whole file, as sha256sum prints it")
	return cmd
}
