package bind

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A CPBHeader is the content of a CPB header. What decodes encodes to the same bytes, including unknown fields and the
// order of fields.
type CPBHeader struct {
	PayloadLength uint64
	PayloadSHA256 [32]byte
	Fields        []CPBField
}

// A CPBField is one field of a CPB header: its type, whose top bit marks a critical field, and its value as raw bytes.
type CPBField struct {
	Type  uint16
	Value []byte
}

// ParseCPBHeader decodes a whole CPB header, from the magic to the end of the last field, and checks every rule of the
// format that needs no payload. Values share header's memory. The error is a [*FormatError], or [ErrNotBind].
func ParseCPBHeader(header []byte) (*CPBHeader, error) {
	if err := checkCPBPrologue(header); err != nil {
		return nil, err
	}
	h := cpbHeader(header)
	if want := binary.BigEndian.Uint32(h.headerLength()); int64(want) != int64(len(header)) {
		return nil, cpbError(Damaged, "header length", 0x0C, "says %d bytes, %d are there", want, len(header))
	}
	if stored, computed := binary.BigEndian.Uint32(h.checksum()), h.computeChecksum(); stored != computed {
		return nil, cpbError(Damaged, "header CRC-32", cpbChecksumAt, "says %08x, the header's bytes give %08x", stored, computed)
	}
	if flags := binary.BigEndian.Uint16(h.flags()); flags != 0 {
		return nil, cpbError(Unsupported, "flags", 0x0A, "hold 0x%04x, this version knows none", flags)
	}
	if reserved := binary.BigEndian.Uint32(h.reserved()); reserved != 0 {
		return nil, cpbError(Malformed, "reserved", 0x3C, "holds 0x%08x, must be 0", reserved)
	}
	payload := binary.BigEndian.Uint64(h.payloadLength())
	if payload > uint64(math.MaxInt64-len(header)) {
		return nil, cpbError(Malformed, "payload length", 0x10, "says %d bytes, more than any file holds", payload)
	}
	fields, err := parseCPBFields(header)
	if err != nil {
		return nil, err
	}
	return &CPBHeader{payload, [32]byte(h.payloadSHA256()), fields}, nil
}

// checkCPBPrologue checks what must be valid before the rest of the header can be read: magic, version and length.
func checkCPBPrologue(front []byte) error {
	if !looksLikeCPB(front) {
		return ErrNotBind
	}
	if !bytes.HasPrefix(front, []byte(cpbMagic)) {
		if inASCIIMode(front) {
			return cpbError(ASCIIMode, "magic", 0, "line ends or the eighth bit were changed: the image went through a transfer in ASCII mode")
		}
		return cpbError(Damaged, "magic", 0, "is % x, must be % x", front[:min(len(front), 8)], cpbMagic)
	}
	if len(front) < cpbPrologue {
		return cpbError(Damaged, "prologue", int64(len(front)), "the file ends here, the prologue has %d bytes", cpbPrologue)
	}
	h := cpbHeader(front)
	if v := binary.BigEndian.Uint16(h.version()); v != cpbVersion {
		return cpbError(Unsupported, "header version", 0x08, "is %d, this version reads %d", v, cpbVersion)
	}
	if n := binary.BigEndian.Uint32(h.headerLength()); n < cpbPrologue || n > cpbMaxHeader {
		return cpbError(Damaged, "header length", 0x0C, "says %d bytes, must be %d to %d", n, cpbPrologue, cpbMaxHeader)
	}
	return nil
}

// looksLikeCPB reports whether these bytes were meant to be CPB, however damaged: a damaged CPB image must never be
// reported as "not a bind".
func looksLikeCPB(front []byte) bool {
	return bytes.HasPrefix(front, []byte(cpbMagic[:4])) || inASCIIMode(front)
}

