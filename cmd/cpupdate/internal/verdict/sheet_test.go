package verdict

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// cp600 is an intact image for the levels 1 to 3.
func cp600(t *testing.T) *images.Image {
	t.Helper()
	levels, err := bind.ParseLevels("1-3")
	if err != nil {
		t.Fatal(err)
	}
	header := bind.Origin{Source: bind.Header, Confidence: bind.Documented}
	return &images.Image{Name: "cp600.bind", Readable: true, Facts: bind.Facts{
		Format: bind.CPB, Family: bind.Fact[string]{Value: "OpenScape Desk Phone CP", Origin: header},
		Models:       bind.Fact[[]string]{Value: []string{"CP600"}, Origin: header},
		SoftwareType: bind.Fact[string]{Value: "Unify HFA", Origin: header},
		Version:      bind.Fact[bind.Version]{Value: bind.Version{Major: 1, Release: 9, Fix: 2}, Origin: header},
		Levels:       bind.Fact[bind.Levels]{Value: levels, Origin: header},
		Note:         bind.Fact[string]{Value: "for the second floor", Origin: header},
		Integrity:    bind.Integrity{Digest: bind.Right},
	}}
}

// damaged returns the image with another digest.
func damaged(im *images.Image) *images.Image {
	im.Facts.Integrity = bind.Integrity{Digest: bind.Wrong, Damage: &bind.FormatError{Problem: bind.Damaged, Field: "SHA-256"}}
	im.Cause = im.Facts.Integrity.Damage
	im.Err = images.Failure(im.Name, im.Cause)
	return im
}

func claim[T any](values ...T) []hwcheck.Claim[T] {
	var claims []hwcheck.Claim[T]
	for _, v := range values {
		claims = append(claims, hwcheck.Claim[T]{Value: v, Origin: hwcheck.Flag})
	}
	return claims
}

// ofLevel is a phone of which the level is known.
func ofLevel(level uint16) hwcheck.Phone { return hwcheck.Phone{Level: claim(level)} }

// running is a phone that the image fits, with its version.
func running(v bind.Version) hwcheck.Phone {
	p := ofLevel(3)
	p.Device, p.SoftwareType, p.Running = claim("CP600"), claim("Unify HFA"), claim(v)
	return p
}

// TestError checks the exit code and the hints of each answer.
func TestError(t *testing.T) {
	im := cp600(t)
	for _, test := range []struct {
		phone hwcheck.Phone
		code  exit.Code
		rules []hwcheck.Rule
	}{
		{ofLevel(3), exit.CodeOK, nil},
		{ofLevel(4), exit.CodeRefused, []hwcheck.Rule{hwcheck.HardwareLevel}},
		{hwcheck.Phone{Level: claim[uint16](4), Device: claim("CP400")}, exit.CodeRefused, []hwcheck.Rule{hwcheck.FamilyModel, hwcheck.HardwareLevel}},
		{hwcheck.Phone{}, exit.CodeUnknown, []hwcheck.Rule{hwcheck.HardwareLevel}},
	} {
		err := Error("NAME", hwcheck.Check(im.Facts, test.phone, hwcheck.Policy{}))
		if test.code == exit.CodeOK {
			if err != nil {
				t.Errorf("%+v: %v", test.phone, err)
			}
			continue
		}
		f := exit.Classify(err)
		if f.Code != test.code || len(f.Hints) != len(test.rules) || !strings.Contains(f.Error(), "NAME") {
			t.Errorf("%+v: %d, %v, %q", test.phone, f.Code, f, f.Hints)
		}
		for _, rule := range test.rules {
			if !strings.Contains(f.Error(), string(rule)) {
				t.Errorf("%+v: %v does not name %s", test.phone, f, rule)
			}
		}
	}
}

// TestCompatibleLine checks that the line names what decided, and what was overridden.
func TestCompatibleLine(t *testing.T) {
	im := cp600(t)
	line := CompatibleLine(hwcheck.Check(im.Facts, ofLevel(3), hwcheck.Policy{}))
	if !strings.Contains(line, "hardware-level, image 1-3, phone 3 (flag)") {
		t.Error(line)
	}
	line = CompatibleLine(hwcheck.Check(im.Facts, ofLevel(4), hwcheck.Policy{Override: true}))
	if !strings.HasSuffix(line, ": hardware-level") {
		t.Error(line)
	}
}

