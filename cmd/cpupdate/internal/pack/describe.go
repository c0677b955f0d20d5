package pack

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// DescribeOptions are the flags of describe.
type DescribeOptions struct {
	Stated        statedOptions
	Note, Key     string
	Force, DryRun bool
	Hardware      string // a hardware table besides the stored one
	Foreign       bool   // describe a file that looks like something other than an image
}

// Describe writes a descriptor beside an image, and shows the image with it.
func Describe(ctx context.Context, con *console.Console, store *settings.Store, open images.OpenFunc, o DescribeOptions, name string) error {
	key, err := readPrivateKey(ctx, o.Key)
	if err != nil {
		return err
	}
	if name == "-" {
		return exit.Usage("describe", "standard input cannot be described: a descriptor is written next to its image, so name a file")
	}
	description, err := bind.Describe(ctx, name)
	if err != nil {
		return images.Failure(name, err)
	}
	if err := images.CheckContent(description.Content, o.Foreign); err != nil {
		return images.Failure(name, err)
	}
	if err := o.apply(description); err != nil {
		return err
	}
	aboutModels, err := o.addModels(ctx, store, description)
	if err != nil {
		return err
	}
	text, err := description.Marshal()
	if err != nil {
		return exit.Usage("describe", "%v", err)
	}
	if err := bind.Agree(name, text); err != nil {
		return images.Failure(name, err)
	}
	path := name + bind.DescriptorSuffix
	if atomicfile.SameFile(o.Key, path) || atomicfile.SameFile(o.Key, path+bind.SignatureSuffix) {
		return exit.Usage("describe", "--key %s would be overwritten: store the key under another name", o.Key)
	}
	if o.DryRun {
		noteModels(con, name, aboutModels)
		if description.Content.Name != "" {
			con.Note("warning", name, "the file is "+description.Content.Name)
		}
		return con.Print(describeDryRunDoc{true, path, 1, string(text)}, func(w io.Writer) { fmt.Fprint(w, string(text)) })
	}
	if err := writeDescriptor(path, text, key, o.Force || replaceable(ctx, path, description)); err != nil {
		return err
	}
	im := (&images.Loader{Console: con, Open: open, Foreign: o.Foreign}).Load(ctx, name)
	if im.Err != nil {
		return im.Err
	}
	for _, warning := range im.Warnings {
		con.Note("warning", name, warning)
	}
	noteModels(con, name, aboutModels)
	if missing := missingFlags(im.Facts); len(missing) > 0 {
		con.Note("note", name, "the descriptor does not state everything that check compares; to add it, run describe again with the same flags and "+strings.Join(missing, ", "))
	}
	return show(con, im)
}

// maxDescriptor is the maximum size of a descriptor in bytes.
const maxDescriptor = 8 << 10

// missingFlags returns the flags of what neither the image nor its descriptor states. A CPB header states all there is.
func missingFlags(facts bind.Facts) []string {
	var missing []string
	for _, value := range []struct {
		flag  string
		known bool
	}{
		{"--family", facts.Family.Known()},
		{"--software-type", facts.SoftwareType.Known()},
		{"--software-version", facts.Version.Known()},
		{"--hw-levels", facts.Levels.Known()},
	} {
		if !value.known && facts.Format != bind.CPB {
			missing = append(missing, value.flag)
		}
	}
	return missing
}

// replaceable reports whether a new descriptor can replace the one at path without a loss: that is unsigned, is as describe
// writes it, is of the same image, and states nothing that the new one does not.
func replaceable(ctx context.Context, path string, d *bind.Description) bool {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	old, err := atomicfile.ReadLimited(ctx, path, maxDescriptor)
	if err != nil {
		return false
	}
	if _, err := os.Lstat(path + bind.SignatureSuffix); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	before, err := bind.ParseDescription(old)
	if err != nil || before.SHA256 != d.SHA256 {
		return false
	}
	if again, err := before.Marshal(); err != nil || !bytes.Equal(again, old) {
		return false
	}
	return keeps(before, d)
}

// keeps reports whether a description states every value of an older one that a person stated.
func keeps(before, d *bind.Description) bool {
	for _, name := range before.FromFileName { // not the operator's
		switch name {
		case "software_type":
			before.SoftwareType = d.SoftwareType
		case "software_version":
			before.Version = d.Version
		}
	}
	return (before.Family == "" || before.Family == d.Family) &&
		(len(before.Models) == 0 || slices.Equal(before.Models, d.Models)) &&
		(before.SoftwareType == "" || before.SoftwareType == d.SoftwareType) &&
		(before.Version.IsZero() || before.Version == d.Version) &&
		(before.Levels.IsZero() || before.Levels.Equal(d.Levels)) &&
		(before.Note == "" || before.Note == d.Note)
}

// writeDescriptor writes descriptor and signature. Without a key, it removes the signature of an older descriptor, which
// would be invalid for the new one. It changes no existing file before both new files are written.
func writeDescriptor(path string, text []byte, key ed25519.PrivateKey, force bool) (err error) {
	signature := path + bind.SignatureSuffix
	if err := errors.Join(atomicfile.CheckOutput(path, true), atomicfile.CheckOutput(signature, true)); err != nil {
		return err
	}
	if err := errors.Join(atomicfile.CheckOutput(path, force), atomicfile.CheckOutput(signature, force)); err != nil {
		return exit.New(exit.CodeUsage, err, "replace it with --force; what it states and the flags do not is lost then")
	}
	described, err := atomicfile.NewDraft(path, 0o666, atomicfile.Bytes(text))
	if err != nil {
		return atomicfile.CannotWrite(path, err)
	}
	defer described.Discard(&err)
	if key == nil {
		if err := described.Place(force); err != nil {
			return atomicfile.CannotWrite(path, err)
		}
		return atomicfile.CannotWrite(signature, atomicfile.IgnoreMissing(os.Remove(signature)))
	}
	signed, err := atomicfile.NewDraft(signature, 0o666, atomicfile.Bytes(ed25519.Sign(key, text)))
	if err != nil {
		return atomicfile.CannotWrite(signature, err)
	}
	defer signed.Discard(&err)
	if err := described.Place(force); err != nil {
		return atomicfile.CannotWrite(path, err)
	}
	return atomicfile.CannotWrite(signature, signed.Place(force))
}

// apply replaces values that were read from the image or its name with those of the flags.
func (o *DescribeOptions) apply(d *bind.Description) error {
	if o.Stated.family != "" {
		d.Family = o.Stated.family
	}
	if len(o.Stated.models) > 0 {
		d.Models = o.Stated.models
	}
	if o.Note != "" {
		d.Note = o.Note
	}
	version, err := optionalVersion("software-version", o.Stated.version)
	if err != nil {
		return err
	}
	levels, err := optionalLevels(o.Stated.levels)
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
	if o.Stated.kind != "" {
		d.SoftwareType = o.Stated.kind
		d.FromFileName = without(d.FromFileName, "software_type")
	}
	return nil
}

// without returns the texts that are none of the others.
func without(names []string, others ...string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(others, n) {
			out = append(out, n)
		}
	}
	return out
}

// A describeDryRunDoc is the JSON answer of describe --dry-run.
type describeDryRunDoc struct {
	DryRun bool   `json:"dry_run"`
	File   string `json:"file"`
	Schema int    `json:"schema"`
	Text   string `json:"text"`
}
