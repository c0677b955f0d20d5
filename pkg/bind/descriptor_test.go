package bind_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// described writes an image and its descriptor and opens both.
func described(t *testing.T, image []byte, change func(d *bind.Description)) (*bind.File, error) {
	t.Helper()
	d := &bind.Description{SHA256: sha256.Sum256(image), Size: int64(len(image))}
	change(d)
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	name := write(t, "x.img", image)
	if err := os.WriteFile(name+bind.DescriptorSuffix, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := bind.Open(name)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { f.Close() })
	return f, f.Verify(t.Context())
}

func TestDescribedImage(t *testing.T) {
	image := []byte("whatever a CP image holds")
	f, err := described(t, image, func(d *bind.Description) {
		d.Family, d.Models, d.SoftwareType = "OpenScape Desk Phone CP", []string{"CP200", "CP205"}, "Unify SIP"
		d.Version, d.Levels, d.Note = mustVersion(t, "V1 R9.2.0"), mustLevels(t, "1-2"), "from the partner portal"
		d.FromFileName = []string{"software_version"}
	})
	if err != nil {
		t.Fatal(err)
	}
	facts := f.Facts()
	if facts.Format != bind.Descriptor || facts.Integrity.Digest != bind.Right || facts.Family.Value != "OpenScape Desk Phone CP" ||
		facts.Levels.Value.String() != "1-2" || !reflect.DeepEqual(facts.NamedBy, []string{"software_version"}) {
		t.Errorf("facts %+v", facts)
	}
	text, err := os.ReadFile(facts.Described)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range f.Fields() {
		if field.Source != bind.FromDescriptor || field.Confidence != bind.Stated {
			t.Errorf("%s comes from the %s, %s", field.Name, field.Source, field.Confidence)
		}
		if got := string(text[field.Offset:][:field.Length]); got != string(field.Raw) || !strings.HasPrefix(got, field.Name) {
			t.Errorf("%s: at its place stands %q, raw %q", field.Name, got, field.Raw)
		}
	}
}

