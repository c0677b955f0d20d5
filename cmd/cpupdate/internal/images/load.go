package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Options say how images are read and which signatures they need; inspect, check and push share them.
type Options struct {
	HeaderOnly       bool
	trustedKeys      []string
	requireSignature bool
	AllowForeign     bool
}

// AddFlags declares the flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Image")()
	flags.BoolVar(&o.HeaderOnly, "header-only", false, "read the header only; do not verify the payload's digest")
	o.AddTrustFlags(flags)
}

// AddForeignFlag declares the flag that accepts a file of another kind.
func AddForeignFlag(flags *pflag.FlagSet, value *bool) {
	defer console.Group(flags, "Image")()
	flags.BoolVar(value, "allow-foreign", false, "accept a file that looks like something other than an image, such as a ZIP archive or a web page")
}

// AddTrustFlags declares those that say which images are accepted.
func (o *Options) AddTrustFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Image")()
	flags.StringArrayVar(&o.trustedKeys, "trusted-key", nil, "trust the Ed25519 public key in `FILE` (PEM) in addition to the stored keys; may be repeated")
	flags.BoolVar(&o.requireSignature, "require-signature", false, "accept only an image that is signed by a trusted key")
	AddForeignFlag(flags, &o.AllowForeign)
}

// A Loader reads images as the options say.
type Loader struct {
	Console    *console.Console
	Open       func(name string) (*bind.File, error)
	HeaderOnly bool
	SHA256     bool // always compute the digest of the whole file
	Foreign    bool // accept a described file that looks like something other than an image
	Seal       bool // the image will be sent: what is read of it later must be what is verified now
	keys       []bind.PublicKey
	Policy     hwcheck.Policy // only what the rule image-intact needs
}