// sheet returns the rule sheet as text.
func sheet(im *images.Image, p hwcheck.Phone, policy hwcheck.Policy, width int, verbose bool) (string, hwcheck.Verdict) {
	var out bytes.Buffer
	v := hwcheck.Check(im.Facts, p, policy)
	SheetText(&console.Console{Width: width, Verbose: verbose}, im, p, v)(&out)
	return out.String(), v
}

// TestSheetText checks that the sheet has a line for each rule, the deciding ones first, and fits the terminal.
func TestSheetText(t *testing.T) {
	note := "for the second floor"
	for _, test := range []struct {
		name   string
		image  func(im *images.Image) *images.Image
		phone  hwcheck.Phone
		policy hwcheck.Policy
		first  hwcheck.Rule
		has    []string
		hasNot []string
	}{
		{"compatible", nil, ofLevel(3), hwcheck.Policy{}, hwcheck.ImageIntact, []string{"image 1-3", "phone 3 (flag)"}, []string{"-> ", note}},
		{"not compatible", nil, ofLevel(4), hwcheck.Policy{}, hwcheck.HardwareLevel, []string{"image 1-3", "phone 4 (flag)", "-> ", "--override", note}, nil},
		{"unknown", nil, hwcheck.Phone{}, hwcheck.Policy{}, hwcheck.HardwareLevel, []string{"-> ", "--hw-level"}, []string{note}},
		{"lifted", nil, ofLevel(4), hwcheck.Policy{Override: true, Reason: "lab phone"}, hwcheck.HardwareLevel, []string{"-> ", "lab phone"}, []string{note}},
		{"lifted for no reason", nil, ofLevel(4), hwcheck.Policy{Override: true}, hwcheck.HardwareLevel, []string{"-> "}, nil},
		{"damaged", damaged, ofLevel(3), hwcheck.Policy{}, hwcheck.ImageIntact, []string{"-> "}, nil},
		{"the same version", nil, running(bind.Version{Major: 1, Release: 9, Fix: 2}), hwcheck.Policy{}, hwcheck.SameVersion, nil, []string{"-> "}},
		{"the same version once more", nil, running(bind.Version{Major: 1, Release: 9, Fix: 2}), hwcheck.Policy{Reinstall: true}, hwcheck.SameVersion, []string{"--reinstall"}, nil},
		{"a newer version", nil, running(bind.Version{Major: 2}), hwcheck.Policy{}, hwcheck.Downgrade, []string{"--allow-downgrade"}, nil},
		{"sources that disagree", nil, hwcheck.Phone{Level: claim[uint16](3, 4)}, hwcheck.Policy{}, hwcheck.HardwareLevel, []string{"3 / 4"}, nil},
		{"long values", func(im *images.Image) *images.Image {
			im.Facts.Models.Value = []string{"CP100", "CP200", "CP205", "CP400", "CP600", "CP600E", "CP700"}
			return im
		}, hwcheck.Phone{Level: claim[uint16](3), Device: claim("OpenScape Desk Phone CP110")}, hwcheck.Policy{}, hwcheck.FamilyModel, []string{"CP100, ", "CP110"}, nil},
		{"not read", func(im *images.Image) *images.Image {
			im.Facts.Integrity.Digest = bind.NotRead
			return im
		}, ofLevel(3), hwcheck.Policy{}, hwcheck.HardwareLevel, nil, nil},
		{"a note beside the image", func(im *images.Image) *images.Image {
			im.Facts.Note.Source = bind.FromDescriptor
			return im
		}, ofLevel(4), hwcheck.Policy{}, hwcheck.HardwareLevel, []string{note}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			im := cp600(t)
			if test.image != nil {
				im = test.image(im)
			}
			text, v := sheet(im, test.phone, test.policy, 80, false)
			var at []int
			for _, f := range v.Findings {
				at = append(at, strings.Index(text, string(f.Rule)+" "))
			}
			if slices.Contains(at, -1) {
				t.Fatalf("a rule is missing\n%s", text)
			}
			if i := slices.IndexFunc(v.Findings, func(f hwcheck.Finding) bool { return f.Rule == test.first }); at[i] != slices.Min(at) {
				t.Errorf("%s is not first\n%s", test.first, text)
			}
			for _, want := range test.has {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing\n%s", want, text)
				}
			}
			for _, word := range test.hasNot {
				if strings.Contains(text, word) {
					t.Errorf("%q is there\n%s", word, text)
				}
			}
			verbose, _ := sheet(im, test.phone, test.policy, 60, true)
			for line := range strings.Lines(verbose) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 {
					t.Errorf("a line of %d columns: %s", n, line)
				}
			}
			advised := 0
			for _, f := range v.Findings {
				if f.Advice != "" {
					advised++
				}
			}
			if strings.Count(verbose, "-> ") != advised {
				t.Errorf("with --verbose advice is missing\n%s", verbose)
			}
		})
	}
}

