package bind_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/internal/forge"
)

// secondMutation returns a valid CPB image, in most cases with a change, and in most of those with the checksums
// corrected.
func secondMutation(r *rand.Rand) []byte {
	parts := forge.Valid()
	for range r.IntN(4) {
		parts.Fields = secondMutateFields(r, parts.Fields)
	}
	switch r.IntN(8) {
	case 0:
		parts.Payload = nil
	case 1:
		parts.Payload = bytes.Repeat([]byte("p"), r.IntN(1<<(8+r.IntN(10))))
	}
	image := parts.Image()
	if r.IntN(2) == 0 {
		return image
	}
	for range 1 + r.IntN(3) {
		image = secondMutateBytes(r, image)
	}
	how := r.IntN(6)
	if how == 0 || len(image) < 64 {
		return image
	}
	length := int64(binary.BigEndian.Uint32(image[0x0C:]))
	if length <= int64(len(image)) {
		if how > 1 && how != 3 {
			digest := sha256.Sum256(image[length:])
			copy(image[0x18:], digest[:])
		}
		if how > 2 {
			binary.BigEndian.PutUint64(image[0x10:], uint64(int64(len(image))-length))
		}
	}
	forge.Seal(image)
	return image
}

// secondMutateFields changes one thing in the list of fields.
func secondMutateFields(r *rand.Rand, fields []forge.Field) []forge.Field {
	fields = slices.Clone(fields)
	if len(fields) == 0 {
		return fields
	}
	i := r.IntN(len(fields))
	field := &fields[i]
	switch r.IntN(10) {
	case 0:
		field.Type = secondType(r)
	case 1:
		field.Value = secondValueOf(r, secondType(r))
	case 2, 3:
		field.Value = secondValueOf(r, field.Type)
	case 4:
		field.Value = bytes.Clone(field.Value)
		for range min(len(field.Value), 1+r.IntN(2)) {
			field.Value[r.IntN(len(field.Value))] = byte(r.Uint32())
		}
	case 5:
		kind := secondType(r)
		fields = slices.Insert(fields, i, forge.Field{Type: kind, Value: secondValueOf(r, kind)})
	case 6:
		fields = slices.Delete(fields, i, i+1)
	case 7:
		fields = slices.Insert(fields, r.IntN(len(fields)+1), *field)
	case 8:
		r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	case 9:
		// Half as often as the other cases, because these images are large and have few kinds.
		if r.IntN(2) == 0 {
			fields = secondCrowd(r, fields)
		}
	}
	return fields
}

// secondCrowd extends the fields to one of the format's limits: how often a field occurs, how many fields there are,
// and how long the header is.
func secondCrowd(r *rand.Rand, fields []forge.Field) []forge.Field {
	length := 64
	for _, field := range fields {
		length += 4 + len(field.Value)
	}
	switch r.IntN(4) {
	case 0:
		return append(fields, slices.Repeat([]forge.Field{{Type: forge.Model, Value: []byte("CP200")}}, 62+r.IntN(3))...)
	case 1:
		return append(fields, slices.Repeat([]forge.Field{{Type: forge.Levels, Value: []byte{0, 5, 0, 6}}}, 62+r.IntN(3))...)
	case 2:
		return append(fields, slices.Repeat([]forge.Field{{Type: 0x0100}}, max(0, 1023-len(fields)+r.IntN(3)))...)
	}
	return append(fields, forge.Field{Type: 0x0100, Value: make([]byte, max(0, 65535-length-4+r.IntN(3)))})
}

// secondType returns a known type, one that differs only in the critical bit, or any other.
func secondType(r *rand.Rand) uint16 {
	known := []uint16{
		forge.Family, forge.Model, forge.SoftwareType, forge.Version, forge.Levels, forge.Built,
		forge.Note, forge.UpdateFrom, forge.KeyID, forge.Signature,
	}
	switch r.IntN(8) {
	case 0:
		return uint16(r.Uint32())
	case 1:
		return uint16(r.IntN(0x8000))
	case 2:
		return known[r.IntN(len(known))] ^ 0x8000
	case 3:
		return []uint16{0x0000, 0x000A, 0x000B, 0x7FFF, 0x8000, 0x800B, 0xFFFF}[r.IntN(7)]
	}
	return known[r.IntN(len(known))]
}

