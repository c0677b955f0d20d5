// Package forge forges images for tests: CPB images, and kernel parts of OpenStage images, whose checksum is right while
// one thing is wrong.
//
// It writes the bytes itself, from docs/bind-format.md, and takes nothing from package bind but the names of
// problems: a forger that shared the code under test could never prove it wrong.
package forge

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// The types of fields, from docs/bind-format.md.
const (
	Family       = 0x0001
	Model        = 0x0002
	SoftwareType = 0x0003
	Version      = 0x0004
	Levels       = 0x8005
	Built        = 0x0006
	Note         = 0x0007
	UpdateFrom   = 0x0008
	KeyID        = 0x0009
	Signature    = 0x800A
)

// A Field is one field as it is written: nothing about it need be right.
type Field struct {
	Type  uint16
	Value []byte
}

// Parts is an image in pieces that can be bent before they are put together.
type Parts struct {
	Fields  []Field
	Payload []byte
	Bend    func(image []byte) // changes the bytes before the checksum is computed; nil for none
}

// Valid returns the parts of an image in which every field stands once and nothing is wrong but the signature.
func Valid() Parts {
	return Parts{
		Fields: []Field{
			{Family, []byte("OpenScape Desk Phone CP")},
			{Model, []byte("CP600")},
			{SoftwareType, []byte("Unify HFA")},
			{Version, []byte{0, 1, 0, 0, 0, 9, 0, 2, 0, 0}},
			{Levels, []byte{0, 1, 0, 3}},
			{Built, []byte{0, 0, 0, 0, 0x69, 0xa5, 0x54, 0xd8}},
			{Note, []byte("ask the builder")},
			{UpdateFrom, []byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0}},
			{KeyID, []byte("12345678")},
			{Signature, make([]byte, 64)},
		},
		Payload: []byte("a payload with\nline\r\nends, to see what a transfer does to it\n"),
	}
}

// Image puts the parts together: lengths and digest of what is there, then the bending, then the checksum over as
// much as the bent header length covers.
func (p Parts) Image() []byte {
	header := make([]byte, 64)
	copy(header, "\x89CPB\r\n\x1a\n")
	binary.BigEndian.PutUint16(header[0x08:], 1)
	for _, f := range p.Fields {
		header = binary.BigEndian.AppendUint16(header, f.Type)
		header = binary.BigEndian.AppendUint16(header, uint16(len(f.Value)))
		header = append(header, f.Value...)
	}
	binary.BigEndian.PutUint32(header[0x0C:], uint32(len(header)))
	binary.BigEndian.PutUint64(header[0x10:], uint64(len(p.Payload)))
	digest := sha256.Sum256(p.Payload)
	copy(header[0x18:], digest[:])
	image := append(header, p.Payload...)
	if p.Bend != nil {
		p.Bend(image)
	}
	Seal(image)
	return image
}

// Seal writes the right checksum for whatever the header's length says, if the file has that much.
func Seal(image []byte) {
	length := int64(binary.BigEndian.Uint32(image[0x0C:]))
	if length < 64 || length > int64(len(image)) {
		return
	}
	clear(image[0x38:0x3C])
	binary.BigEndian.PutUint32(image[0x38:], crc32.ChecksumIEEE(image[:length]))
}

// HeaderLength is how long the header of the parts is.
func (p Parts) HeaderLength() int64 { return p.at(len(p.Fields)) }

// at is the offset of field i.
func (p Parts) at(i int) int64 {
	offset := int64(64)
	for _, f := range p.Fields[:i] {
		offset += 4 + int64(len(f.Value))
	}
	return offset
}

// index is where the first field of the type stands.
func (p Parts) index(kind uint16) int {
	return slices.IndexFunc(p.Fields, func(f Field) bool { return f.Type == kind })
}

// with returns the parts with another value in the field of the type.
func (p Parts) with(kind uint16, value []byte) Parts {
	p.Fields = slices.Clone(p.Fields)
	p.Fields[p.index(kind)].Value = value
	return p
}

// retyped returns the parts with another type for a field.
func (p Parts) retyped(kind, other uint16) Parts {
	p.Fields = slices.Clone(p.Fields)
	p.Fields[p.index(kind)].Type = other
	return p
}

// without returns the parts without the field of the type.
func (p Parts) without(kind uint16) Parts {
	i := p.index(kind)
	p.Fields = slices.Delete(slices.Clone(p.Fields), i, i+1)
	return p
}

// and returns the parts with more fields at the end.
func (p Parts) and(fields ...Field) Parts {
	p.Fields = append(slices.Clone(p.Fields), fields...)
	return p
}

// bent returns the parts with bytes changed at an offset.
func (p Parts) bent(offset int, bytes ...byte) Parts {
	p.Bend = func(image []byte) { copy(image[offset:], bytes) }
	return p
}
