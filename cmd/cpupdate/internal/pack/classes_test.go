package pack

import (
	"bytes"
	"io"
	"os"
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

// TestDescribeClass checks which models a descriptor states of an image that names one model.
func TestDescribeClass(t *testing.T) {
	const table = "schema = 1\n[[class]]\nname = \"x\"\nfamily = \"OpenStage\"\nmodels = [\"OpenStage 15\", \"15\"]\n"
	const other = "schema = 1\n[[class]]\nname = \"y\"\nfamily = \"OpenStage\"\nmodels = [\"40\", \"40G\"]\nsource = \"me\"\n"
	const whole = "schema = 1\n[[class]]\nname = \"OpenStage\"\nfamily = \"OpenStage\"\nmodels = [\"OpenStage 60\", \"80\"]\nsource = \"me\"\n"
	for _, test := range []struct {
		name, device string
		args         []string
		table        string
		models, note string
	}{
		{"named", "OpenStage 20", nil, "", "20, 40", "the image names 20; the descriptor states the models 20, 40"},
		{"stated", "OpenStage 20", []string{"--model=20"}, "", "20", ""},
		{"other family stated", "OpenStage 20", []string{"--family=OpenScape"}, "", "20", ""},
		{"assumed", "OpenStage 60G", nil, "", "60G", "--model 60,60G,80,80G"},
		{"no class", "OpenStage 15", nil, "", "15", ""},
		{"class of the site", "OpenStage 15", nil, table, "OpenStage 15, 15", "class x (stated: "},
		{"built-in class and one of the site", "OpenStage 40", nil, other, "40, 40G, 20", "(class y (stated: me); class OpenStage 20/40 (observed: "},
		{"whole device type as a model", "OpenStage Hi", nil, whole, "", "with --family \"OpenStage\" --model " + exit.Word("OpenStage 60,80") + "\n"},
		{"CP phone", "OpenScape Desk Phone CP205", nil, "", "CP200, CP205", "class CP20X"},
	} {
		parts := forge.ValidOpenStage()
		parts.Name, parts.Device = "OpenStage", test.device
		name := clitest.File(t, "os.img", parts.Image())
		o := DescribeOptions{}
		flags := pflag.NewFlagSet("describe", pflag.ContinueOnError)
		o.Stated.AddFlags(flags)
		if err := flags.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		if test.table != "" {
			o.Hardware = clitest.File(t, "hardware.toml", []byte(test.table))
		}
		var notes bytes.Buffer
		con := &console.Console{Out: io.Discard, Err: &notes, Width: 80}
		if err := Describe(t.Context(), con, &settings.Store{Folder: t.TempDir()}, bind.Open, o, name); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := strings.Join(factsOf(t, name).Models.Value, ", "); got != test.models {
			t.Errorf("%s: got the models %s, want %s", test.name, got, test.models)
		}
		if !strings.Contains(notes.String(), test.note) || test.note == "" && strings.Contains(notes.String(), "class") {
			t.Errorf("%s: got %q, want %q", test.name, &notes, test.note)
		}
	}
}

// TestDescribeTable checks that a hardware table that cannot be read is an error where models depend on it, before
// anything is written.
func TestDescribeTable(t *testing.T) {
	for _, test := range []struct {
		image []byte
		args  []string
		code  exit.Code
	}{
		{forge.ValidOpenStage().Image(), nil, exit.CodeSettings},
		{forge.ValidOpenStage().Image(), []string{"--model=40"}, exit.CodeOK},
		{forge.Valid().Image(), nil, exit.CodeOK},
		{[]byte("nobody knows this header\x00"), nil, exit.CodeOK},
	} {
		name := clitest.File(t, "x.img", test.image)
		_, err := described(t.Context(), t, name, func(o *DescribeOptions) { o.Hardware = "missing" }, test.args...)
		if _, statErr := os.Stat(name + bind.DescriptorSuffix); codeOf(err) != test.code || (statErr == nil) != (err == nil) {
			t.Errorf("%q: %v, %v", test.args, err, statErr)
		}
	}
}

// TestPackKernel checks that an image around a kernel part is described and read back, and that none is written around a
// damaged one.
func TestPackKernel(t *testing.T) {
	part := forge.ValidKernel().Bytes()
	o := newOptions(t, "--format=openstage", "--software-version=V3 R5.12.0", "--model=OpenStage 40", "--software-type=Siemens SIP")
	con, _ := newConsole()
	var notes bytes.Buffer
	con.Err = &notes
	o.Stated.version = "V3 R5.13.0"
	if err := Run(t.Context(), con, o, clitest.File(t, "payload", part)); err != nil || !strings.Contains(notes.String(), `"warning":`) || !strings.Contains(notes.String(), "the kernel is called") {
		t.Fatalf("%v, %q", err, &notes)
	}
	if _, err := described(t.Context(), t, o.Output, nil); err != nil {
		t.Fatal(err)
	}
	f := factsOf(t, o.Output)
	if k := f.Kernel.Value; k.Name != "uImage-3.5.12.0" || k.Length != int64(len(part)-64) || f.Integrity.Kernel != bind.NotRead || !slices.Equal(f.Models.Value, []string{"20", "40"}) {
		t.Errorf("got %+v", f)
	}
	part[100] ^= 1
	o = newOptions(t, "--format=openstage", "--software-version=V3 R5.12.0")
	err := Run(t.Context(), con, o, clitest.File(t, "payload", part))
	if _, statErr := os.Stat(o.Output); codeOf(err) != exit.CodeImage || statErr == nil {
		t.Errorf("damaged: %v, %v", err, statErr)
	}
}