// secondValueOf returns a value for a field of the type, near the limits of valid values and on both sides of them.
func secondValueOf(r *rand.Rand, kind uint16) []byte {
	numbers := []uint16{0, 0, 0, 1, 1, 2, 3, 4, 9, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF}
	var value []byte
	switch kind {
	case forge.Family, forge.Model, forge.SoftwareType, forge.Note:
		return []byte(secondText(r))
	case forge.Version, forge.UpdateFrom, forge.Levels:
		for range map[bool]int{true: 2, false: 5}[kind == forge.Levels] {
			value = binary.BigEndian.AppendUint16(value, numbers[r.IntN(len(numbers))])
		}
	case forge.Built:
		seconds := []uint64{0, 1, 1772442840, 253_402_300_798, 253_402_300_799, 253_402_300_800, 1 << 63, 1<<64 - 1}
		value = binary.BigEndian.AppendUint64(value, seconds[r.IntN(len(seconds))])
	case forge.KeyID:
		value = bytes.Repeat([]byte{byte(r.IntN(3))}, 8)
	case forge.Signature:
		value = bytes.Repeat([]byte{byte(r.IntN(3))}, 64)
	default:
		return []byte(secondText(r))
	}
	if r.IntN(8) == 0 {
		return append(value, 0)
	}
	return value[r.IntN(8)/7:]
}

// secondText returns a valid or invalid text.
func secondText(r *rand.Rand) string {
	texts := []string{
		"", " ", "x", " x ", "CP600", "CP600", "ä", "\u00a0", "\u200b", "\ufeff", "\u2028", "\ufffd", "\U0010ffff", "\u202e", "😀",
		"\u0080", "\u009f", "x\x7f", "\x00", "x\x00", "x\ny", "\t", "x\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80",
	}
	if r.IntN(2) == 0 {
		return texts[r.IntN(len(texts))]
	}
	length := []int{32, 64, 512}[r.IntN(3)] - 1 + r.IntN(3)
	if r.IntN(4) == 0 {
		return strings.Repeat("ä", length/2) + strings.Repeat("x", length%2)
	}
	return strings.Repeat("x", length)
}

// secondMutateBytes changes one thing in the bytes of an image.
func secondMutateBytes(r *rand.Rand, image []byte) []byte {
	if len(image) < 64 {
		return image
	}
	image = bytes.Clone(image)
	header := int(min(binary.BigEndian.Uint32(image[0x0C:]), uint32(len(image))))
	longs := []uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<63 - 1 - uint64(header), 1<<63 - uint64(header), 1<<64 - 1, -uint64(header)}
	switch r.IntN(12) {
	case 0:
		image[r.IntN(len(image))] ^= 1 << r.IntN(8)
	case 1, 2:
		image[r.IntN(64)] ^= 1 << r.IntN(8)
	case 3, 4:
		image[r.IntN(max(1, header))] = byte(r.Uint32())
	case 5:
		at := r.IntN(len(image))
		return slices.Insert(image, at, image[at])
	case 6:
		return slices.Delete(image, r.IntN(len(image)/2), len(image)/2)
	case 7:
		return image[:r.IntN(len(image))]
	case 8:
		return append(image, 0)
	case 9:
		lengths := []int{0, 63, 64, 65, header - 1, header + 1, header + 4, len(image), len(image) + 1, 65535, 65536, 65537}
		binary.BigEndian.PutUint32(image[0x0C:], uint32(lengths[r.IntN(len(lengths))]))
	case 10:
		binary.BigEndian.PutUint64(image[0x10:], longs[r.IntN(len(longs))])
	case 11:
		magics := []string{
			"\x89CPB\n\x1a\n", "\x89CPB\r\x1a\r", "\x89CPB\r\r\x1a\r", "\x89CPB\n\n\x1a\n", "\x89CPB\r\n\x1a\r\n", "\x89CPB\r\r\n\x1a\r\n",
			"\x89CPB\r\n\r\n\x1a\r\n", "\x89CPB\r\n\x1a\r", "\x89CPB\r\n\x1a", "\x89CPB", "\x89CP", "\x89PNG\r\n\x1a\n", "\x89CPB\r\n\x1a\n",
		}
		magic := []byte(magics[r.IntN(len(magics))])
		magic[0] &= []byte{0xFF, 0xFF, 0x7F}[r.IntN(3)]
		return append(magic, image[8:]...)
	}
	return image
}

// secondSign writes the right signature and the right CRC to an image that has a signature.
func secondSign(image []byte, key ed25519.PrivateKey) []byte {
	header := secondZeroed(image[:binary.BigEndian.Uint32(image[0x0C:])], 0x38, 4)
	at := bytes.Index(header, []byte{0x80, 0x0A, 0, 64}) + 4
	clear(header[at : at+64])
	image = bytes.Clone(image)
	copy(image[at:], ed25519.Sign(key, header))
	forge.Seal(image)
	return image
}
