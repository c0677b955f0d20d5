// Package pack writes images around a payload, and descriptors beside images.
package pack

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
)

// Options are the flags of pack.
type Options struct {
	Output, Format  string
	Force, DryRun   bool
	Stated          statedOptions
	Built, Note     string
	UpdateFrom, Key string
	Name            string // OpenStage only
	Foreign         bool   // take a payload that looks like something other than an image
}

// statedOptions are the values that pack and describe state about an image.
type statedOptions struct {
	family, kind, version, levels string
	models                        []string
}

func (o *statedOptions) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Stated values")()
	flags.StringVar(&o.family, "family", "", "the phones' `FAMILY`, such as \"OpenScape Desk Phone CP\"")
	flags.StringSliceVar(&o.models, "model", nil, "a `MODEL` that the image is for; separate several with commas, or repeat the flag")
	flags.StringVar(&o.kind, "software-type", "", "the software's `TYPE`, such as \"Unify HFA\"")
	flags.StringVar(&o.version, "software-version", "", "the software's `VERSION`, such as \"V1 R9.2.0\"")
	flags.StringVar(&o.levels, "hw-levels", "", "the supported hardware `LEVELS`, such as 1-3,5; without them, rule 2 applies")
}

// A builder writes an image around a payload.
type builder func(ctx context.Context, w io.Writer, payload *io.SectionReader) error

// Run writes an image around the payload in a file, reads it back, and shows it.
func Run(ctx context.Context, con *console.Console, o Options, name string) error {
	if o.Output == "" {
		return exit.Usage("pack", "--output is missing: it names the image to write")
	}
	build, err := o.builder(ctx)
	if err != nil {
		return err
	}
	payload, size, err := openPayload(name)
	if err != nil {
		return err
	}
	defer payload.Close()
	if atomicfile.SameFile(name, o.Output) {
		return exit.Usage("pack", "--output %s is the payload itself: name another file", o.Output)
	}
	if atomicfile.SameFile(o.Key, o.Output) {
		return exit.Usage("pack", "--output %s is the key itself: name another file", o.Output)
	}
	section := io.NewSectionReader(payload, 0, size)
	content, err := bind.ReadContent(section)
	if err = errors.Join(err, images.CheckContent(content, o.Foreign)); err != nil {
		return images.Failure(name, err)
	}
	if o.DryRun {
		return packDryRun(ctx, con, o, build, section)
	}
	var im *images.Image
	err = atomicfile.Write(o.Output, o.Force, func(w io.Writer) error { return buildError(build(ctx, w, section)) },
		func(temporary string) error { // read it back as other commands do, with a descriptor next to it
			open := func(name string) (*bind.File, error) { return bind.OpenAs(temporary, name) }
			im = (&images.Loader{Console: con, Open: open}).Load(ctx, o.Output)
			if format := (*bind.FormatError)(nil); errors.As(im.Cause, &format) && format.Format == bind.Descriptor {
				return exit.New(exit.CodeImage, im.Err, "remove the descriptor next to it, which is for another image, or name another file with --output")
			}
			return im.Err
		})
	if err != nil {
		return err
	}
	for _, warning := range im.Warnings {
		con.Note("warning", o.Output, warning)
	}
	return show(con, im)
}

func packDryRun(ctx context.Context, con *console.Console, o Options, build builder, payload *io.SectionReader) error {
	if err := atomicfile.CheckOutput(o.Output, o.Force); err != nil {
		return err
	}
	count := &countingWriter{}
	if err := buildError(build(ctx, count, payload)); err != nil {
		return err
	}
	return con.Print(packDryRunDoc{true, o.Output, 1, count.n}, func(w io.Writer) {
		fmt.Fprintf(w, "would write %s, %s\n", console.Escape(o.Output), display.Bytes(count.n))
	})
}

// A packDryRunDoc is the JSON answer of pack --dry-run.
type packDryRunDoc struct {
	DryRun bool   `json:"dry_run"`
	File   string `json:"file"`
	Schema int    `json:"schema"`
	Size   int64  `json:"size_bytes"`
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
	return nil, 0, exit.New(exit.CodeImage, fmt.Errorf("payload %s: %w", name, exit.WithoutPath(err)), "name a file that can be read")
}

// buildError turns an error about a value that the format does not allow into a usage error.
func buildError(err error) error {
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		return exit.Usage("pack", "%s %s", format.Field, format.Msg)
	}
	return err
}

