package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

type packOptions struct {
	output, format  string
	force, dryRun   bool
	stated          statedOptions
	built, note     string
	updateFrom, key string
	name            string // OpenStage only
}

// statedOptions are the values that pack and describe state about an image.
type statedOptions struct {
	family, kind, version, levels string
	models                        []string
}

func (o *statedOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Stated values")()
	flags.StringVar(&o.family, "family", "", "the phones' `FAMILY`, such as \"OpenScape Desk Phone CP\"")
	flags.StringSliceVar(&o.models, "model", nil, "a `MODEL` that the image is for; separate several with commas, or repeat the flag")
	flags.StringVar(&o.kind, "software-type", "", "the software's `TYPE`, such as \"Unify HFA\"")
	flags.StringVar(&o.version, "software-version", "", "the software's `VERSION`, such as \"V1 R9.2.0\"")
	flags.StringVar(&o.levels, "hw-levels", "", "the supported hardware `LEVELS`, such as 1-3,5; without them, rule 2 applies")
}

func newPack(a *app) *cobra.Command {
	var o packOptions
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
		RunE: func(cmd *cobra.Command, args []string) error { return pack(cmd.Context(), a.con, o, args[0]) },
	}
	flags := cmd.Flags()
	end := group(flags, "Output")
	flags.StringVarP(&o.output, "output", "o", "", "the `IMAGE` to write (required)")
	flags.StringVar(&o.format, "format", "cpb", "the image format: `cpb|openstage`")
	flags.StringVar(&o.key, "key", "", "sign with the Ed25519 private key in `FILE`")
	flags.BoolVar(&o.force, "force", false, "replace an existing image")
	flags.BoolVarP(&o.dryRun, "dry-run", "n", false, "check everything, write nothing")
	end()
	defer group(flags, "Stated values")()
	o.stated.addFlags(flags)
	flags.StringVar(&o.updateFrom, "update-from", "", "the lowest `VERSION` from which phones can update")
	flags.StringVar(&o.built, "built", "", "the `TIME` of the build, such as 2026-03-02T09:14:00Z, or now")
	flags.StringVar(&o.note, "note", "", "`TEXT` that is shown if the image is incompatible")
	flags.StringVar(&o.name, "platform", "", "the `NAME` in an OpenStage header (default: the model)")
	return cmd
}

// A builder writes an image around a payload.
type builder func(ctx context.Context, w io.Writer, payload *io.SectionReader) error

func pack(ctx context.Context, con *console, o packOptions, name string) error {
	if o.output == "" {
		return usage("pack", "--output is missing: it names the image to write")
	}
	build, err := o.builder()
	if err != nil {
		return err
	}
	payload, size, err := openPayload(name)
	if err != nil {
		return err
	}
	defer payload.Close()
	if sameFile(name, o.output) {
		return usage("pack", "--output %s is the payload itself: name another file", o.output)
	}
	if sameFile(o.key, o.output) {
		return usage("pack", "--output %s is the key itself: name another file", o.output)
	}
	section := io.NewSectionReader(payload, 0, size)
	if o.dryRun {
		return packDryRun(ctx, con, o, build, section)
	}
	var im *image
	err = writeFile(o.output, o.force, func(w io.Writer) error { return buildError(build(ctx, w, section)) },
		func(temporary string) error { // read it back as other commands do, with a descriptor next to it
			open := func(name string) (*bind.File, error) { return bind.OpenAs(temporary, name) }
			im = (&loader{con: con, open: open}).load(ctx, o.output)
			if format := (*bind.FormatError)(nil); errors.As(im.cause, &format) && format.Format == bind.Descriptor {
				return fail(codeImage, im.err, "remove the descriptor next to it, which is for another image, or name another file with --output")
			}
			return im.err
		})
	if err != nil {
		return err
	}
	return show(con, im)
}

func packDryRun(ctx context.Context, con *console, o packOptions, build builder, payload *io.SectionReader) error {
	if err := checkOutput(o.output, o.force); err != nil {
		return err
	}
	count := &countingWriter{}
	if err := buildError(build(ctx, count, payload)); err != nil {
		return err
	}
	return con.print(map[string]any{"schema": 1, "dry_run": true, "file": o.output, "size_bytes": count.n}, func(w io.Writer) {
		fmt.Fprintf(w, "would write %s, %s\n", escape(o.output), bytesText(count.n))
	})
}

// A countingWriter counts what is written to it.
type countingWriter struct{ n int64 }

func (c *countingWriter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// openPayload opens the payload, which must be a file because it is read twice.
func openPayload(name string) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a file")
	}
	if err == nil {
		var f *os.File
		if f, err = os.Open(name); err == nil {
			return f, info.Size(), nil
		}
	}
	return nil, 0, fail(codeImage, fmt.Errorf("payload %s: %w", name, withoutPath(err)), "name a file that can be read")
}

