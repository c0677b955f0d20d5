package forge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Forgery is an image with one thing wrong, and what must be said about it.
type Forgery struct {
	Name    string
	Image   []byte
	Problem bind.Problem
	Field   string
	Offset  int64
	Payload bool // only who reads the payload can see it
}

// fieldForm is what the format says about a field.
type fieldForm struct {
	kind      uint16
	name      string
	low, high int // bytes
	most      int // times
	required  bool
	text      bool
}

func fieldForms() []fieldForm {
	return []fieldForm{
		{Family, "family", 1, 64, 1, true, true},
		{Model, "model", 1, 32, 64, false, true},
		{SoftwareType, "software type", 1, 32, 1, true, true},
		{Version, "software version", 10, 10, 1, true, false},
		{Levels, "supported hardware levels", 4, 4, 64, false, false},
		{Built, "built", 8, 8, 1, false, false},
		{Note, "note", 0, 512, 1, false, true},
		{UpdateFrom, "lowest version to update from", 10, 10, 1, false, false},
		{KeyID, "signing key id", 8, 8, 1, false, false},
		{Signature, "signature", 64, 64, 1, false, false},
	}
}

// Forgeries returns every forgery: each is wrong in exactly one way.
func Forgeries() []Forgery {
	var all []Forgery
	all = append(all, prologueForgeries()...)
	for _, form := range fieldForms() {
		all = append(all, fieldForgeries(form)...)
		if form.text {
			all = append(all, textForgeries(form)...)
		}
	}
	all = append(all, valueForgeries()...)
	all = append(all, structureForgeries()...)
	all = append(all, transferForgeries()...)
	return all
}

// prologueForgeries bends the fixed part of the header.
func prologueForgeries() []Forgery {
	v := Valid()
	header := int(v.HeaderLength())
	length := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	payload := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	there := uint64(len(v.Payload))
	return []Forgery{
		{"header version 0", v.bent(0x08, 0, 0).Image(), bind.Unsupported, "header version", 0x08, false},
		{"header version 2", v.bent(0x08, 0, 2).Image(), bind.Unsupported, "header version", 0x08, false},
		{"a flag set", v.bent(0x0A, 0, 1).Image(), bind.Unsupported, "flags", 0x0A, false},
		{"all flags set", v.bent(0x0A, 0xFF, 0xFF).Image(), bind.Unsupported, "flags", 0x0A, false},
		{"reserved not zero", v.bent(0x3C, 0, 0, 0, 1).Image(), bind.Malformed, "reserved", 0x3C, false},
		{"header length 0", v.bent(0x0C, length(0)...).Image(), bind.Damaged, "header length", 0x0C, false},
		{"header length 63", v.bent(0x0C, length(63)...).Image(), bind.Damaged, "header length", 0x0C, false},
		{"header length 65537", v.bent(0x0C, length(65537)...).Image(), bind.Damaged, "header length", 0x0C, false},
		{"header length 4 GiB", v.bent(0x0C, length(1<<32-1)...).Image(), bind.Damaged, "header length", 0x0C, false},
		{"header length past the file", v.bent(0x0C, length(uint32(header)+uint32(there)+1)...).Image(), bind.Damaged, "header length", 0x0C, false},
		{"header length one too short", v.bent(0x0C, length(uint32(header-1))...).Image(), bind.Malformed, "signature length", v.at(9) + 2, false},
		{"header length one too long", v.bent(0x0C, length(uint32(header+1))...).Image(), bind.Malformed, "field", int64(header), false},
		{"header length only the prologue", v.bent(0x0C, length(64)...).Image(), bind.Malformed, "family", 64, false},
		{"payload length one too short", v.bent(0x10, payload(there-1)...).Image(), bind.Damaged, "payload length", 0x10, false},
		{"payload length one too long", v.bent(0x10, payload(there+1)...).Image(), bind.Damaged, "payload length", 0x10, false},
		{"payload length 0", v.bent(0x10, payload(0)...).Image(), bind.Damaged, "payload length", 0x10, false},
		{"payload length 4 GiB", v.bent(0x10, payload(1<<32)...).Image(), bind.Damaged, "payload length", 0x10, false},
		{"payload length that overflows", v.bent(0x10, payload(1<<63-1)...).Image(), bind.Malformed, "payload length", 0x10, false},
		{"payload length -1", v.bent(0x10, payload(1<<64-1)...).Image(), bind.Malformed, "payload length", 0x10, false},
		{"digest of another payload", v.bent(0x18, 0, 0, 0).Image(), bind.Damaged, "payload SHA-256", 0x18, true},
		{"a payload byte changed", changed(v.Image(), header+5), bind.Damaged, "payload SHA-256", 0x18, true},
		{"checksum wrong", changed(v.Image(), 0x38), bind.Damaged, "header CRC-32", 0x38, false},
		{"a header byte changed", changed(v.Image(), 0x50), bind.Damaged, "header CRC-32", 0x38, false},
	}
}

