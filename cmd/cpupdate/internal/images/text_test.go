package images

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// fullImage writes an image that states everything.
func fullImage(t *testing.T) string {
	t.Helper()
	key, _ := keyPair(t, 1)
	return clitest.Image(t, "full.bind", func(b *bind.Builder) {
		levels, err := bind.ParseLevels("1-3,5")
		if err != nil {
			t.Fatal(err)
		}
		b.Models, b.Levels, b.Built = []string{"CP400", "CP600"}, levels, time.Date(2026, 3, 2, 9, 14, 0, 0, time.UTC)
		b.Note, b.UpdateFrom, b.Key = "only for the second floor, and there only for the phones that have a display", bind.Version{Major: 1, Release: 3}, key
	})
}

// TestDoc checks which JSON fields are null.
func TestDoc(t *testing.T) {
	fields := func(image string, flags ...string) map[string]any {
		t.Helper()
		text, err := json.Marshal(newTestLoader(t, flags...).Load(t.Context(), image).Doc())
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	missing := func(doc map[string]any) []string {
		var names []string
		for name, value := range doc {
			if value == nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	full := fields(fullImage(t))
	if got := missing(full); !slices.Equal(got, []string{"descriptor", "error", "kernel", "platform", "sha256"}) {
		t.Errorf("of an image that states everything %q are null", got)
	}
	for name, want := range map[string]any{
		"state": "intact", "format": "cpb", "family": "OpenScape Desk Phone CP", "software_version": "V1 R9.2.0", "rule": 1.0,
		"update_from": "V1 R3.0.0", "built": "2026-03-02T09:14:00Z", "payload_bytes": 7.0,
	} {
		if full[name] != want {
			t.Errorf("%s is %v, want %v", name, full[name], want)
		}
	}
	plain := fields(clitest.Image(t, "plain.bind", nil))
	if got := missing(plain); !slices.Equal(got, []string{"built", "descriptor", "error", "hw_levels", "kernel", "models", "note", "platform", "sha256", "update_from"}) || plain["rule"] != 2.0 {
		t.Errorf("of a plain image %q are null", got)
	}
	described := fields(describedImage(t))
	if name, ok := described["descriptor"].(string); !ok || !strings.HasSuffix(name, "vendor.img.bind.toml") {
		t.Errorf("the descriptor is %v", described["descriptor"])
	}
	absent := fields("nowhere")
	if absent["state"] != stateUnreadable || absent["error"] == nil || absent["format"] != nil || absent["fields"] != nil {
		t.Errorf("what is not there: %v", absent)
	}
	if len(slices.Collect(maps.Keys(absent))) != len(slices.Collect(maps.Keys(plain)))-1 { // but for its fields
		t.Errorf("names are missing: %v", absent)
	}
}

// drawn returns an image as text.
func drawn(t *testing.T, im *Image, width int, bytesToo, verbose bool) string {
	t.Helper()
	var out bytes.Buffer
	Text(&out, &console.Console{Width: width, Verbose: verbose}, im, bytesToo)
	return out.String()
}

// TestText checks that the text holds the facts of the image, and fits the terminal.
func TestText(t *testing.T) {
	_, other := keyPair(t, 2)
	plain := clitest.Image(t, "plain.bind", nil)
	digest := regexp.MustCompile(`[0-9a-f]{64}`) // is not broken, so that it can be copied
	for _, test := range []struct {
		image string
		flags []string
		want  []string
	}{
		{fullImage(t), nil, []string{"CP400, CP600", "Unify HFA V1 R9.2.0", "1-3, 5", "rule 1", "V1 R3.0.0", "2026-03-02 09:14 UTC", "second floor", "7 bytes"}},
		{fullImage(t), []string{"--trusted-key", other}, []string{"\n  wrong "}},
		{plain, nil, []string{"rule 2", "intact"}},
		{plain, []string{"--header-only"}, []string{"rule 2"}},
		{changed(t, plain), nil, []string{"damaged", "INVALID", "\n  wrong "}},
		{openStage(t), nil, []string{"OpenStage 60", "Siemens SIP", "V3 R1.41.0"}},
		{describedImage(t), nil, []string{"Unify SIP", "vendor.img.bind.toml", "rule 2"}},
		{clitest.File(t, "notes.txt", []byte("notes of mine")), nil, []string{"notes.txt"}},
		{clitest.File(t, "cut.bind", mustRead(t, plain)[:40]), nil, []string{"damaged"}},
	} {
		l := newTestLoader(t, test.flags...)
		l.SHA256 = true
		im := l.Load(t.Context(), test.image)
		im.Name = im.Name[strings.LastIndexByte(im.Name, os.PathSeparator)+1:]
		text := drawn(t, im, 80, true, true)
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s, %q: %q is not in\n%s", im.Name, test.flags, want, text)
			}
		}
		for line := range strings.Lines(drawn(t, im, 60, false, false)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 && !digest.MatchString(line) {
				t.Errorf("%s: a line of %d columns: %s", im.Name, n, line)
			}
		}
	}
}

// TestSignatureText checks that each state of a signature has a text of its own.
func TestSignatureText(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range []bind.Signature{
		{State: bind.Unsigned},
		{State: bind.NoKey, KeyID: bind.KeyID{1}},
		{State: bind.SignatureWrong, KeyID: bind.KeyID{1}},
		{State: bind.SignatureRight, KeyID: bind.KeyID{1}, KeyName: "key.pem"},
	} {
		text := signatureText(s)
		if strings.Contains(text, s.KeyID.String()) != (s.KeyID != bind.KeyID{}) || !strings.Contains(text, s.KeyName) || seen[text] {
			t.Errorf("%+v is %q", s, text)
		}
		seen[text] = true
	}
}

// TestWholeDigestText checks that the digest of the file is marked as verified or wrong for described images only.
func TestWholeDigestText(t *testing.T) {
	digest := hex.EncodeToString(make([]byte, 32))
	for _, test := range []struct {
		facts bind.Facts
		want  string
	}{
		{bind.Facts{}, digest},
		{bind.Facts{Described: "d", Integrity: bind.Integrity{Digest: bind.Wrong}}, digest + " WRONG"},
		{bind.Facts{Described: "d", Integrity: bind.Integrity{Digest: bind.Right}}, digest + " verified"},
	} {
		if got := wholeDigest(test.facts, [32]byte{}); got != test.want {
			t.Errorf("%+v: %s", test.facts, got)
		}
	}
}

// TestSoftwareRows checks that type and version share a row if they come from one place.
func TestSoftwareRows(t *testing.T) {
	kind := bind.Fact[string]{Value: "SIP", Origin: bind.Origin{Source: bind.Header, Confidence: bind.Documented}}
	version := bind.Fact[bind.Version]{Value: bind.Version{Major: 1}, Origin: kind.Origin}
	stated := bind.Origin{Source: bind.FromDescriptor, Confidence: bind.Stated}
	for _, test := range []struct {
		change func(f *bind.Facts)
		want   int
	}{
		{func(*bind.Facts) {}, 1},
		{func(f *bind.Facts) { f.Version.Origin = stated }, 2},
		{func(f *bind.Facts) { f.SoftwareType = bind.Fact[string]{} }, 1},
	} {
		f := bind.Facts{SoftwareType: kind, Version: version}
		test.change(&f)
		rows := softwareRows(f)
		text := ""
		for _, r := range rows {
			text += " " + r.value
		}
		if len(rows) != test.want || !strings.Contains(text, f.SoftwareType.Value) || !strings.Contains(text, f.Version.Value.String()) {
			t.Errorf("%+v: %q", f, rows)
		}
	}
}

// TestBytes checks that the hex view shows the bytes of the header as they are in the file.
func TestBytes(t *testing.T) {
	image := fullImage(t)
	im := newTestLoader(t).Load(t.Context(), image)
	content := mustRead(t, image)
	line := regexp.MustCompile(`^  ([0-9a-f]{8})  ((?:[0-9a-f]{2} ?){1,8})`)
	seen := make([]bool, im.Facts.HeaderLength)
	for text := range strings.Lines(drawn(t, im, 80, true, false)) {
		match := line.FindStringSubmatch(text)
		if match == nil {
			continue
		}
		at, err := hex.DecodeString(match[1])
		if err != nil {
			t.Fatal(err)
		}
		shown, err := hex.DecodeString(strings.ReplaceAll(match[2], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		offset := int(at[2])<<8 | int(at[3])
		if !bytes.Equal(shown, content[offset:offset+len(shown)]) {
			t.Errorf("%s is not what stands there", text)
		}
		for i := range shown {
			seen[offset+i] = true
		}
	}
	count := 0
	for _, there := range seen {
		if there {
			count++
		}
	}
	if count < len(seen)-8 { // padding is told of, not shown
		t.Errorf("%d of %d bytes are shown", count, len(seen))
	}
}

// TestUnknownFields checks that unknown fields are shown with their type, and that long runs of zeros are summed up.
func TestUnknownFields(t *testing.T) {
	at := bind.Origin{Source: bind.Header, Confidence: bind.Observed, Offset: 8, Length: 100}
	im := &Image{Name: "a", Readable: true, Facts: bind.Facts{Format: bind.CPB, HeaderLength: 128, PayloadLength: 7, Described: "d.toml", NamedBy: []string{"software_version"}, Corrections: []string{"the level"}}}
	im.fields = []bind.Field{
		{Name: "not known", Origin: at, Head: []byte{0x81, 0x23, 0, 0, 0, 100}, Raw: make([]byte, 100), Value: strings.Repeat("00", 100)},
		{Name: "empty", Origin: bind.Origin{Source: bind.Header, Confidence: bind.Documented, Offset: 112}},
		{Name: "text", Origin: bind.Origin{Source: bind.Header, Confidence: bind.Documented, Offset: 114, Length: 3}, Raw: []byte("\x01a\xff"), Value: strings.Repeat("long words ", 12)},
		{Name: "family", Origin: bind.Origin{Source: bind.FromDescriptor, Confidence: bind.Stated}, Raw: []byte("family = \"x\""), Value: "x"},
	}
	text := drawn(t, im, 80, true, true)
	for _, want := range []string{"0x8123 (100 bytes)", "type 0x8123 (critical), length 100", "(92 more bytes of 00)", "  .a.  ", "family = \"x\"", "(2 bytes of padding)", "(7 bytes of payload)", "software_version", "the level", strings.Repeat("00", 16) + "..."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	im.fields = nil
	if text := drawn(t, im, 80, true, false); !strings.Contains(text, "  offset ") {
		t.Errorf("%s", text)
	}
}