// sameFile reports whether both names lead to the same existing file.
func sameFile(one, other string) bool {
	first, errFirst := os.Stat(one)
	second, errSecond := os.Stat(other)
	return errFirst == nil && errSecond == nil && os.SameFile(first, second)
}

// buildError turns an error about a value that the format does not allow into a usage error.
func buildError(err error) error {
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		return usage("pack", "%s %s", format.Field, format.Msg)
	}
	return err
}

// builder returns the builder for the flags.
func (o *packOptions) builder() (builder, error) {
	version, err := optionalVersion("software-version", o.stated.version)
	if err != nil {
		return nil, err
	}
	if version.IsZero() || o.stated.kind == "" && o.format == "cpb" {
		return nil, usage("pack", "--software-type and --software-version are required")
	}
	switch o.format {
	case "cpb":
		return o.cpb(version)
	case "openstage":
		return o.openStage(version)
	}
	return nil, usage("pack", "--format %q: must be cpb or openstage", o.format)
}

func (o *packOptions) cpb(version bind.Version) (builder, error) {
	b := &bind.Builder{Family: o.stated.family, Models: o.stated.models, SoftwareType: o.stated.kind, Version: version, Note: o.note}
	if b.Family == "" {
		b.Family = "OpenScape Desk Phone CP"
	}
	var err error
	if b.Levels, err = optionalLevels(o.stated.levels); err != nil {
		return nil, err
	}
	if b.UpdateFrom, err = optionalVersion("update-from", o.updateFrom); err != nil {
		return nil, err
	}
	if b.Built, err = builtTime(o.built); err != nil {
		return nil, err
	}
	if b.Key, err = readPrivateKey(o.key); err != nil {
		return nil, err
	}
	return b.Build, nil
}

func (o *packOptions) openStage(version bind.Version) (builder, error) {
	if o.stated.levels != "" || o.key != "" || o.note != "" || o.built != "" || o.updateFrom != "" || o.stated.family != "" || len(o.stated.models) > 1 {
		return nil, usage("pack", "an OpenStage image has no family, levels, note, build time, --update-from or signature, and at most one --model")
	}
	b := &bind.OpenStageBuilder{Name: o.name, Version: version, SoftwareType: o.stated.kind}
	if len(o.stated.models) == 1 {
		b.DeviceType = o.stated.models[0]
	}
	if b.Name == "" {
		b.Name = cmp.Or(b.DeviceType, "OpenStage")
	}
	if (b.DeviceType == "") != (b.SoftwareType == "") {
		return nil, usage("pack", "--model and --software-type: give both or neither with --format openstage")
	}
	return func(ctx context.Context, w io.Writer, payload *io.SectionReader) error {
		if err := b.Build(ctx, w, payload); err != nil {
			if errors.Is(err, context.Canceled) {
				return err
			}
			return usage("pack", "%v", err)
		}
		return nil
	}, nil
}

func optionalVersion(flag, text string) (bind.Version, error) {
	if text == "" {
		return bind.Version{}, nil
	}
	v, err := bind.ParseVersion(text)
	if err != nil {
		return v, usage("pack", "--%s: %v", flag, err)
	}
	return v, nil
}

func optionalLevels(text string) (bind.Levels, error) {
	if text == "" {
		return bind.Levels{}, nil
	}
	levels, err := bind.ParseLevels(text)
	if err != nil {
		return levels, usage("pack", "--hw-levels: %v", err)
	}
	return levels, nil
}

func builtTime(text string) (time.Time, error) {
	switch text {
	case "":
		return time.Time{}, nil
	case "now":
		return time.Now(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Unix() < 0 {
		return at, usage("pack", "--built %q: must be a time, such as 2026-03-02T09:14:00Z", text)
	}
	return at, nil
}

// readPrivateKey reads a signing key, or returns nil for no name. Errors never contain the content of the file.
func readPrivateKey(name string) (ed25519.PrivateKey, error) {
	if name == "" {
		return nil, nil
	}
	text, err := readLimited(name, maxKeyFile)
	if err == nil {
		var key ed25519.PrivateKey
		if key, err = bind.ParsePrivateKey(text); err == nil {
			return key, nil
		}
	}
	return nil, fail(codeSettings, fmt.Errorf("private key %s: %w", name, withoutPath(err)),
		"name an Ed25519 private key in PEM, as openssl genpkey -algorithm ed25519 writes it")
}

// show prints an image that was just written or described, as inspect does.
func show(con *console, im *image) error {
	return con.print(inspectDoc{1, []imageDoc{im.doc()}, []passedOver{}}, func(w io.Writer) { inspectText(w, con, im, false) })
}