// inASCIIMode reports whether the bytes start with the magic as a transfer in ASCII mode leaves it: line ends
// translated, or the eighth bit lost, or both.
func inASCIIMode(front []byte) bool {
	rest, found := bytes.CutPrefix(front, []byte(cpbMagic[:4]))
	stripped := false
	if !found {
		rest, stripped = bytes.CutPrefix(front, []byte("\x09CPB"))
	}
	if !found && !stripped {
		return false
	}
	if stripped && bytes.HasPrefix(rest, []byte(cpbMagic[4:])) {
		return true
	}
	forms := []string{
		"\n\x1a\n",         // CR LF became LF
		"\r\x1a\r",         // CR LF and LF became CR
		"\r\r\x1a\r",       // LF became CR
		"\n\n\x1a\n",       // CR became LF
		"\r\n\x1a\r\n",     // lone LF became CR LF
		"\r\r\n\x1a\r\n",   // every LF became CR LF
		"\r\n\r\n\x1a\r\n", // CR and LF each became CR LF
	}
	return slices.ContainsFunc(forms, func(form string) bool { return bytes.HasPrefix(rest, []byte(form)) })
}

// parseCPBFields splits the bytes after the prologue into fields and checks each against the table.
func parseCPBFields(header []byte) ([]CPBField, error) {
	count, err := countCPBFields(header)
	if err != nil {
		return nil, err
	}
	rules := cpbRules()
	seen := make([]int, len(rules))
	fields := make([]CPBField, 0, count)
	for at := cpbPrologue; at < len(header); {
		kind := binary.BigEndian.Uint16(header[at:])
		length := int(binary.BigEndian.Uint16(header[at+2:]))
		field := CPBField{kind, header[at+cpbFieldHead:][:length]}
		if err := checkCPBField(rules, seen, field, int64(at)); err != nil {
			return nil, err
		}
		fields = append(fields, field)
		at += cpbFieldHead + length
	}
	for i, rule := range rules {
		if seen[i] < rule.min {
			return nil, cpbError(Malformed, rule.name, int64(len(header)), "is missing: the header ends without it")
		}
	}
	return fields, nil
}

// countCPBFields walks through the lengths once, so that nothing is allocated before they are known to be valid.
func countCPBFields(header []byte) (int, error) {
	count := 0
	for at := cpbPrologue; at < len(header); count++ {
		left := len(header) - at
		if left < cpbFieldHead {
			return 0, cpbError(Malformed, "field", int64(at), "%d bytes are left in the header, a field needs %d for type and length", left, cpbFieldHead)
		}
		kind, length := binary.BigEndian.Uint16(header[at:]), int(binary.BigEndian.Uint16(header[at+2:]))
		if length > left-cpbFieldHead {
			return 0, cpbError(Malformed, cpbFieldName(kind)+" length", int64(at+2), "says %d bytes, %d are left in the header", length, left-cpbFieldHead)
		}
		if count == cpbMaxFields {
			return 0, cpbError(Malformed, "field", int64(at), "too many fields: a header holds at most %d", cpbMaxFields)
		}
		at += cpbFieldHead + length
	}
	return count, nil
}

// checkCPBField checks one field that starts at the given offset, and counts it in seen.
func checkCPBField(rules []cpbRule, seen []int, f CPBField, at int64) error {
	i := slices.IndexFunc(rules, func(r cpbRule) bool { return r.kind&^cpbCritical == f.Type&^cpbCritical })
	if i < 0 {
		if f.Type&cpbCritical != 0 {
			return cpbError(Unsupported, cpbFieldName(f.Type), at, "is critical and not known to this version, so the image must be refused")
		}
		return nil
	}
	rule := rules[i]
	if rule.kind != f.Type {
		return cpbError(Malformed, rule.name, at, "has type 0x%04x, must be 0x%04x: the critical bit is wrong", f.Type, rule.kind)
	}
	if seen[i]++; seen[i] > rule.max {
		return cpbError(Malformed, rule.name, at, "is occurrence number %d, at most %d are allowed", seen[i], rule.max)
	}
	if n := len(f.Value); n < rule.low || n > rule.high {
		want := fmt.Sprintf("%d to %d", rule.low, rule.high)
		if rule.low == rule.high {
			want = fmt.Sprint(rule.low)
		}
		return cpbError(Malformed, rule.name+" length", at+2, "says %d bytes, must be %s", n, want)
	}
	if rule.text {
		return checkText(CPB, rule.name, f.Value, at+cpbFieldHead)
	}
	return checkCPBValue(rule, f.Value, at+cpbFieldHead)
}

