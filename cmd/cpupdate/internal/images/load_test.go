package images

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// newConsole returns a console of 80 columns, and what is written to its standard error.
func newConsole() (*console.Console, *bytes.Buffer) {
	var errOut bytes.Buffer
	return &console.Console{In: strings.NewReader(""), Out: io.Discard, Err: &errOut, Width: 80}, &errOut
}

// newTestLoader returns a loader with the flags, for which nothing is stored.
func newTestLoader(t *testing.T, args ...string) *Loader {
	t.Helper()
	var o Options
	flags := pflag.NewFlagSet("inspect", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	con, _ := newConsole()
	l, err := NewLoader(t.Context(), con, &settings.Store{Folder: t.TempDir()}, bind.Open, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// keyPair returns a signing key, and the file of its public key.
func keyPair(t *testing.T, seed byte) (private ed25519.PrivateKey, public string) {
	t.Helper()
	private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return private, clitest.File(t, "public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// changed returns a copy of the image whose last byte is another one.
func changed(t *testing.T, image string) string {
	t.Helper()
	content, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	return clitest.File(t, "changed.bind", content)
}

// openStage writes an image of the observed format, which has no digest.
func openStage(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	b := bind.OpenStageBuilder{Name: "OpenStage Hi", Version: bind.Version{Major: 3, Release: 1, Fix: 41}, DeviceType: "OpenStage 60", SoftwareType: "Siemens SIP"}
	if err := b.Build(t.Context(), &out, io.NewSectionReader(strings.NewReader("payload"), 0, 7)); err != nil {
		t.Fatal(err)
	}
	return clitest.File(t, "os60.img", out.Bytes())
}

// kernelImage writes an OpenStage image with a kernel part, damaged as forge calls it.
func kernelImage(t *testing.T, damage string) string {
	t.Helper()
	if damage == "" {
		return clitest.File(t, "os40.img", forge.ValidOpenStage().Image())
	}
	for _, forgery := range forge.KernelForgeries() {
		if forgery.Name == "kernel part: "+damage {
			return clitest.File(t, "os40.img", forgery.Image)
		}
	}
	t.Fatalf("no forgery is called %q", damage)
	return ""
}

// describedImage writes a file without a known header, and a descriptor beside it.
func describedImage(t *testing.T) string {
	t.Helper()
	name := clitest.File(t, "vendor.img", []byte("nobody knows this header\x00"))
	d, err := bind.Describe(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	d.Family, d.SoftwareType, d.Version = "OpenScape Desk Phone CP", "Unify SIP", bind.Version{Major: 1, Release: 9}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+bind.DescriptorSuffix, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestStates checks for each state of an image its name, whether its facts can be read, and the error.
func TestStates(t *testing.T) {
	key, public := keyPair(t, 1)
	plain := clitest.Image(t, "a.bind", nil)
	signed := clitest.Image(t, "s.bind", func(b *bind.Builder) { b.Key = key })
	_, other := keyPair(t, 2)
	for _, test := range []struct {
		name     string
		image    string
		flags    []string
		state    string
		readable bool
	}{
		{"intact", plain, nil, stateIntact, true},
		{"described", describedImage(t), nil, stateIntact, true},
		{"header only", plain, []string{"--header-only"}, StateUnread, true},
		{"without a digest", openStage(t), nil, stateUnverified, true},
		{"with a kernel part", kernelImage(t, ""), nil, stateUnverified, true},
		{"with a damaged kernel", kernelImage(t, "first byte of the kernel changed"), nil, StateDamaged, true},
		{"with a damaged kernel that is not read", kernelImage(t, "first byte of the kernel changed"), []string{"--header-only"}, StateUnread, true},
		{"with a damaged kernel's header", kernelImage(t, "header CRC wrong"), []string{"--header-only"}, StateDamaged, false},
		{"with a kernel past its end", kernelImage(t, "size 2^32-1"), []string{"--header-only"}, StateDamaged, false},
		{"another byte", changed(t, plain), nil, StateDamaged, true},
		{"another byte that is not read", changed(t, plain), []string{"--header-only"}, StateUnread, true},
		{"cut in its header", clitest.File(t, "cut.bind", mustRead(t, plain)[:40]), nil, StateDamaged, false},
		{"no image", clitest.File(t, "notes.txt", []byte("notes of mine")), nil, stateUnreadable, false},
		{"empty", clitest.File(t, "empty.bind", nil), nil, stateUnreadable, false},
		{"a folder", t.TempDir(), nil, stateUnreadable, false},
		{"missing", filepath.Join(t.TempDir(), "missing"), nil, stateUnreadable, false},
		{"signed, and no key", signed, nil, stateIntact, true},
		{"signed by a trusted key", signed, []string{"--trusted-key", public}, stateIntact, true},
		{"signed by another key", signed, []string{"--trusted-key", other}, stateUntrusted, true},
		{"not signed", plain, []string{"--trusted-key", public}, stateUntrusted, true},
		{"not signed, and no key", plain, []string{"--require-signature"}, stateUntrusted, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			im := newTestLoader(t, test.flags...).Load(t.Context(), test.image)
			if im.State() != test.state || im.Readable != test.readable {
				t.Errorf("%s, readable %v: %v", im.State(), im.Readable, im.Err)
			}
			bad := !slices.Contains([]string{stateIntact, StateUnread, stateUnverified}, test.state)
			if f := exit.Classify(im.Err); (im.Err != nil) != bad || bad && (f.Code != exit.CodeImage || len(f.Hints) == 0 || !errors.Is(im.Err, im.Cause)) {
				t.Errorf("it ends with %v", im.Err)
			}
		})
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestLoaderKeys checks that named and stored keys are used, and that an invalid key is an error.
func TestLoaderKeys(t *testing.T) {
	con, _ := newConsole()
	broken := clitest.File(t, "broken.pem", []byte("x"))
	if _, err := NewLoader(t.Context(), con, &settings.Store{Folder: t.TempDir()}, bind.Open, Options{trustedKeys: []string{broken}}); exit.Classify(err).Code != exit.CodeSettings {
		t.Errorf("a key that is none: %v", err)
	}
	_, public := keyPair(t, 1)
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "trusted-keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	store := &settings.Store{Folder: folder}
	for name, content := range map[string][]byte{"a.pem": mustRead(t, public), "b.pem": []byte("x")} {
		if err := os.WriteFile(filepath.Join(folder, "trusted-keys", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := NewLoader(t.Context(), con, store, bind.Open, Options{})
		switch {
		case err == nil && (!l.Policy.RequireSignature || len(l.keys) != 1):
			t.Errorf("the stored key is not used: %+v", l)
		case err != nil && exit.Classify(err).Code != exit.CodeSettings:
			t.Errorf("a stored key that is none: %v", err)
		}
	}
}

// TestStandardInput checks that an image can be read from standard input, but not from a terminal.
func TestStandardInput(t *testing.T) {
	l := newTestLoader(t)
	l.Console.In = bytes.NewReader(mustRead(t, clitest.Image(t, "a.bind", nil)))
	if im := l.Load(t.Context(), "-"); im.Err != nil || im.State() != stateIntact || len(im.Warnings) > 0 {
		t.Errorf("%s, %v, %q", im.State(), im.Err, im.Warnings)
	}
	l.Console.InTerminal = true
	if im := l.Load(t.Context(), "-"); !errors.Is(im.Err, errTerminal) || !strings.HasPrefix(im.Err.Error(), DisplayName("-")+": ") {
		t.Errorf("%v", im.Err)
	}
}

// TestDisplayName checks the names of standard input and of an empty argument.
func TestDisplayName(t *testing.T) {
	for name, want := range map[string]string{"-": "standard input", "": `""`, "a.bind": "a.bind"} {
		if got := DisplayName(name); got != want {
			t.Errorf("%q is called %s", name, got)
		}
	}
}

// TestWholeDigest checks that the digest of the file is computed if it is requested.
func TestWholeDigest(t *testing.T) {
	l := newTestLoader(t)
	for _, want := range []bool{false, true} {
		l.SHA256 = want
		if im := l.Load(t.Context(), clitest.Image(t, "a.bind", nil)); (im.Facts.Integrity.SHA256 != nil) != want {
			t.Errorf("asked for %v: %v", want, im.Facts.Integrity.SHA256)
		}
	}
}

// TestTargets checks that a folder yields its files in order, without descriptors and signatures of other files.
func TestTargets(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"b.bind", "a.img", "a.img.bind.toml", "a.img.bind.toml.sig", "c.bind.toml"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Targets([]string{"named", folder, "-"})
	want := []Target{
		{"named", false},
		{filepath.Join(folder, "a.img"), true},
		{filepath.Join(folder, "b.bind"), true},
		{filepath.Join(folder, "c.bind.toml"), true},
		{"-", false},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := Targets([]string{t.TempDir()}); exit.Classify(err).Code != exit.CodeImage || !errors.Is(err, errEmptyFolder) {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestTargetCalledMinus checks that a file called - in a folder is not taken for standard input.
func TestTargetCalledMinus(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("-", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Targets([]string{"."})
	if err != nil || len(got) != 1 || got[0].name != "."+string(filepath.Separator)+"-" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLoadAll checks that files that are no images are passed over in a folder, and only there.
func TestLoadAll(t *testing.T) {
	image := clitest.Image(t, "a.bind", nil)
	notes, empty := clitest.File(t, "notes", []byte("notes of mine")), clitest.File(t, "empty", nil)
	for _, test := range []struct {
		all          []Target
		seen, passed int
		code         exit.Code
	}{
		{[]Target{{image, true}, {notes, true}, {empty, true}, {changed(t, image), true}}, 2, 2, exit.CodeOK},
		{[]Target{{notes, false}, {empty, false}, {t.TempDir(), false}}, 3, 0, exit.CodeOK},
		{[]Target{{notes, true}, {empty, true}, {t.TempDir(), true}}, 0, 3, exit.CodeImage},
		{nil, 0, 0, exit.CodeImage},
	} {
		l := newTestLoader(t)
		con, errOut := newConsole()
		l.Console = con
		seen := 0
		passed, err := l.LoadAll(t.Context(), test.all, func(*Image) error { seen++; return nil })
		if seen != test.seen || len(passed) != test.passed || (err != nil) != (test.code != exit.CodeOK) || err != nil && exit.Classify(err).Code != test.code {
			t.Errorf("%v: %d seen, %v passed over, %v", test.all, seen, passed, err)
		}
		for _, p := range passed {
			if p.Why == "" || !strings.Contains(errOut.String(), p.File) {
				t.Errorf("%+v is not told: %s", p, errOut)
			}
		}
	}
}

// TestLoadAllEnds checks that an interruption or an error of the callback ends the loop.
func TestLoadAllEnds(t *testing.T) {
	all := []Target{{clitest.Image(t, "a.bind", nil), false}, {clitest.Image(t, "b.bind", nil), false}}
	l := newTestLoader(t)
	enough, seen := errors.New("enough"), 0
	if _, err := l.LoadAll(t.Context(), all, func(*Image) error { seen++; return enough }); !errors.Is(err, enough) || seen != 1 {
		t.Errorf("%d seen, %v", seen, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.LoadAll(ctx, all, func(*Image) error { t.Error("it is seen"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestLoadAllWarns checks that each warning about a file name is shown once.
func TestLoadAllWarns(t *testing.T) {
	l := newTestLoader(t)
	con, errOut := newConsole()
	l.Console = con
	image := clitest.Image(t, "cp600_V2_R1_0_0.bind", nil)
	im := l.Load(t.Context(), image)
	if _, err := l.LoadAll(t.Context(), []Target{{image, false}}, func(*Image) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(errOut.String(), "\n"); lines != len(im.Warnings) {
		t.Errorf("%d lines for %q", lines, im.Warnings)
	}
}

// TestBadImages checks that a single bad image keeps its error, and that several are summed up.
func TestBadImages(t *testing.T) {
	own := errors.New("own")
	bad := []*Image{{Name: "a", Err: own}, {Name: "-", Err: own}}
	if err := BadImages(nil, 3); err != nil {
		t.Errorf("none: %v", err)
	}
	if err := BadImages(bad[:1], 1); !errors.Is(err, own) {
		t.Errorf("one of one: %v", err)
	}
	err := BadImages(bad, 3)
	if f := exit.Classify(err); f.Code != exit.CodeImage || !strings.HasPrefix(f.Error(), "2 of 3 images ") || !strings.HasSuffix(f.Error(), ": a, "+DisplayName("-")) || len(f.Hints) != 1 {
		t.Errorf("two of three: %v", err)
	}
}

// TestFailure checks that each cause has a hint of its own.
func TestFailure(t *testing.T) {
	format := func(p bind.Problem, f bind.Format) error { return &bind.FormatError{Problem: p, Format: f, Field: "x"} }
	hints := map[string]error{}
	for _, cause := range []error{
		format(bind.ASCIIMode, bind.CPB), format(bind.Malformed, bind.CPB), format(bind.Malformed, bind.Descriptor), format(bind.Unsupported, bind.CPB),
		format(bind.Disagrees, bind.CPB), format(bind.Changed, bind.CPB), format(bind.Damaged, bind.CPB),
		&untrustedError{}, errEmptyFolder, bind.ErrNotBind, bind.ErrEmpty, errTerminal, &bind.NotRegularError{Kind: "a FIFO"}, fs.ErrNotExist, errors.New("why"),
	} {
		err := Failure("-", cause)
		f := exit.Classify(err)
		if f.Code != exit.CodeImage || len(f.Hints) != 1 || !errors.Is(err, cause) || !strings.HasPrefix(f.Error(), DisplayName("-")+": ") {
			t.Errorf("%v: %d, %v, %q", cause, f.Code, f, f.Hints)
			continue
		}
		if other := hints[f.Hints[0]]; other != nil {
			t.Errorf("%v has the next step of %v", cause, other)
		}
		hints[f.Hints[0]] = cause
	}
	if err := Failure("x", context.Canceled); err != context.Canceled { //nolint:errorlint // it is no failure of the image
		t.Errorf("an interruption is %v", err)
	}
}
