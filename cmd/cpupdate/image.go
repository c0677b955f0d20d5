package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// imageOptions say how images are read and which signatures they need; inspect, check and push share them.
type imageOptions struct {
	headerOnly       bool
	trustedKeys      []string
	requireSignature bool
}

func (o *imageOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Image")()
	flags.BoolVar(&o.headerOnly, "header-only", false, "read the header only; do not verify the payload's digest")
	o.addTrustFlags(flags)
}

func (o *imageOptions) addTrustFlags(flags *pflag.FlagSet) {
	defer group(flags, "Image")()
	flags.StringArrayVar(&o.trustedKeys, "trusted-key", nil, "trust the Ed25519 public key in `FILE` (PEM) in addition to the stored keys; may be repeated")
	flags.BoolVar(&o.requireSignature, "require-signature", false, "accept only an image that is signed by a trusted key")
}

// A loader reads images as the options say.
type loader struct {
	con        *console
	open       func(name string) (*bind.File, error)
	headerOnly bool
	sha256     bool // always compute the digest of the whole file
	keys       []bind.PublicKey
	policy     hwcheck.Policy // only what the rule image-intact needs
}

func newLoader(con *console, store *settingsStore, open openFunc, o imageOptions) (*loader, error) {
	keys, err := store.storedKeys()
	if err != nil {
		return nil, err
	}
	for _, name := range o.trustedKeys {
		key, err := readPublicKey(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	// With a trusted key, a signature is required: otherwise an attacker could remove the signature.
	policy := hwcheck.Policy{RequireSignature: o.requireSignature || len(keys) > 0}
	return &loader{con: con, open: open, headerOnly: o.headerOnly, keys: keys, policy: policy}, nil
}

// An image is one image as far as it could be read. err is set if something is wrong with it; facts are set anyway if
// readable is true.
type image struct {
	name     string
	facts    bind.Facts
	fields   []bind.Field
	readable bool
	err      error // with name, exit code and hint
	cause    error // the error that err wraps
	warnings []string
}

// failed records what is wrong with the image.
func (im *image) failed(cause error) *image {
	if cause != nil {
		im.cause, im.err = cause, imageFailure(im.name, cause)
	}
	return im
}

// load reads one image and closes the file.
func (l *loader) load(ctx context.Context, name string) *image {
	f, im := l.look(ctx, name)
	if f != nil {
		_ = f.Close() // nothing was written
	}
	return im
}

// look reads one image and leaves the file open.
func (l *loader) look(ctx context.Context, name string) (*bind.File, *image) {
	im := &image{name: name}
	f, err := l.openImage(ctx, name)
	if err != nil {
		return nil, im.failed(err)
	}
	f.CheckSignature(l.keys)
	if l.sha256 {
		f.WantSHA256()
	}
	if !l.headerOnly {
		err = f.Verify(ctx)
	}
	im.facts, im.fields = f.Facts(), f.Fields()
	im.readable = err == nil || im.facts.Integrity.Digest == bind.Wrong
	if name != "-" {
		im.warnings = bind.NameWarnings(name, im.facts)
	}
	if err == nil {
		err = l.intact(im.facts)
	}
	return f, im.failed(err)
}

func (l *loader) openImage(ctx context.Context, name string) (*bind.File, error) {
	if name == "-" && l.con.inTerminal {
		return nil, errTerminal
	}
	if name == "-" {
		return bind.NewStream(interruptible(ctx, l.con.in))
	}
	return l.open(name)
}

// errTerminal reports that standard input is a terminal: the program would wait for input that nobody sends.
var errTerminal = errors.New("is a terminal")

// intact returns an error for an image whose signature does not satisfy the policy.
func (l *loader) intact(facts bind.Facts) error {
	finding := hwcheck.Intact(facts, l.policy)
	if finding.Outcome != hwcheck.Fail {
		return nil
	}
	return &untrustedError{finding}
}

// An untrustedError reports an image that is complete but not signed as required.
type untrustedError struct{ finding hwcheck.Finding }

func (e *untrustedError) Error() string {
	return e.finding.Reason + ", and the image is: " + e.finding.Image.Value
}

// isBind reports whether the file is meant to be an image, even if it is damaged.
func (im *image) isBind() bool {
	var kind *bind.NotRegularError
	return !errors.Is(im.err, bind.ErrNotBind) && !errors.Is(im.err, bind.ErrEmpty) && !errors.As(im.err, &kind)
}

// A target is one image to read; inFolder says that it was found in a folder, not named itself.
type target struct {
	name     string
	inFolder bool
}

// targets returns the images that the arguments name; a folder means the files in it.
func targets(args []string) ([]target, error) {
	var out []target
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == "-" || err != nil || !info.IsDir() {
			out = append(out, target{arg, false})
			continue
		}
		found, err := filesIn(arg)
		if err != nil {
			return nil, imageFailure(arg, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// filesIn lists a folder sorted by name. It leaves out the descriptors and signatures of images in the folder.
func filesIn(folder string) ([]target, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(entries) == 0 {
		return nil, errEmptyFolder
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	var out []target
	for _, name := range names {
		owner, beside := strings.CutSuffix(strings.TrimSuffix(name, bind.SignatureSuffix), bind.DescriptorSuffix)
		if beside && slices.Contains(names, owner) {
			continue
		}
		path := filepath.Join(folder, name)
		if path == "-" { // a file of this name, not standard input
			path = "." + string(filepath.Separator) + path
		}
		out = append(out, target{path, true})
	}
	return out, nil
}

// loadAll reads the targets one after another and calls look for each. It skips files in a folder that are not images
// and returns their names with the reasons. It returns an error if no image is left.
func (l *loader) loadAll(ctx context.Context, all []target, look func(*image) error) ([]passedOver, error) {
	var passed []passedOver
	for _, t := range all {
		im := l.load(ctx, t.name)
		if errors.Is(im.err, context.Canceled) {
			return passed, im.err
		}
		if t.inFolder && !im.isBind() {
			passed = append(passed, passedOver{t.name, im.cause.Error()})
			l.con.note("passed over", t.name, im.cause.Error())
			continue
		}
		for _, warning := range im.warnings {
			l.con.note("warning", t.name, warning)
		}
		if err := look(im); err != nil {
			return passed, err
		}
	}
	if len(passed) == len(all) {
		return passed, failf(codeImage, "name a folder that contains images", "no image found: %s passed over", plural(len(passed), "file"))
	}
	return passed, nil
}

// A passedOver is a file that was skipped because it is not an image.
type passedOver struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// badImages returns one error for several bad images, or the error of the only image.
func badImages(bad []*image, total int) error {
	if len(bad) == 0 {
		return nil
	}
	if total == 1 {
		return bad[0].err
	}
	var names []string
	for _, im := range bad {
		names = append(names, displayName(im.name))
	}
	return fail(codeImage, fmt.Errorf("%d of %s cannot be used: %s", len(bad), plural(total, "image"), strings.Join(names, ", ")),
		"see the output for what is wrong with each; inspect one image alone for a hint")
}
