package pack

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
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
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// newConsole returns a console that prints JSON, and what is written to it.
func newConsole() (*console.Console, *bytes.Buffer) {
	var out bytes.Buffer
	return &console.Console{Out: &out, Err: &bytes.Buffer{}, Width: 80, JSON: true}, &out
}

func codeOf(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	return exit.Classify(err).Code
}

// newOptions are what the flags say.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	o := Options{Format: "cpb"}
	flags := pflag.NewFlagSet("pack", pflag.ContinueOnError)
	o.Stated.AddFlags(flags)
	flags.StringVar(&o.Output, "output", filepath.Join(t.TempDir(), "out.bind"), "")
	flags.StringVar(&o.Format, "format", "cpb", "")
	flags.StringVar(&o.Built, "built", "", "")
	flags.StringVar(&o.Note, "note", "", "")
	flags.StringVar(&o.UpdateFrom, "update-from", "", "")
	flags.StringVar(&o.Key, "key", "", "")
	flags.StringVar(&o.Name, "platform", "", "")
	flags.BoolVar(&o.Force, "force", false, "")
	flags.BoolVar(&o.DryRun, "dry-run", false, "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

// privateKey writes a signing key.
func privateKey(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return clitest.File(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// factsOf opens an image.
func factsOf(t *testing.T, name string) bind.Facts {
	t.Helper()
	f, err := bind.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Facts()
}

// TestRun checks that the image holds what the flags state.
func TestRun(t *testing.T) {
	payload := clitest.File(t, "payload", []byte("payload\x00"))
	required := []string{"--software-type=Unify HFA", "--software-version=1.9.2.0"}
	for _, test := range []struct {
		args []string
		same func(f bind.Facts) bool
	}{
		{required, func(f bind.Facts) bool {
			return f.Format == bind.CPB && f.Family.Value == "OpenScape Desk Phone CP" && f.SoftwareType.Value == "Unify HFA" && f.Version.Value.String() == "V1 R9.2.0" && f.PayloadLength == 8
		}},
		{append(required, "--family=F", "--model=F1,F2", "--hw-levels=1-3,5", "--note=n", "--update-from=V1 R1.0.0", "--built=2026-03-02T09:14:00Z"), func(f bind.Facts) bool {
			return f.Family.Value == "F" && slices.Equal(f.Models.Value, []string{"F1", "F2"}) && f.Levels.Value.String() == "1-3, 5" && f.Note.Value == "n" &&
				f.UpdateFrom.Value.String() == "V1 R1.0.0" && f.Built.Value.Year() == 2026
		}},
		{append(required, "--built=now"), func(f bind.Facts) bool { return f.Built.Known() }},
		{append(required, "--key="+privateKey(t)), func(f bind.Facts) bool { return true }},
		{[]string{"--format=openstage", "--software-version=V3 R1.41.1"}, func(f bind.Facts) bool { return f.Format == bind.OpenStage && f.Platform.Value == "OpenStage" }},
		{[]string{"--format=openstage", "--software-version=V3 R1.41.1", "--model=OpenStage 60", "--software-type=Siemens SIP", "--platform=OpenStage Hi"}, func(f bind.Facts) bool {
			return f.Platform.Value == "OpenStage Hi" && f.SoftwareType.Value == "Siemens SIP"
		}},
	} {
		con, out := newConsole()
		o := newOptions(t, test.args...)
		if err := Run(t.Context(), con, o, payload); err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		if f := factsOf(t, o.Output); !test.same(f) {
			t.Errorf("%q: %+v", test.args, f)
		}
		var doc struct {
			Images []struct{ File, State string }
		}
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Images) != 1 || doc.Images[0].File != o.Output {
			t.Errorf("%q: %v in %s", test.args, err, out)
		}
		if err := Run(t.Context(), con, o, payload); codeOf(err) == exit.CodeOK {
			t.Errorf("%q: it is written once more", test.args)
		}
		if o.Force = true; Run(t.Context(), con, o, payload) != nil {
			t.Errorf("%q: it is not replaced with --force", test.args)
		}
	}
}

// TestDryRun checks that a dry run shows the size, and writes nothing.
func TestDryRun(t *testing.T) {
	payload := clitest.File(t, "payload", []byte("payload\x00"))
	con, out := newConsole()
	o := newOptions(t, "--software-type=SIP", "--software-version=1.9.2.0", "--dry-run")
	if err := Run(t.Context(), con, o, payload); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		DryRun bool `json:"dry_run"`
		Size   int  `json:"size_bytes"`
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || !doc.DryRun || doc.Size == 0 {
		t.Errorf("%v in %s", err, out)
	}
	if _, err := os.Stat(o.Output); err == nil {
		t.Error("it is written")
	}
	o.DryRun = false
	if err := Run(t.Context(), con, o, payload); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(o.Output); err != nil || info.Size() != int64(doc.Size) {
		t.Errorf("%v, %v, want %d bytes", info, err, doc.Size)
	}
	if o.DryRun = true; codeOf(Run(t.Context(), con, o, payload)) == exit.CodeOK {
		t.Error("that the image is there is not said")
	}
}

// TestRefused checks that invalid flags are refused, and that nothing is left behind.
func TestRefused(t *testing.T) {
	payload, key := clitest.File(t, "payload", []byte("payload\x00")), privateKey(t)
	required := []string{"--software-type=SIP", "--software-version=1.9.2.0"}
	openStage := []string{"--format=openstage", "--software-version=V3 R1.41.1"}
	for _, test := range []struct {
		args    []string
		payload string
		code    exit.Code
	}{
		{append(required, "--output="), payload, exit.CodeUsage},
		{append(required, "--output="+payload), payload, exit.CodeUsage},
		{append(required, "--key="+key, "--output="+key), payload, exit.CodeUsage},
		{append(required, "--key=missing"), payload, exit.CodeSettings},
		{append(required, "--key="+payload), payload, exit.CodeSettings},
		{nil, payload, exit.CodeUsage},
		{required[:1], payload, exit.CodeUsage},
		{required[1:], payload, exit.CodeUsage},
		{append(required, "--format=x"), payload, exit.CodeUsage},
		{append(required, "--software-version=x"), payload, exit.CodeUsage},
		{append(required, "--hw-levels=x"), payload, exit.CodeUsage},
		{append(required, "--update-from=x"), payload, exit.CodeUsage},
		{append(required, "--built=yesterday"), payload, exit.CodeUsage},
		{append(required, "--built=1969-01-01T00:00:00Z"), payload, exit.CodeUsage},
		{append(required, "--note="+strings.Repeat("n", 1<<16)), payload, exit.CodeUsage},
		{append(required, "--note="+strings.Repeat("n", 1<<16), "--dry-run"), payload, exit.CodeUsage},
		{append(openStage, "--hw-levels=1"), payload, exit.CodeUsage},
		{append(openStage, "--family=F"), payload, exit.CodeUsage},
		{append(openStage, "--model=a,b"), payload, exit.CodeUsage},
		{append(openStage, "--model=OpenStage 60"), payload, exit.CodeUsage},
		{append(openStage, "--software-type=Siemens SIP"), payload, exit.CodeUsage},
		{append(openStage, "--platform="+strings.Repeat("n", 1000)), payload, exit.CodeUsage},
		{required, "missing", exit.CodeImage},
		{required, t.TempDir(), exit.CodeImage},
	} {
		con, out := newConsole()
		o := newOptions(t, test.args...)
		err := Run(t.Context(), con, o, test.payload)
		if codeOf(err) != test.code || out.Len() > 0 || len(exit.Classify(err).Hints) == 0 {
			t.Errorf("%q: %v\n%s", test.args, err, out)
		}
		if left, _ := os.ReadDir(filepath.Dir(o.Output)); o.Output != "" && o.Output != payload && o.Output != key && len(left) > 0 {
			t.Errorf("%q: %v is left", test.args, left)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{required, openStage} {
		con, _ := newConsole()
		if err := Run(ctx, con, newOptions(t, args...), payload); !errors.Is(err, context.Canceled) {
			t.Errorf("%q: interrupted it ends with %v", args, err)
		}
	}
}

// TestOtherDescriptor checks that a descriptor of another image beside the output is an error.
func TestOtherDescriptor(t *testing.T) {
	payload := clitest.File(t, "payload", []byte("payload\x00"))
	con, _ := newConsole()
	o := newOptions(t, "--software-type=SIP", "--software-version=1.9.2.0")
	if err := os.WriteFile(o.Output+bind.DescriptorSuffix, []byte("nothing of ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), con, o, payload); codeOf(err) != exit.CodeImage {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(o.Output); err == nil {
		t.Error("it is written")
	}
}

// described describes a file as the flags say.
func described(ctx context.Context, t *testing.T, name string, change func(o *DescribeOptions), args ...string) (string, error) {
	t.Helper()
	var o DescribeOptions
	flags := pflag.NewFlagSet("describe", pflag.ContinueOnError)
	o.Stated.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	con, out := newConsole()
	err := Describe(ctx, con, &settings.Store{Folder: t.TempDir()}, bind.Open, o, name)
	return out.String(), err
}

// TestDescribe checks that the descriptor states what the flags say, and that the signature is kept in step with it.
func TestDescribe(t *testing.T) {
	name := clitest.File(t, "vendor.img", []byte("nobody knows this header\x00"))
	stated := []string{"--family=OpenScape Desk Phone CP", "--model=CP600", "--software-type=Unify SIP", "--software-version=1.9.0.0", "--hw-levels=1-3"}
	out, err := described(t.Context(), t, name, func(o *DescribeOptions) { o.Note, o.DryRun = "n", true }, stated...)
	if _, statErr := os.Stat(name + bind.DescriptorSuffix); err != nil || statErr == nil || !strings.Contains(out, "Unify SIP") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = described(t.Context(), t, name, func(o *DescribeOptions) { o.Note = "n" }, stated...); err != nil {
		t.Fatal(err)
	}
	f := factsOf(t, name)
	if f.Family.Value != "OpenScape Desk Phone CP" || f.SoftwareType.Value != "Unify SIP" || f.Version.Value.String() != "V1 R9.0.0" || f.Levels.Value.String() != "1-3" || f.Note.Value != "n" || len(f.NamedBy) > 0 {
		t.Errorf("%+v\n%s", f, out)
	}
	if _, err := described(t.Context(), t, name, nil, stated...); codeOf(err) == exit.CodeOK {
		t.Error("it is written once more")
	}
	key := privateKey(t)
	signature := name + bind.DescriptorSuffix + bind.SignatureSuffix
	if _, err := described(t.Context(), t, name, func(o *DescribeOptions) { o.Force, o.Key = true, key }, stated...); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(signature); err != nil || len(text) != ed25519.SignatureSize {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if _, err := described(t.Context(), t, name, func(o *DescribeOptions) { o.Force = true }, stated...); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(signature); err == nil {
		t.Error("the signature of the older descriptor is left")
	}
}

// TestDescribeRefused checks that invalid flags are refused, and that nothing is written.
func TestDescribeRefused(t *testing.T) {
	name := clitest.File(t, "vendor.img", []byte("nobody knows this header\x00"))
	stated := []string{"--family=OpenScape Desk Phone CP", "--software-type=Unify SIP", "--software-version=1.9.0.0"}
	key := privateKey(t)
	beside := clitest.File(t, "other.img", []byte("nobody knows this header\x00"))
	content, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(beside+bind.DescriptorSuffix, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct {
		name string
		key  string
		args []string
		code exit.Code
	}{
		"standard input":      {"-", "", stated, exit.CodeUsage},
		"no file":             {name + ".missing", "", stated, exit.CodeImage},
		"no key":              {name, "missing", stated, exit.CodeSettings},
		"the key is in place": {beside, beside + bind.DescriptorSuffix, stated, exit.CodeUsage},
		"a wrong version":     {name, "", append(stated, "--software-version=x"), exit.CodeUsage},
		"wrong levels":        {name, "", append(stated, "--hw-levels=x"), exit.CodeUsage},
		"a hostile family":    {name, "", append(stated, "--family=a\x1bb"), exit.CodeUsage},
		"another image's":     {clitest.Image(t, "a.bind", nil), "", []string{"--family=Another"}, exit.CodeImage},
	} {
		out, err := described(t.Context(), t, test.name, func(o *DescribeOptions) { o.Key = test.key }, test.args...)
		if codeOf(err) != test.code || out != "" {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
		if _, err := os.Stat(test.name + bind.DescriptorSuffix); err == nil && test.name != beside {
			t.Errorf("%s: a descriptor is written", what)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := described(ctx, t, name, nil, stated...); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted it ends with %v", err)
	}
}

// TestWithout checks that every occurrence of a name is removed.
func TestWithout(t *testing.T) {
	if got := without([]string{"a", "b", "a"}, "a"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("%q", got)
	}
}

// TestFamilyOf takes the family from whole device types, if they have one in common.
func TestFamilyOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ models, family, names string }{
		{"", "OpenScape Desk Phone CP", ""},
		{"CP400,CP600", "OpenScape Desk Phone CP", "CP400,CP600"},
		{"OpenStage 40", "OpenStage", "40"},
		{"OpenStage 20,OpenStage 40", "OpenStage", "20,40"},
		{"OpenScape Desk Phone CP400,OpenScape Desk Phone CP600", "OpenScape Desk Phone CP", "CP400,CP600"},
		{"OpenStage 40,CP400", "OpenScape Desk Phone CP", "OpenStage 40,CP400"},
		{"OpenStage 40,OpenScape Desk Phone CP400", "OpenScape Desk Phone CP", "OpenStage 40,OpenScape Desk Phone CP400"},
	} {
		var models []string
		if test.models != "" {
			models = strings.Split(test.models, ",")
		}
		if family, names := familyOf(models); family != test.family || strings.Join(names, ",") != test.names {
			t.Errorf("%s: %s, %q", test.models, family, names)
		}
	}
}