// changed returns the image with one byte changed and nothing mended.
func changed(image []byte, at int) []byte {
	image[at] ^= 0x20
	return image
}

// fieldForgeries bends length, number and type of one field.
func fieldForgeries(form fieldForm) []Forgery {
	v := Valid()
	at := v.at(v.index(form.kind))
	value := v.Fields[v.index(form.kind)].Value
	var all []Forgery
	if form.low > 0 {
		all = append(all, Forgery{
			form.name + " too short", v.with(form.kind, bytes.Repeat([]byte("x"), form.low-1)).Image(),
			bind.Malformed, form.name + " length", at + 2, false,
		})
	}
	all = append(all, Forgery{
		form.name + " too long", v.with(form.kind, bytes.Repeat([]byte("x"), form.high+1)).Image(),
		bind.Malformed, form.name + " length", at + 2, false,
	}, Forgery{
		form.name + " with the wrong critical bit", v.retyped(form.kind, form.kind^0x8000).Image(),
		bind.Malformed, form.name, at, false,
	})

	many := v.without(form.kind)
	for range form.most + 1 {
		many = many.and(Field{form.kind, value})
	}
	all = append(all, Forgery{
		fmt.Sprintf("%s %d times", form.name, form.most+1), many.Image(),
		bind.Malformed, form.name, many.at(len(many.Fields) - 1), false,
	})
	if form.required {
		missing := v.without(form.kind)
		all = append(all, Forgery{form.name + " missing", missing.Image(), bind.Malformed, form.name, missing.HeaderLength(), false})
	}

	// The field stands last and says that it goes on behind the header's end.
	last := v.without(form.kind).and(Field{form.kind, value})
	lengthAt := last.at(len(last.Fields)-1) + 2
	for name, length := range map[string]uint16{"one byte past the header": uint16(len(value)) + 1, "64 KiB past the header": 0xFFFF} {
		all = append(all, Forgery{
			form.name + " " + name, last.bent(int(lengthAt), byte(length>>8), byte(length)).Image(),
			bind.Malformed, form.name + " length", lengthAt, false,
		})
	}
	return all
}

// textForgeries puts what is no plain text into a text field, behind one good character.
func textForgeries(form fieldForm) []Forgery {
	v := Valid()
	at := v.at(v.index(form.kind)) + 4 + 1
	var all []Forgery
	for name, text := range map[string]string{
		"NUL": "x\x00y", "line feed": "x\ny", "escape sequence": "x\x1b[2J", "delete": "x\x7fy", "C1 control": "x\u0085y",
		"CSI of 8 bits": "x\u009b2J", "byte FF": "x\xffy", "cut UTF-8": "x\xc3", "surrogate": "x\xed\xa0\x80", "overlong UTF-8": "x\xc0\x80",
		"beyond Unicode": "x\xf4\x90\x80\x80",
	} {
		all = append(all, Forgery{form.name + " with " + name, v.with(form.kind, []byte(text)).Image(), bind.Malformed, form.name, at, false})
	}
	return all
}

// valueForgeries states numbers that mean nothing.
func valueForgeries() []Forgery {
	v := Valid()
	value := func(kind uint16) int64 { return v.at(v.index(kind)) + 4 }
	levels := value(Levels)
	return []Forgery{
		{"lowest level above highest", v.with(Levels, []byte{0, 4, 0, 3}).Image(), bind.Malformed, "supported hardware levels", levels, false},
		{"level 0 alone", v.with(Levels, []byte{0, 0, 0, 0}).Image(), bind.Malformed, "supported hardware levels", levels, false},
		{"levels from 0", v.with(Levels, []byte{0, 0, 0, 3}).Image(), bind.Malformed, "supported hardware levels", levels, false},
		{"version all zero", v.with(Version, make([]byte, 10)).Image(), bind.Malformed, "software version", value(Version), false},
		{"stepping stone all zero", v.with(UpdateFrom, make([]byte, 10)).Image(), bind.Malformed, "lowest version to update from", value(UpdateFrom), false},
		{"built after the year 9999", v.with(Built, []byte{0, 0, 0, 0x3a, 0xff, 0xf4, 0x41, 0x80}).Image(), bind.Malformed, "built", value(Built), false},
		{"built at the end of time", v.with(Built, bytes.Repeat([]byte{0xFF}, 8)).Image(), bind.Malformed, "built", value(Built), false},
	}
}

