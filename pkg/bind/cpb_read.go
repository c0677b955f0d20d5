package bind

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// readCPBFront reads a CPB header and what it states.
func readCPBFront(f *File, r io.ReaderAt) error {
	front, err := readFront(r, cpbPrologue)
	if err != nil {
		return err
	}
	if err := checkCPBPrologue(front); err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint32(cpbHeader(front).headerLength()))
	if f.header, err = readFront(r, length); err != nil {
		return err
	}
	if len(f.header) < length {
		return cpbError(Damaged, "header length", 0x0C, "says %d bytes, the file ends after %d", length, len(f.header))
	}
	header, err := ParseCPBHeader(f.header)
	if err != nil {
		return err
	}
	f.facts.Format = CPB
	f.facts.Size = -1
	f.facts.HeaderLength = int64(length)
	f.facts.PayloadLength = int64(header.PayloadLength)
	f.addCPBPrologue()
	f.addCPBFields(header.Fields)
	return nil
}

// finishCPB compares the stated lengths with the file's size.
func finishCPB(f *File, size int64, _ []byte) error {
	f.facts.Size = size
	payload := size - f.facts.HeaderLength
	switch want := f.facts.PayloadLength; {
	case payload < want:
		return cpbError(Damaged, "payload length", 0x10, "says %d bytes, the file holds %d: %d are missing at its end", want, payload, want-payload)
	case payload > want:
		return cpbError(Damaged, "payload length", 0x10, "says %d bytes, the file holds %d: %d too many at its end", want, payload, payload-want)
	}
	return nil
}

// addCPBPrologue lists the fixed part of the header.
func (f *File) addCPBPrologue() {
	h := cpbHeader(f.header)
	add := func(name string, offset int64, raw []byte, value string) Origin {
		return f.add(name, Header, Documented, offset, raw, value)
	}
	add("magic", 0x00, h.magic(), "CPB")
	add("header version", 0x08, h.version(), fmt.Sprint(cpbVersion))
	add("flags", 0x0A, h.flags(), "none")
	add("header length", 0x0C, h.headerLength(), fmt.Sprint(len(h)))
	add("payload length", 0x10, h.payloadLength(), fmt.Sprint(f.facts.PayloadLength))
	digest := [32]byte(h.payloadSHA256())
	f.facts.PayloadSHA256 = Fact[[32]byte]{digest, add("payload SHA-256", cpbDigestAt, h.payloadSHA256(), hex.EncodeToString(digest[:]))}
	add("header CRC-32", cpbChecksumAt, h.checksum(), fmt.Sprintf("%08x", binary.BigEndian.Uint32(h.checksum())))
	add("reserved", 0x3C, h.reserved(), "0")
}

// addCPBFields lists the fields and collects their values.
func (f *File) addCPBFields(fields []CPBField) {
	names := map[uint16]string{}
	for _, rule := range cpbRules() {
		names[rule.kind] = rule.name
	}
	var ranges []LevelRange
	var at int64 = cpbPrologue
	for _, field := range fields {
		name := names[field.Type]
		if name == "" {
			name = cpbFieldName(field.Type)
		}
		at += cpbFieldHead
		origin := f.add(name, Header, Documented, at, field.Value, cpbFieldValue(field))
		last := &f.fields[len(f.fields)-1]
		last.Head = f.header[at-cpbFieldHead : at]
		if names[field.Type] == "" {
			last.Confidence = Observed // it is there, but its meaning is unknown
		}
		if field.Type == cpbLevels {
			ranges = append(ranges, decodeLevelRange(field.Value))
			f.facts.Levels.Origin = spanning(f.facts.Levels.Origin, origin)
		}
		f.facts.takeCPB(field, origin)
		at += int64(len(field.Value))
	}
	// Each range was checked when the header was parsed, and there are at most as many as a set may have.
	f.facts.Levels.Value, _ = NewLevels(ranges...)
}

// takeCPB stores the value of one field; the caller collects hardware levels.
func (facts *Facts) takeCPB(field CPBField, origin Origin) {
	switch field.Type {
	case cpbFamily:
		facts.Family = Fact[string]{string(field.Value), origin}
	case cpbModel:
		facts.Models = Fact[[]string]{append(facts.Models.Value, string(field.Value)), spanning(facts.Models.Origin, origin)}
	case cpbSoftwareType:
		facts.SoftwareType = Fact[string]{string(field.Value), origin}
	case cpbSoftware:
		facts.Version = Fact[Version]{decodeVersion(field.Value), origin}
	case cpbBuilt:
		facts.Built = Fact[time.Time]{cpbTime(field.Value), origin}
	case cpbNote:
		facts.Note = Fact[string]{string(field.Value), origin}
	case cpbUpdateFrom:
		facts.UpdateFrom = Fact[Version]{decodeVersion(field.Value), origin}
	case cpbKeyID:
		facts.Integrity.Signature.KeyID = KeyID(field.Value)
	case cpbSignature:
		facts.Integrity.Signature.State = NoKey
	}
}

// cpbFieldValue returns a field's value as text: its meaning if the type is known, otherwise its bytes.
func cpbFieldValue(field CPBField) string {
	switch field.Type {
	case cpbFamily, cpbModel, cpbSoftwareType, cpbNote:
		return string(field.Value)
	case cpbSoftware, cpbUpdateFrom:
		return decodeVersion(field.Value).String()
	case cpbLevels:
		r := decodeLevelRange(field.Value)
		return fmt.Sprintf("%d-%d", r.Lowest, r.Highest)
	case cpbBuilt:
		return cpbTime(field.Value).Format(time.RFC3339)
	case cpbKeyID:
		return KeyID(field.Value).String()
	}
	return hex.EncodeToString(field.Value)
}

func cpbTime(value []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(value)), 0).UTC()
}

// spanning returns an origin that extends from the first to the last; the zero Origin is none.
func spanning(first, last Origin) Origin {
	if first.Source == "" {
		return last
	}
	first.Length = last.Offset + last.Length - first.Offset
	return first
}