// checkCPBValue checks the values that are numbers.
func checkCPBValue(rule cpbRule, value []byte, at int64) error {
	switch rule.kind {
	case cpbSoftware, cpbUpdateFrom:
		if decodeVersion(value).IsZero() {
			return cpbError(Malformed, rule.name, at, "is all zero, which is not a valid value")
		}
	case cpbLevels:
		if _, err := NewLevels(decodeLevelRange(value)); err != nil {
			return cpbError(Malformed, rule.name, at, "%v", err)
		}
	case cpbBuilt:
		if seconds := binary.BigEndian.Uint64(value); seconds > cpbLastSecond {
			return cpbError(Malformed, rule.name, at, "says %d seconds, which is after the year 9999", seconds)
		}
	}
	return nil
}

// cpbLastSecond is the end of the year 9999, the last time that RFC 3339, and so JSON, can represent.
const cpbLastSecond = 253402300799

// checkText checks that text from an image is UTF-8 without control characters.
func checkText(format Format, name string, value []byte, at int64) error {
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && size == 1 {
			return &FormatError{format, Malformed, name, at + int64(i), fmt.Sprintf("byte 0x%02x is not UTF-8", value[i])}
		}
		if unicode.IsControl(r) {
			return &FormatError{format, Malformed, name, at + int64(i), fmt.Sprintf("contains the control character U+%04X", r)}
		}
		i += size
	}
	return nil
}

// Marshal encodes the header, and computes its lengths and checksum. It fails if the result would not decode.
func (h *CPBHeader) Marshal() ([]byte, error) {
	size := cpbPrologue
	for _, f := range h.Fields {
		if len(f.Value) > math.MaxUint16 {
			return nil, cpbError(Malformed, cpbFieldName(f.Type)+" length", int64(size+2), "would be %d bytes, a field holds at most %d", len(f.Value), math.MaxUint16)
		}
		size += cpbFieldHead + len(f.Value)
	}
	if size > cpbMaxHeader {
		return nil, cpbError(Malformed, "header length", 0x0C, "would be %d bytes, at most %d are allowed", size, cpbMaxHeader)
	}
	out := make(cpbHeader, cpbPrologue, size)
	copy(out.magic(), cpbMagic)
	binary.BigEndian.PutUint16(out.version(), cpbVersion)
	binary.BigEndian.PutUint32(out.headerLength(), uint32(size))
	binary.BigEndian.PutUint64(out.payloadLength(), h.PayloadLength)
	copy(out.payloadSHA256(), h.PayloadSHA256[:])
	for _, f := range h.Fields {
		out = binary.BigEndian.AppendUint16(out, f.Type)
		out = binary.BigEndian.AppendUint16(out, uint16(len(f.Value)))
		out = append(out, f.Value...)
	}
	out.seal()
	if _, err := ParseCPBHeader(out); err != nil {
		return nil, err
	}
	return out, nil
}

func decodeVersion(b []byte) Version {
	u := func(i int) uint16 { return binary.BigEndian.Uint16(b[2*i:]) }
	return Version{Major: u(0), SubMajor: u(1), Release: u(2), Fix: u(3), Hotfix: u(4)}
}

func encodeVersion(v Version) []byte {
	var b []byte
	for _, n := range []uint16{v.Major, v.SubMajor, v.Release, v.Fix, v.Hotfix} {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

func decodeLevelRange(b []byte) LevelRange {
	return LevelRange{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}
}

func encodeLevelRange(r LevelRange) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, r.Lowest), r.Highest)
}

// cpbFieldName returns the name of a field type, with or without the critical bit, or its number.
func cpbFieldName(kind uint16) string {
	for _, rule := range cpbRules() {
		if rule.kind&^cpbCritical == kind&^cpbCritical {
			return rule.name
		}
	}
	return fmt.Sprintf("field of type 0x%04x", kind)
}

func cpbError(problem Problem, field string, offset int64, format string, args ...any) *FormatError {
	return &FormatError{CPB, problem, field, offset, fmt.Sprintf(format, args...)}
}