// builder returns the builder for the flags.
func (o *Options) builder(ctx context.Context) (builder, error) {
	version, err := optionalVersion("software-version", o.Stated.version)
	if err != nil {
		return nil, err
	}
	if version.IsZero() || o.Stated.kind == "" && o.Format == "cpb" {
		return nil, exit.Usage("pack", "--software-type and --software-version are required")
	}
	switch o.Format {
	case "cpb":
		return o.cpb(ctx, version)
	case "openstage":
		return o.openStage(version)
	}
	return nil, exit.Usage("pack", "--format %q: must be cpb or openstage", o.Format)
}

// familyOf returns the family of models that no family was stated for: that of whole device types such as "OpenStage 40", which
// become the models of it, or else the CP family.
func familyOf(models []string) (family string, names []string) {
	for _, model := range models {
		of, name := bind.SplitDevice(model)
		if of == "" || family != "" && of != family {
			return "OpenScape Desk Phone CP", models
		}
		family, names = of, append(names, name)
	}
	return cmp.Or(family, "OpenScape Desk Phone CP"), names
}

func (o *Options) cpb(ctx context.Context, version bind.Version) (builder, error) {
	b := &bind.Builder{Family: o.Stated.family, Models: o.Stated.models, SoftwareType: o.Stated.kind, Version: version, Note: o.Note}
	if b.Family == "" {
		b.Family, b.Models = familyOf(b.Models)
	}
	var err error
	if b.Levels, err = optionalLevels(o.Stated.levels); err != nil {
		return nil, err
	}
	if b.UpdateFrom, err = optionalVersion("update-from", o.UpdateFrom); err != nil {
		return nil, err
	}
	if b.Built, err = builtTime(o.Built); err != nil {
		return nil, err
	}
	if b.Key, err = readPrivateKey(ctx, o.Key); err != nil {
		return nil, err
	}
	return b.Build, nil
}

func (o *Options) openStage(version bind.Version) (builder, error) {
	if o.Stated.levels != "" || o.Key != "" || o.Note != "" || o.Built != "" || o.UpdateFrom != "" || o.Stated.family != "" || len(o.Stated.models) > 1 {
		return nil, exit.Usage("pack", "an OpenStage image has no family, levels, note, build time, --update-from or signature, and at most one --model")
	}
	b := &bind.OpenStageBuilder{Name: o.Name, Version: version, SoftwareType: o.Stated.kind}
	if len(o.Stated.models) == 1 {
		b.DeviceType = o.Stated.models[0]
	}
	if b.Name == "" {
		b.Name = cmp.Or(b.DeviceType, "OpenStage")
	}
	if (b.DeviceType == "") != (b.SoftwareType == "") {
		return nil, exit.Usage("pack", "--model and --software-type: give both or neither with --format openstage")
	}
	return func(ctx context.Context, w io.Writer, payload *io.SectionReader) error {
		if err := b.Build(ctx, w, payload); err != nil {
			if errors.Is(err, context.Canceled) {
				return err
			}
			return exit.Usage("pack", "%v", err)
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
		return v, exit.Usage("pack", "--%s: %v", flag, err)
	}
	return v, nil
}

func optionalLevels(text string) (bind.Levels, error) {
	if text == "" {
		return bind.Levels{}, nil
	}
	levels, err := bind.ParseLevels(text)
	if err != nil {
		return levels, exit.Usage("pack", "--hw-levels: %v", err)
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
		return at, exit.Usage("pack", "--built %q: must be a time, such as 2026-03-02T09:14:00Z", text)
	}
	return at, nil
}

// readPrivateKey reads a signing key, or returns nil for no name. Errors never contain the content of the file.
func readPrivateKey(ctx context.Context, name string) (ed25519.PrivateKey, error) {
	if name == "" {
		return nil, nil
	}
	text, err := atomicfile.ReadLimited(ctx, name, settings.MaxKeyFile)
	if err == nil {
		var key ed25519.PrivateKey
		if key, err = bind.ParsePrivateKey(text); err == nil {
			return key, nil
		}
	}
	return nil, exit.New(exit.CodeSettings, fmt.Errorf("private key %s: %w", name, exit.WithoutPath(err)),
		"name an Ed25519 private key in PEM, as openssl genpkey -algorithm ed25519 writes it")
}

// show prints an image that was just written or described, as inspect does.
func show(con *console.Console, im *images.Image) error {
	return con.Print(images.InspectDoc{Schema: 1, Images: []images.Doc{im.Doc()}, PassedOver: []images.PassedOver{}}, func(w io.Writer) { images.Text(w, con, im, false) })
}
