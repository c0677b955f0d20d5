package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

type inspectOptions struct {
	image         imageOptions
	bytes, sha256 bool
}

func newInspect(a *app) *cobra.Command {
	var o inspectOptions
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
			return inspect(cmd.Context(), a.con, a.store, a.open, o, args)
		},
	}
	o.image.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.bytes, "bytes", false, "show the bytes of header and trailer with the fields marked")
	cmd.Flags().BoolVar(&o.sha256, "sha256", false, "compute the SHA-256 of the whole file, as sha256sum prints it")
	return cmd
}

// An inspectDoc is the JSON answer of inspect.
type inspectDoc struct {
	Schema     int          `json:"schema"`
	Images     []imageDoc   `json:"images"`
	PassedOver []passedOver `json:"passed_over"`
}

func inspect(ctx context.Context, con *console, store *settingsStore, open openFunc, o inspectOptions, args []string) error {
	if err := onceStdin("inspect", args); err != nil {
		return err
	}
	if o.sha256 && o.image.headerOnly {
		return usage("inspect", "--sha256 and --header-only: choose one; --sha256 reads the whole image")
	}
	l, err := newLoader(con, store, open, o.image)
	if err != nil {
		return err
	}
	l.sha256 = o.sha256
	all, err := targets(args)
	if err != nil {
		return err
	}
	doc := inspectDoc{Schema: 1, Images: []imageDoc{}, PassedOver: []passedOver{}}
	var bad []*image
	shown := 0
	passed, loadErr := l.loadAll(ctx, all, func(im *image) error {
		if im.err != nil {
			bad = append(bad, im)
		}
		if con.json {
			doc.Images = append(doc.Images, im.doc())
			return nil
		}
		if len(all) == 1 && !im.readable {
			return nil // the error says everything
		}
		shown++
		return con.print(nil, func(w io.Writer) {
			if shown > 1 {
				fmt.Fprintln(w)
			}
			inspectText(w, con, im, o.bytes)
		})
	})
	if errors.Is(loadErr, context.Canceled) {
		return loadErr
	}
	if con.json {
		doc.PassedOver = append(doc.PassedOver, passed...)
		if err := con.print(doc, nil); err != nil {
			return err
		}
	}
	if loadErr != nil {
		return loadErr
	}
	return badImages(bad, len(all)-len(passed))
}

// onceStdin rejects arguments that name standard input more than once.
func onceStdin(command string, args []string) error {
	count := 0
	for _, arg := range args {
		if arg == "-" {
			count++
		}
	}
	if count > 1 {
		return usage(command, "standard input (-) is named %d times, but can be read only once", count)
	}
	return nil
}