// TestDescriptorAndHeader checks that a difference between header and descriptor is an error, unless the header leaves
// the value open or it was only observed.
func TestDescriptorAndHeader(t *testing.T) {
	cpb := build(t, &bind.Builder{Family: "F", Models: []string{"A", "B"}, SoftwareType: "Unify SIP", Version: mustVersion(t, "1.9.2.0"), Levels: mustLevels(t, "1-3")}, "p")
	bare := build(t, minimal(t), "p")
	openStage := buildOpenStage(t, &bind.OpenStageBuilder{Name: "OpenStage 40", Version: mustVersion(t, "V3 R5.12.0"), DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}, "p")
	tests := []struct {
		name        string
		image       []byte
		change      func(d *bind.Description)
		field       string // of the error, "" for none
		corrections int
	}{
		{"states nothing", cpb, func(*bind.Description) {}, "", 0},
		{"agrees", cpb, func(d *bind.Description) { d.Models, d.Levels = []string{"B", "A"}, mustLevels(t, "1,2,3") }, "", 0},
		{"another family", cpb, func(d *bind.Description) { d.Family = "G" }, "family", 0},
		{"other models", cpb, func(d *bind.Description) { d.Models = []string{"A"} }, "models", 0},
		{"another type", cpb, func(d *bind.Description) { d.SoftwareType = "Unify HFA" }, "software_type", 0},
		{"another version", cpb, func(d *bind.Description) { d.Version = mustVersion(t, "1.9.3.0") }, "software_version", 0},
		{"other levels", cpb, func(d *bind.Description) { d.Levels = mustLevels(t, "1-4") }, "hw_levels", 0},
		{"adds a note", cpb, func(d *bind.Description) { d.Note = "n" }, "", 0},
		{"adds levels to a header without", bare, func(d *bind.Description) { d.Levels = mustLevels(t, "1") }, "hw_levels", 0},
		{"adds models to a header without", bare, func(d *bind.Description) { d.Models = []string{"A"} }, "models", 0},
		{"another size", cpb, func(d *bind.Description) { d.Size++ }, "size", 0},
		{"another digest", cpb, func(d *bind.Description) { d.SHA256[0] ^= 1 }, "sha256", 0},
		{"OpenStage: corrects what was observed", openStage, func(d *bind.Description) { d.Models, d.Version = []string{"60"}, mustVersion(t, "V3 R5.21.0") }, "", 2},
		{"OpenStage: adds levels", openStage, func(d *bind.Description) { d.Levels = mustLevels(t, "2") }, "", 0},
		{"OpenStage: another digest", openStage, func(d *bind.Description) { d.SHA256[31] ^= 1 }, "sha256", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := described(t, test.image, test.change)
			var format *bind.FormatError
			if test.field != "" {
				if !errors.As(err, &format) || format.Field != test.field || format.Problem != bind.Disagrees || format.Format != bind.Descriptor {
					t.Errorf("got the error %v, want one about %s", err, test.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Facts().Corrections; len(got) != test.corrections {
				t.Errorf("corrections %q, want %d", got, test.corrections)
			}
			if got := f.Facts().Integrity.Digest; got != bind.Right {
				t.Errorf("the digest is %s", got)
			}
		})
	}
}

func TestParseDescriptionRefuses(t *testing.T) {
	const good = "schema = 1\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\nsize = 4\n"
	if _, err := bind.ParseDescription([]byte(good)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, field string
		offset            int
	}{
		{"empty", "", "schema", 0},
		{"no TOML", "schema = 1\n???\n", "TOML", 11},
		{"unknown key", good + "colour = \"blue\"\n", "TOML", len(good)},
		{"a key twice", good + "size = 5\n", "TOML", len(good)},
		{"schema 2", strings.Replace(good, "schema = 1", "schema = 2", 1), "schema", 0},
		{"no digest", "schema = 1\nsize = 4\n", "sha256", 0},
		{"short digest", "schema = 1\nsha256 = \"9f86\"\nsize = 4\n", "sha256", 11},
		{"no size", strings.Replace(good, "size = 4\n", "", 1), "size", 0},
		{"negative size", strings.Replace(good, "size = 4", "size = -4", 1), "size", 87},
		{"bad version", good + "software_version = \"nine\"\n", "software_version", len(good)},
		{"bad levels", good + "hw_levels = \"3-1\"\n", "hw_levels", len(good)},
		{"level 0", good + "hw_levels = \"0\"\n", "hw_levels", len(good)},
		{"long family", good + "family = \"" + strings.Repeat("x", 65) + "\"\n", "family", len(good)},
		{"control character", good + "note = \"a\\u001bb\"\n", "note", len(good) + 1},
		{"empty model", good + "models = [\"\"]\n", "models", len(good)},
		{"65 models", good + "models = [" + strings.Repeat("\"m\",", 65) + "]\n", "models", len(good)},
		{"a wrong name", good + "from_file_name = [\"family\"]\n", "from_file_name", len(good)},
		{"a wrong type", good + "models = \"CP600\"\n", "TOML", len(good)},
		{"too large", good + "# " + strings.Repeat("x", 8<<10), "size", 8 << 10},
	}
	for _, test := range tests {
		d, err := bind.ParseDescription([]byte(test.text))
		var format *bind.FormatError
		if !errors.As(err, &format) || format.Field != test.field || format.Offset != int64(test.offset) || d != nil {
			t.Errorf("%s: got %v, %v, want an error about %s at %d", test.name, d, err, test.field, test.offset)
		}
	}
}

func TestDescribe(t *testing.T) {
	folder := t.TempDir()
	image := []byte("an unknown image")
	name := filepath.Join(folder, "CP20X_SIP_V1_R9_2_0.img")
	if err := os.WriteFile(name, image, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := bind.Describe(t.Context(), name)
	want := &bind.Description{
		SHA256: sha256.Sum256(image), Size: int64(len(image)), SoftwareType: "SIP", Version: mustVersion(t, "1.9.2.0"),
		FromFileName: []string{"software_type", "software_version"}, Content: bind.Content{Name: "a text file"},
		Named: bind.Fact[string]{Value: "CP20X", Origin: bind.Origin{Source: bind.FileName, Confidence: bind.Stated, Length: 5}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}

	// The header's value overrides that of the name.
	name = filepath.Join(folder, "OS40_HFA_V3_R5_12_0.img")
	openStage := buildOpenStage(t, &bind.OpenStageBuilder{Name: "OpenStage 40", Version: mustVersion(t, "V3 R5.21.0"), DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}, "p")
	if err := os.WriteFile(name, openStage, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = bind.Describe(t.Context(), name)
	if err != nil || got.SoftwareType != "Siemens SIP" || got.Version.String() != "V3 R5.21.0" || got.FromFileName != nil || got.SHA256 != sha256.Sum256(openStage) || got.Named.Value != "40" || got.Named.Source != bind.Trailer {
		t.Errorf("got %+v, %v", got, err)
	}

	// A CPB image's descriptor has the digest of the whole file, not of the payload.
	cpb := build(t, minimal(t), "payload")
	got, err = bind.Describe(t.Context(), write(t, "a.bind", cpb))
	if err != nil || got.SHA256 != sha256.Sum256(cpb) || got.Named.Known() {
		t.Errorf("got %+v, %v", got, err)
	}
	cpb[len(cpb)-1]++
	if _, err = bind.Describe(t.Context(), write(t, "a.bind", cpb)); err == nil {
		t.Error("a damaged image was described")
	}
}

func TestReadFileName(t *testing.T) {
	tests := []struct{ name, version, kind, model string }{
		{"OS_80_SIP_V1_R4_9_0.img", "V1 R4.9.0", "SIP", "80"},
		{"OS40_SIP_V3_R5_12_0.img", "V3 R5.12.0", "SIP", "40"},
		{"CP20X_SIP_V1_R9_2_0.img", "V1 R9.2.0", "SIP", "CP20X"},
		{"cp600-hfa-v1r10.2.0.bind", "V1 R10.2.0", "HFA", "CP600"},
		{"folder V1 R1.1.1/CP600 HFA V1.2 R3.4.5", "V1.2 R3.4.5", "HFA", "CP600"},
		{"CP600 HFA V1   R9_2_0.img", "V1 R9.2.0", "HFA", "CP600"},
		{"CP600_HFA_V1__R9_2_0.img", "V1 R9.2.0", "HFA", "CP600"},
		{"opera_bind.img", "unknown", "", ""},
		{"GOSSIP.img", "unknown", "", ""},
		{"V1_R99999_0_0.img", "unknown", "", ""},
	}
	for _, test := range tests {
		got := bind.ReadFileName(filepath.FromSlash(test.name))
		if got.Version.Value.String() != test.version || got.SoftwareType.Value != test.kind || got.Model.Value != test.model {
			t.Errorf("%s: version %v, type %q, model %q, want %s, %q, %q", test.name, got.Version.Value, got.SoftwareType.Value, got.Model.Value, test.version, test.kind, test.model)
		}
		if base := filepath.Base(test.name); got.SoftwareType.Known() &&
			!strings.EqualFold(base[got.SoftwareType.Offset:][:got.SoftwareType.Length], test.kind) {
			t.Errorf("%s: the type is said to stand at %d", test.name, got.SoftwareType.Offset)
		}
	}
}

// TestDescriptorAllocation checks that the descriptors that cost the decoder most allocate no more than a small one
// may.
func TestDescriptorAllocation(t *testing.T) {
	const size = 8 << 10
	fill := func(part string) string { return strings.Repeat(part, size/len(part)) }
	for name, text := range map[string]string{
		"nested arrays":      "note = " + fill("[")[:size-7],
		"closed arrays":      "a = " + fill("[")[:size/2-4] + fill("]")[:size/2],
		"inline tables":      "a = " + fill("{a=")[:size-8],
		"a dotted key":       fill("a.")[:size-4] + "a=1",
		"tables":             fill("[a]\n"),
		"dotted table":       "[" + fill("a.")[:size-8] + "a]",
		"unknown keys":       fill("a=1\n"),
		"models":             "models = [" + fill("\"\",")[:size-16] + "]",
		"comments":           fill("#\n"),
		"one string":         "note = \"" + fill("\\u0041")[:size-16] + "\"",
		"invalid everywhere": fill("\xff"),
	} {
		limitAllocation(t, func() {
			if _, err := bind.ParseDescription([]byte(text)); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
		if t.Failed() {
			t.Fatalf("with %s", name)
		}
	}
}

func TestNameWarnings(t *testing.T) {
	models := func(m ...string) bind.Facts {
		return bind.Facts{Models: bind.Fact[[]string]{Value: m, Origin: bind.Origin{Source: bind.Header}}}
	}
	for _, test := range []struct {
		name  string
		facts bind.Facts
		want  int
	}{
		{"CP600.img", models("CP400", "CP600"), 0},
		{"CP600.img", models("CP600E"), 0},
		{"CP20X.img", models("CP205"), 0},
		{"CP20X.img", models("CP400"), 1},
		{"CP600.img", models("CP200"), 1},
		{"CP600.img", models("CP6"), 1},
		{"CP600.img", bind.Facts{}, 0},
		{"OS40.img", models("40G"), 0},
		{"OS_40.img", models("60"), 1},
	} {
		if got := bind.NameWarnings(test.name, test.facts); len(got) != test.want {
			t.Errorf("%s with %v: got %q, want %d warnings", test.name, test.facts.Models.Value, got, test.want)
		}
	}
}

// TestMarshalPrints checks that a descriptor is safe on a terminal, whatever texts the image contains.
func TestMarshalPrints(t *testing.T) {
	d := &bind.Description{
		Size: 4, Family: "a\u202eb\u2066", Models: []string{`it's "1"\2`, "\u200b\u2028", "CP600"}, SoftwareType: "\u2800\u3164\ufe0f SIP",
		Version: mustVersion(t, "V1 R9.2.0"), Levels: mustLevels(t, "1-3, 5"), Note: "Größe 日本 \U000e0001", FromFileName: []string{"software_version"},
	}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range string(text) {
		if r != '\n' && !bind.Prints(r) {
			t.Errorf("holds %U:\n%s", r, text)
		}
	}
	if back, err := bind.ParseDescription(text); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("%s\nreads back as %+v, %v, want %+v", text, back, err, d)
	}
	for _, family := range []string{"\xff", "a'\xff", "\x1b"} {
		if text, err := (&bind.Description{Family: family}).Marshal(); err == nil {
			t.Errorf("%q is written as\n%s", family, text)
		}
	}
}

func FuzzDescriptor(f *testing.F) {
	f.Add([]byte("schema = 1\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\nsize = 4\nfamily = \"F\"\nmodels = [\"A\", \"B\"]\nsoftware_type = \"SIP\"\nsoftware_version = \"V1 R9.2.0\"\nhw_levels = \"1-3, 5\"\nnote = \"n\"\nfrom_file_name = [\"software_type\"]\n"))
	f.Add([]byte("schema = 1\n[a.b]\nc = [[1], {d = 2}]\n"))
	f.Add([]byte("\"schema\" = 0x1 # comment\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var d *bind.Description
		var err error
		limitAllocation(t, func() { d, err = bind.ParseDescription(text) })
		if err != nil {
			var format *bind.FormatError
			if d != nil || !errors.As(err, &format) || format.Offset < 0 || format.Offset > int64(len(text)) {
				t.Fatalf("got %v with the error %v", d, err)
			}
			return
		}
		again, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := bind.ParseDescription(again); err != nil || !reflect.DeepEqual(back, d) {
			t.Fatalf("%q\nreads as %+v\nwrites as %q\nreads back as %+v, %v", text, d, again, back, err)
		}
	})
}
