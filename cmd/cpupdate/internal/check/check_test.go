package check

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// newOptions are what the flags say. What phones are shown is made once.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	var o Options
	flags := pflag.NewFlagSet("check", pflag.ContinueOnError)
	o.Phones.AddFlags(flags)
	o.Phones.Permit.AddFlags(flags)
	o.Listen.AddFlags(flags)
	o.Image.AddFlags(flags)
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "")
	flags.StringVar(&o.Hardware, "hardware", "", "")
	certificate, key := clitest.ServiceFiles(t)
	if err := flags.Parse(append([]string{"--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	return o
}

// cp600 writes an image for the levels 1 to 3.
func cp600(t *testing.T) string {
	t.Helper()
	return clitest.Image(t, "cp600.bind", func(b *bind.Builder) { b.Levels, _ = bind.ParseLevels("1-3") })
}

func codeOf(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	return exit.Classify(err).Code
}

// startPhone starts a simulated phone.
func startPhone(t *testing.T, faults ...string) string {
	t.Helper()
	c := phonesim.Config{
		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 4, Fix: 9}, Level: 3,
	}
	for _, fault := range faults {
		if err := c.AddFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	p, err := phonesim.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p.Address()
}

// TestRun checks that one image and one phone yield a rule sheet, and several of either a matrix.
func TestRun(t *testing.T) {
	image := cp600(t)
	damaged := clitest.File(t, "damaged.bind", func() []byte {
		content, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)-1] ^= 1
		return content
	}())
	list := clitest.File(t, "site.csv", []byte("address,hw_level,override,reason\n192.0.2.1,3,,\n192.0.2.2,4,,\n192.0.2.3,4,yes,lab\n"))
	one := clitest.File(t, "one.csv", []byte("hw_level\n3\n"))
	for _, test := range []struct {
		image  string
		args   []string
		code   exit.Code
		matrix bool
		none   bool // no answer
	}{
		{image, []string{"--hw-level=3"}, exit.CodeOK, false, false},
		{image, []string{"--hw-level=4"}, exit.CodeRefused, false, false},
		{image, []string{"--hw-level=4", "--override", "--reason=lab"}, exit.CodeOK, false, false},
		{image, nil, exit.CodeUnknown, false, false},
		{damaged, []string{"--hw-level=3"}, exit.CodeImage, false, false},
		{filepath.Dir(image), []string{"--hw-level=3"}, exit.CodeOK, true, false},
		{filepath.Dir(damaged), []string{"--hw-level=3"}, exit.CodeImage, true, false},
		{image, []string{"--phones=" + list}, exit.CodePartial, true, false},
		{image, []string{"--phones=" + one}, exit.CodeOK, true, false},
		{"missing.bind", []string{"--hw-level=3"}, exit.CodeImage, false, true},
		{clitest.File(t, "notes", []byte("notes of mine")), []string{"--hw-level=3"}, exit.CodeImage, false, true},
		{t.TempDir(), []string{"--hw-level=3"}, exit.CodeImage, false, true},
		{image, []string{"--hw-level=x"}, exit.CodeUsage, false, true},
		{image, []string{"--phones=missing.csv"}, exit.CodeSettings, false, true},
		{image, []string{"--hardware=missing.toml"}, exit.CodeSettings, false, true},
		{image, []string{"--trusted-key=missing.pem"}, exit.CodeSettings, false, true},
		{image, []string{"--timeout=0s"}, exit.CodeUsage, false, true},
		{image, []string{"--patience=0s"}, exit.CodeUsage, false, true},
		{image, []string{"--reason=x"}, exit.CodeUsage, false, true},
		{"-", []string{"--header-only"}, exit.CodeUsage, false, true},
	} {
		for _, asJSON := range []bool{true, false} {
			m := machine.New(t)
			m.Console.JSON = asJSON
			err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t, test.args...), test.image, nil)
			if codeOf(err) != test.code || (m.Out.Len() == 0) != test.none {
				t.Errorf("%s, %q: %v\n%s", test.image, test.args, err, m.Out)
			}
			var doc map[string]any
			if asJSON && !test.none && (json.Unmarshal(m.Out.Bytes(), &doc) != nil || (doc["phones"] != nil) != test.matrix || (doc["findings"] != nil) == test.matrix) {
				t.Errorf("%s, %q:\n%s", test.image, test.args, m.Out)
			}
		}
	}
}

