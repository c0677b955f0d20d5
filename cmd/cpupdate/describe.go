package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

type describeOptions struct {
	stated        statedOptions
	note, key     string
	force, dryRun bool
}

func newDescribe(a *app) *cobra.Command {
	var o describeOptions
	cmd := &cobra.Command{
		Use:   "describe IMAGE",
		Short: "Write a descriptor for an image without a known header",
		Long: `Write IMAGE.bind.toml next to the image. The descriptor states what an image is
whose header cannot be read; size and SHA-256 bind it to that image.

Values that the image or its file name shows are filled in; those from the file
name are marked. Flags add the other values and take precedence. With --key, the
descriptor is signed (IMAGE.bind.toml.sig): this signs an image of any format.`,
		Example: `  cpupdate describe CP20X_SIP_V1_R9_2_0.img --family "OpenScape Desk Phone CP" --model CP200,CP205 --hw-levels 1-2
  cpupdate describe --dry-run OS40_SIP_V3_R5_12_0.img`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeImages(a, 1, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return describe(cmd.Context(), a.con, a.open, o, args[0])
		},
	}
	flags := cmd.Flags()
	o.stated.addFlags(flags)
	flags.StringVar(&o.note, "note", "", "`TEXT` that is shown if the image is incompatible")
	flags.StringVar(&o.key, "key", "", "sign with the Ed25519 private key in `FILE`")
	flags.BoolVar(&o.force, "force", false, "replace an existing descriptor")
	flags.BoolVarP(&o.dryRun, "dry-run", "n", false, "print the descriptor, write nothing")
	return cmd
}

func describe(ctx context.Context, con *console, open openFunc, o describeOptions, name string) error {
	key, err := readPrivateKey(o.key)
	if err != nil {
		return err
	}
	if name == "-" {
		return usage("describe", "standard input cannot be described: a descriptor is written next to its image, so name a file")
	}
	description, err := bind.Describe(ctx, name)
	if err != nil {
		return imageFailure(name, err)
	}
	if err := o.apply(description); err != nil {
		return err
	}
	text, err := description.Marshal()
	if err != nil {
		return usage("describe", "%v", err)
	}
	if err := bind.Agree(name, text); err != nil {
		return imageFailure(name, err)
	}
	path := name + bind.DescriptorSuffix
	if sameFile(o.key, path) || sameFile(o.key, path+bind.SignatureSuffix) {
		return usage("describe", "--key %s would be overwritten: store the key under another name", o.key)
	}
	if o.dryRun {
		doc := map[string]any{"schema": 1, "dry_run": true, "file": path, "text": string(text)}
		return con.print(doc, func(w io.Writer) { fmt.Fprint(w, string(text)) })
	}
	if err := writeDescriptor(path, text, key, o.force); err != nil {
		return err
	}
	im := (&loader{con: con, open: open}).load(ctx, name)
	if im.err != nil {
		return im.err
	}
	return show(con, im)
}

// writeDescriptor writes descriptor and signature. Without a key, it removes the signature of an older descriptor, which
// would be invalid for the new one. It changes no existing file before both new files are written.
func writeDescriptor(path string, text []byte, key ed25519.PrivateKey, force bool) (err error) {
	signature := path + bind.SignatureSuffix
	if err := errors.Join(checkOutput(path, force), checkOutput(signature, force)); err != nil {
		return err
	}
	described, err := newDraft(path, writing(text))
	if err != nil {
		return err
	}
	defer described.discard(&err)
	if key == nil {
		if err := described.place(force); err != nil {
			return err
		}
		return cannotWrite(signature, ignoreMissing(os.Remove(signature)))
	}
	signed, err := newDraft(signature, writing(ed25519.Sign(key, text)))
	if err != nil {
		return err
	}
	defer signed.discard(&err)
	if err := described.place(force); err != nil {
		return err
	}
	return signed.place(force)
}

func writing(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// apply replaces values that were read from the image or its name with those of the flags.
func (o *describeOptions) apply(d *bind.Description) error {
	if o.stated.family != "" {
		d.Family = o.stated.family
	}
	if len(o.stated.models) > 0 {
		d.Models = o.stated.models
	}
	if o.note != "" {
		d.Note = o.note
	}
	version, err := optionalVersion("software-version", o.stated.version)
	if err != nil {
		return err
	}
	levels, err := optionalLevels(o.stated.levels)
	if err != nil {
		return err
	}
	if !levels.IsZero() {
		d.Levels = levels
	}
	if !version.IsZero() {
		d.Version = version
		d.FromFileName = without(d.FromFileName, "software_version")
	}
	if o.stated.kind != "" {
		d.SoftwareType = o.stated.kind
		d.FromFileName = without(d.FromFileName, "software_type")
	}
	return nil
}

func without(names []string, name string) []string {
	var out []string
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}