// NewLoader returns a loader that accepts the stored keys and those that the options name.
func NewLoader(ctx context.Context, con *console.Console, store *settings.Store, open OpenFunc, o Options) (*Loader, error) {
	keys, err := store.TrustedKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range o.trustedKeys {
		key, err := settings.ReadPublicKey(ctx, name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	// With a trusted key, a signature is required: otherwise an attacker could remove the signature.
	policy := hwcheck.Policy{RequireSignature: o.requireSignature || len(keys) > 0}
	return &Loader{Console: con, Open: open, HeaderOnly: o.HeaderOnly, Foreign: o.AllowForeign, keys: keys, Policy: policy}, nil
}

// An Image is one image as far as it could be read. err is set if something is wrong with it; facts are set anyway if
// readable is true.
type Image struct {
	Name     string
	Facts    bind.Facts
	fields   []bind.Field
	Readable bool
	Err      error // with name, exit code and hint
	Cause    error // the error that err wraps
	Warnings []string
}

// failed records what is wrong with the image.
func (im *Image) failed(cause error) *Image {
	if cause != nil {
		im.Cause, im.Err = cause, Failure(im.Name, cause)
	}
	return im
}

// Load reads one image and closes the file.
func (l *Loader) Load(ctx context.Context, name string) *Image {
	f, im := l.LoadOpen(ctx, name)
	if f != nil {
		_ = f.Close() // nothing was written
	}
	return im
}

// LoadOpen reads one image and leaves the file open.
func (l *Loader) LoadOpen(ctx context.Context, name string) (*bind.File, *Image) {
	im := &Image{Name: name}
	f, err := l.openImage(ctx, name)
	if err != nil {
		return nil, im.failed(err)
	}
	content := f.Facts().Content
	if err := CheckContent(content, l.Foreign); err != nil {
		return nil, im.failed(errors.Join(err, f.Close()))
	}
	f.CheckSignature(l.keys)
	if l.SHA256 {
		f.WantSHA256()
	}
	switch {
	case l.Seal && (!l.HeaderOnly || !f.StatesDigest()): // with HeaderOnly a stated digest is compared while the image is sent
		err = f.Seal(ctx)
	case !l.HeaderOnly:
		err = f.Verify(ctx)
	}
	im.Facts, im.fields = f.Facts(), f.Fields()
	im.Readable = err == nil || im.Facts.Integrity.Digest == bind.Wrong || im.Facts.Integrity.Kernel == bind.Wrong
	if name != "-" {
		im.Warnings = bind.NameWarnings(name, im.Facts)
	}
	im.Warnings = append(im.Warnings, im.Facts.Warnings()...)
	if content.Name != "" {
		im.Warnings = append(im.Warnings, "the file is "+content.Name)
	}
	if err == nil {
		err = l.intact(im.Facts)
	}
	return f, im.failed(err)
}

func (l *Loader) openImage(ctx context.Context, name string) (*bind.File, error) {
	if name == "-" && l.Console.InTerminal {
		return nil, errTerminal
	}
	if name == "-" {
		return bind.NewStream(console.Interruptible(ctx, l.Console.In))
	}
	return l.Open(name)
}

// CheckContent refuses content of another kind, unless it is allowed or may be an image.
func CheckContent(content bind.Content, allowed bool) error {
	if content.Name == "" || content.MayBeImage || allowed {
		return nil
	}
	return &foreignError{content}
}

// A foreignError reports a file that is described as an image and looks like something else.
type foreignError struct{ content bind.Content }

func (e *foreignError) Error() string { return "not an image: the file is " + e.content.Name }

// errTerminal reports that standard input is a terminal: the program would wait for input that nobody sends.
var errTerminal = errors.New("is a terminal")

// intact returns an error for an image whose signature does not satisfy the policy.
func (l *Loader) intact(facts bind.Facts) error {
	finding := hwcheck.Intact(facts, l.Policy)
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
func (im *Image) isBind() bool {
	var kind *bind.NotRegularError
	return !errors.Is(im.Err, bind.ErrNotBind) && !errors.Is(im.Err, bind.ErrEmpty) && !errors.As(im.Err, &kind)
}

// A Target is one image to read; inFolder says that it was found in a folder, not named itself.
type Target struct {
	name     string
	InFolder bool
}

// Targets returns the images that the arguments name; a folder means the files in it.
func Targets(args []string) ([]Target, error) {
	var out []Target
	if runtime.GOOS == "windows" {
		args = expanded(args)
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == "-" || err != nil || !info.IsDir() {
			out = append(out, Target{arg, false})
			continue
		}
		found, err := filesIn(arg)
		if err != nil {
			return nil, Failure(arg, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// expanded replaces each pattern, such as *.bind, by the names that it matches, as shells do everywhere but on Windows. A file
// of that very name, and a pattern that matches nothing, stay.
func expanded(args []string) []string {
	var out []string
	for _, arg := range args {
		found := []string{arg}
		if _, err := os.Lstat(arg); err != nil && strings.ContainsAny(arg, "*?[") {
			if names, err := filepath.Glob(arg); err == nil && len(names) > 0 {
				found = names
			}
		}
		out = append(out, found...)
	}
	return out
}

// filesIn lists a folder sorted by name. It leaves out the descriptors and signatures of images in the folder.
func filesIn(folder string) ([]Target, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, exit.WithoutPath(err)
	}
	if len(entries) == 0 {
		return nil, errEmptyFolder
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	var out []Target
	for _, name := range names {
		owner, beside := strings.CutSuffix(strings.TrimSuffix(name, bind.SignatureSuffix), bind.DescriptorSuffix)
		if beside && slices.Contains(names, owner) {
			continue
		}
		path := filepath.Join(folder, name)
		if path == "-" { // a file of this name, not standard input
			path = "." + string(filepath.Separator) + path
		}
		out = append(out, Target{path, true})
	}
	return out, nil
}

// LoadAll reads the targets one after another and calls look for each. It skips files in a folder that are not images
// and returns their names with the reasons. It returns an error if no image is left.
func (l *Loader) LoadAll(ctx context.Context, all []Target, each func(*Image) error) ([]PassedOver, error) {
	var passed []PassedOver
	for _, t := range all {
		im := l.Load(ctx, t.name)
		if errors.Is(im.Err, context.Canceled) {
			return passed, im.Err
		}
		if t.InFolder && !im.isBind() {
			passed = append(passed, PassedOver{t.name, im.Cause.Error()})
			l.Console.Note("passed over", t.name, im.Cause.Error())
			continue
		}
		for _, warning := range im.Warnings {
			l.Console.Note("warning", t.name, warning)
		}
		if err := each(im); err != nil {
			return passed, err
		}
	}
	if len(passed) == len(all) {
		return passed, exit.Errorf(exit.CodeImage, "name a folder that contains images", "no image found: %s passed over", display.Plural(len(passed), "file"))
	}
	return passed, nil
}

// A PassedOver is a file that was skipped because it is not an image.
type PassedOver struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// BadImages returns one error for several bad images, or the error of the only image.
func BadImages(bad []*Image, total int) error {
	if len(bad) == 0 {
		return nil
	}
	if total == 1 {
		return bad[0].Err
	}
	var names []string
	for _, im := range bad {
		names = append(names, DisplayName(im.Name))
	}
	return exit.New(exit.CodeImage, fmt.Errorf("%d of %s cannot be used: %s", len(bad), display.Plural(total, "image"), strings.Join(names, ", ")),
		"see the output for what is wrong with each; inspect one image alone for a hint")
}