// TestAskOne checks that a phone is queried, and that flags supply what it does not say.
func TestAskOne(t *testing.T) {
	image, phone := cp600(t), startPhone(t)
	for _, test := range []struct {
		args []string
		code exit.Code
	}{
		{[]string{"--hw-level=3"}, exit.CodeOK}, {[]string{"--hw-level=4"}, exit.CodeRefused}, {nil, exit.CodeUnknown},
	} {
		m := machine.New(t)
		m.Console.JSON = true
		err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t, test.args...), image, []string{phone})
		if codeOf(err) != test.code || !strings.Contains(m.Out.String(), `"V1 R4.9.0"`) {
			t.Errorf("%q: %v\n%s", test.args, err, m.Out)
		}
	}
	m := machine.New(t)
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t), image, []string{"127.0.0.1:1"}); codeOf(err) != exit.CodeUnreachable || m.Out.Len() > 0 {
		t.Errorf("%v\n%s", err, m.Out)
	}
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t), clitest.File(t, "notes", []byte("notes of mine")), []string{"127.0.0.1:1"}); codeOf(err) != exit.CodeImage {
		t.Errorf("what is no image is not said before phones are asked: %v", err)
	}
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t), "-", []string{phone}); codeOf(err) != exit.CodeUsage {
		t.Errorf("%v", err)
	}
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t), image, []string{"x y"}); codeOf(err) != exit.CodeUsage {
		t.Errorf("%v", err)
	}
}

// TestAskMany checks that a phone that does not answer stays unknown, with the reason.
func TestAskMany(t *testing.T) {
	image, phone := cp600(t), startPhone(t)
	list := clitest.File(t, "site.csv", []byte("address,hw_level,note\n"+phone+",3,\n127.0.0.1:1,,\n"))
	m := machine.New(t)
	m.Console.JSON = true
	err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t, "--phones="+list), image, []string{phone, "127.0.0.1:1"})
	var doc struct {
		Fitting, Unknown int
		Phones           []struct {
			Address, MAC string
			Error        *exit.ErrorDoc
		}
	}
	if jsonErr := json.Unmarshal(m.Out.Bytes(), &doc); jsonErr != nil || codeOf(err) != exit.CodePartial || doc.Fitting != 1 || doc.Unknown != 1 || len(doc.Phones) != 2 {
		t.Fatalf("%v, %v\n%s", err, jsonErr, m.Out)
	}
	if doc.Phones[0].MAC != "00:1A:E8:00:00:01" || doc.Phones[0].Error != nil || doc.Phones[1].Error == nil || doc.Phones[1].Error.Kind != "unreachable" {
		t.Errorf("%s", m.Out)
	}
	m = machine.New(t)
	_ = Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t), image, []string{phone, "127.0.0.1:1"})
	if !strings.Contains(m.Err.String(), "127.0.0.1:1") || !strings.Contains(m.Out.String(), "127.0.0.1:1") {
		t.Errorf("%s%s", m.Out, m.Err)
	}
}

// TestInterrupted checks that an interruption ends the queries and the reading of images.
func TestInterrupted(t *testing.T) {
	image, phone := cp600(t), startPhone(t, "ignores-contact")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := machine.New(t)
	for _, addresses := range [][]string{nil, {phone}, {phone, "127.0.0.1:1"}} {
		if err := Run(ctx, m.Console, m.Settings, bind.Open, newOptions(t, "--hw-level=3"), image, addresses); codeOf(err) != exit.CodeInterrupted || m.Out.Len() > 0 {
			t.Errorf("%q: %v\n%s", addresses, err, m.Out)
		}
	}
	if err := Run(ctx, m.Console, m.Settings, bind.Open, newOptions(t, "--hw-level=3"), filepath.Dir(image), nil); codeOf(err) != exit.CodeInterrupted {
		t.Errorf("a folder: %v", err)
	}
}

// TestWarnings checks that odd facts about a usable image are shown as notes.
func TestWarnings(t *testing.T) {
	image := clitest.Image(t, "cp600_V2_R1_0_0.bind", func(b *bind.Builder) { b.Levels, _ = bind.ParseLevels("1-3") })
	m := machine.New(t)
	if err := Run(t.Context(), m.Console, m.Settings, bind.Open, newOptions(t, "--hw-level=3"), image, nil); err != nil {
		t.Fatal(err)
	}
	f, err := bind.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := strings.Count(m.Err.String(), "\n"); n != len(bind.NameWarnings(image, f.Facts())) {
		t.Errorf("%d notes\n%s", n, m.Err)
	}
}