// structureForgeries bends what holds the fields together.
func structureForgeries() []Forgery {
	v := Valid()
	end := v.HeaderLength()
	all := []Forgery{
		{"unknown critical field", v.and(Field{0x800B, []byte("x")}).Image(), bind.Unsupported, "field of type 0x800b", end, false},
		{"highest critical field", v.and(Field{0xFFFF, nil}).Image(), bind.Unsupported, "field of type 0xffff", end, false},
		{"unknown field past the header", v.and(Field{0x0100, nil}).bent(int(end)+2, 0, 1).Image(), bind.Malformed, "field of type 0x0100 length", end + 2, false},
		{"no field at all", Parts{Payload: v.Payload}.Image(), bind.Malformed, "family", 64, false},
	}
	many := v
	for range 1024 - len(v.Fields) + 1 {
		many = many.and(Field{0x0100, nil})
	}
	all = append(all, Forgery{"1,025 fields", many.Image(), bind.Malformed, "field", many.at(1024), false})
	for left := 1; left <= 3; left++ {
		// The header's last bytes are the payload's first: the checksum covers them.
		short := v.bent(0x0C, binary.BigEndian.AppendUint32(nil, uint32(end)+uint32(left))...)
		all = append(all, Forgery{fmt.Sprintf("%d bytes left behind the last field", left), short.Image(), bind.Malformed, "field", end, false})
	}
	return all
}

// transferForgeries is what a broken transfer makes of a good image.
func transferForgeries() []Forgery {
	v := Valid()
	whole := string(v.Image())
	header := v.HeaderLength()
	strip := func(s string) string {
		b := []byte(s)
		for i := range b {
			b[i] &= 0x7F
		}
		return string(b)
	}
	unix := strings.ReplaceAll(whole, "\r\n", "\n")
	ascii := map[string]string{
		"to Unix":                          unix,
		"to Windows":                       strings.ReplaceAll(unix, "\n", "\r\n"),
		"to Windows, every line feed":      strings.ReplaceAll(whole, "\n", "\r\n"),
		"to an old Mac":                    strings.ReplaceAll(unix, "\n", "\r"),
		"to an old Mac, every line feed":   strings.ReplaceAll(whole, "\n", "\r"),
		"from an old Mac":                  strings.ReplaceAll(whole, "\r", "\n"),
		"from an old Mac to Windows":       strings.ReplaceAll(strings.ReplaceAll(whole, "\r", "\n"), "\n", "\r\n"),
		"over 7 bits":                      strip(whole),
		"to Unix over 7 bits":              strip(unix),
		"to Windows over 7 bits, every LF": strip(strings.ReplaceAll(whole, "\n", "\r\n")),
	}
	var all []Forgery
	for name, image := range ascii {
		all = append(all, Forgery{"ASCII mode " + name, []byte(image), bind.ASCIIMode, "magic", 0, false})
	}
	for _, cut := range []struct {
		at      int64
		field   string
		offset  int64
		problem bind.Problem
	}{
		{4, "magic", 0, bind.Damaged},
		{7, "magic", 0, bind.Damaged},
		{8, "prologue", 8, bind.Damaged},
		{63, "prologue", 63, bind.Damaged},
		{64, "header length", 0x0C, bind.Damaged},
		{header - 1, "header length", 0x0C, bind.Damaged},
		{header, "payload length", 0x10, bind.Damaged},
		{int64(len(whole)) - 1, "payload length", 0x10, bind.Damaged},
	} {
		all = append(all, Forgery{fmt.Sprintf("cut after %d bytes", cut.at), []byte(whole[:cut.at]), cut.problem, cut.field, cut.offset, false})
	}
	return append(all,
		Forgery{"one trailing byte", []byte(whole + "\n"), bind.Damaged, "payload length", 0x10, false},
		Forgery{"twice in one file", []byte(whole + whole), bind.Damaged, "payload length", 0x10, false},
		Forgery{"magic broken at its end", []byte(whole[:7] + "X" + whole[8:]), bind.Damaged, "magic", 0, false},
	)
}