// TestAnswerText checks that each answer has a text of its own.
func TestAnswerText(t *testing.T) {
	over := []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Overridden}}
	seen := map[string]bool{}
	for _, v := range []hwcheck.Verdict{
		{Untrusted: true, Answer: hwcheck.NotCompatible},
		{NothingToDo: true, Answer: hwcheck.Compatible},
		{Answer: hwcheck.Compatible, Findings: over},
		{Answer: hwcheck.Compatible},
		{Answer: hwcheck.CannotTell},
		{Answer: hwcheck.NotCompatible},
	} {
		for _, damaged := range []bool{false, true} {
			text := answerText(&console.Console{}, v, damaged)
			if seen[text] && (!damaged || v.Untrusted) {
				t.Errorf("%+v, damaged %v: %s stands for something else", v, damaged, text)
			}
			seen[text] = true
		}
	}
}

// TestOutcomeWord checks that each outcome has a word that fits its column.
func TestOutcomeWord(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range []hwcheck.Outcome{hwcheck.Pass, hwcheck.Fail, hwcheck.Unknown, hwcheck.Overridden, hwcheck.NotChecked, hwcheck.NotApplicable, "other"} {
		word, _ := outcomeWord(o)
		if seen[word] || len(word) > outcomeWidth {
			t.Errorf("%s is %q", o, word)
		}
		seen[word] = true
	}
}

// TestFlagsFor checks that every rule about the phone names the flags that it needs.
func TestFlagsFor(t *testing.T) {
	v := hwcheck.Check(cp600(t).Facts, hwcheck.Phone{}, hwcheck.Policy{})
	for _, f := range v.Findings {
		if flags := flagsFor(f.Rule); strings.HasPrefix(flags, "--") != (f.Rule != hwcheck.ImageIntact) {
			t.Errorf("%s: %q", f.Rule, flags)
		}
	}
}

// TestPhoneName checks which of the known facts names a phone.
func TestPhoneName(t *testing.T) {
	number, err := hwcheck.ParsePartNumber("S30817-S7720-A101-4")
	if err != nil {
		t.Fatal(err)
	}
	all := hwcheck.Phone{PartNumber: claim(number), Device: claim("CP600"), Level: claim[uint16](3)}
	var names []string
	for range 4 {
		names = append(names, phoneName(all))
		switch len(names) {
		case 1:
			all.PartNumber = nil
		case 2:
			all.Device = nil
		case 3:
			all.Level = nil
		}
	}
	if names[0] != number.String() || names[1] != "CP600" || !strings.Contains(names[2], "3") || names[3] == "" {
		t.Errorf("%q", names)
	}
}

// TestSheetDoc checks the JSON of a rule sheet.
func TestSheetDoc(t *testing.T) {
	p := running(bind.Version{Major: 1})
	p.Level = append(p.Level, hwcheck.Claim[uint16]{Value: 4, Origin: hwcheck.Rules, Where: "table.toml, line 7"})
	p.Minimum = claim(bind.Version{Major: 1, Release: 3})
	im := cp600(t)
	text, err := json.Marshal(NewSheetDoc(im, p, hwcheck.Check(im.Facts, p, hwcheck.Policy{})))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schema int
		Image  struct {
			File   string
			Fields []any
		}
		Phone    map[string]any
		Verdict  string
		Findings []any
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != 1 || doc.Image.File != "cp600.bind" || doc.Image.Fields != nil || doc.Verdict == "" || len(doc.Findings) != 8 {
		t.Errorf("%s", text)
	}
	for _, want := range []string{
		`"hw_level":[{"value":3,"origin":"flag"},{"value":4,"origin":"rules","where":"table.toml, line 7"}]`,
		`"part_number":[]`, `"running":[{"value":"V1 R0.0.0","origin":"flag"}]`, `"minimum_version":[{"value":"V1 R3.0.0","origin":"flag"}]`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

// TestNotTrusted checks that an unsigned image is not called damaged.
func TestNotTrusted(t *testing.T) {
	im := cp600(t)
	im.Cause, im.Err = errors.New("not signed"), errors.New("not signed")
	text, v := sheet(im, ofLevel(3), hwcheck.Policy{RequireSignature: true}, 80, false)
	if want := answerText(&console.Console{}, v, false); !v.Untrusted || !strings.HasPrefix(text, want) {
		t.Errorf("%s", text)
	}
}
