package bind_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

func TestCPBFacts(t *testing.T) {
	b := minimal(t)
	b.Models = []string{"CP400", "CP600"}
	b.Levels = mustLevels(t, "1-3, 5")
	b.Built = time.Date(2026, 3, 2, 9, 14, 0, 0, time.UTC)
	b.Note = "Größe: ask"
	b.UpdateFrom = mustVersion(t, "V1 R5.0.0")
	image := build(t, b, "payload")
	f, err := open(t, image)
	if err != nil {
		t.Fatal(err)
	}
	facts := f.Facts()
	got := []any{
		facts.Format, facts.Size, facts.PayloadLength, facts.Family.Value, facts.Models.Value, facts.SoftwareType.Value,
		facts.Version.Value.String(), facts.Levels.Value.String(), facts.UpdateFrom.Value.String(), facts.Built.Value, facts.Note.Value,
		facts.Integrity.Digest, facts.Integrity.Signature.State,
	}
	want := []any{
		bind.CPB, int64(len(image)), int64(7), "OpenScape Desk Phone CP",
		[]string{"CP400", "CP600"},
		"Unify HFA",
		"V1 R9.2.0", "1-3, 5", "V1 R5.0.0", b.Built, "Größe: ask", bind.Right, bind.Unsigned,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("facts\n%v\nwant\n%v", got, want)
	}
}

// TestCPBFieldsCoverTheHeader checks that every byte of the header belongs to exactly one field, and that each field
// has the bytes at its place in the file.
func TestCPBFieldsCoverTheHeader(t *testing.T) {
	image := forge.Valid().Image()
	f, err := open(t, image)
	if err != nil {
		t.Fatal(err)
	}
	var at int64
	for _, field := range f.Fields() {
		if start := field.Offset - int64(len(field.Head)); start != at {
			t.Errorf("%s starts at 0x%X, the field before ends at 0x%X", field.Name, start, at)
		}
		if got := image[field.Offset:][:field.Length]; !bytes.Equal(got, field.Raw) {
			t.Errorf("%s: raw % x, the file has % x", field.Name, field.Raw, got)
		}
		if field.Source != bind.Header || field.Confidence != bind.Documented {
			t.Errorf("%s comes from the %s, %s", field.Name, field.Source, field.Confidence)
		}
		at = field.Offset + field.Length
	}
	if want := f.Facts().HeaderLength; at != want {
		t.Errorf("the fields end at 0x%X, the header at 0x%X", at, want)
	}
}

func TestUnknownFieldIsShownAndIgnored(t *testing.T) {
	parts := forge.Valid()
	parts.Fields = append(parts.Fields, forge.Field{Type: 0x0123, Value: []byte{1, 2, 3}})
	f, err := open(t, parts.Image())
	if err != nil {
		t.Fatal(err)
	}
	last := f.Fields()[len(f.Fields())-1]
	if last.Name != "field of type 0x0123" || last.Value != "010203" {
		t.Errorf("the unknown field is shown as %q: %q", last.Name, last.Value)
	}
}

func TestBuilderRefuses(t *testing.T) {
	tests := map[string]func(b *bind.Builder){
		"family":           func(b *bind.Builder) { b.Family = "" },
		"family length":    func(b *bind.Builder) { b.Family = strings.Repeat("x", 65) },
		"model":            func(b *bind.Builder) { b.Models = make([]string, 65) },
		"software type":    func(b *bind.Builder) { b.SoftwareType = "a\x1bb" },
		"software version": func(b *bind.Builder) { b.Version = bind.Version{} },
		"note length":      func(b *bind.Builder) { b.Note = strings.Repeat("x", 513) },
		"built":            func(b *bind.Builder) { b.Built = time.Unix(-5, 0) },
	}
	for field, spoil := range tests {
		b := minimal(t)
		spoil(b)
		_, err := b.Header(7, [32]byte{})
		var format *bind.FormatError
		if !errors.As(err, &format) || !strings.HasPrefix(format.Field, strings.TrimSuffix(field, " length")) {
			t.Errorf("%s: got the error %v", field, err)
		}
	}
}

// FuzzCPBHeader checks that what decodes encodes to the same bytes, with unknown fields and in the same order.
func FuzzCPBHeader(f *testing.F) {
	for _, forgery := range forge.Forgeries() {
		f.Add(forgery.Image)
	}
	f.Add(forge.Valid().Image())
	f.Fuzz(func(t *testing.T, image []byte) {
		if len(image) >= 64 {
			// The fuzzer cannot guess a checksum, so it gets a correct one.
			image = bytes.Clone(image)
			forge.Seal(image)
		}
		var file *bind.File
		var err error
		limitAllocation(t, func() { file, err = bind.NewFile(bytes.NewReader(image), int64(len(image))) })
		if err != nil {
			if file != nil {
				t.Fatalf("a file with the error %v", err)
			}
			return
		}
		if file.Facts().Format != bind.CPB {
			return
		}
		header := image[:file.Facts().HeaderLength]
		parsed, err := bind.ParseCPBHeader(header)
		if err != nil {
			t.Fatalf("NewFile read what ParseCPBHeader refuses: %v", err)
		}
		again, err := parsed.Marshal()
		if err != nil || !bytes.Equal(again, header) {
			t.Fatalf("encodes to\n% x\nwant\n% x\nerror %v", again, header, err)
		}
	})
}
