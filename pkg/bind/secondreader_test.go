package bind_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"unicode"
	"unicode/utf8"
)

// secondFacts holds what an image states, every value as text so that two of them compare with ==. Lists are joined
// with a character that no text of an image can contain.
type secondFacts struct {
	family, models, platform, softwareType, version, levels, built, note, updateFrom, keyID, kernel string

	signed bool
}

// A secondRefusal is the step of "What a reader checks" that failed, 0 if none did and -1 if this is not a CPB image,
// and the offset that the error names.
type secondRefusal struct{ step, offset int }

// secondCPB parses a CPB image as docs/bind-format.md describes it.
func secondCPB(file []byte) (facts secondFacts, refusal secondRefusal) {
	if step := secondMagic(file); step != 0 {
		return facts, secondRefusal{step, 0}
	}
	if len(file) < 64 {
		return facts, secondRefusal{1, len(file)}
	}
	headerLength := binary.BigEndian.Uint32(file[0x0C:])
	switch {
	case binary.BigEndian.Uint16(file[0x08:]) != 1:
		return facts, secondRefusal{1, 0x08}
	case headerLength < 64, headerLength > 65536:
		return facts, secondRefusal{1, 0x0C}
	case len(file) < int(headerLength):
		return facts, secondRefusal{2, 0x0C}
	}
	header := file[:headerLength]
	payloadLength := binary.BigEndian.Uint64(header[0x10:])
	switch {
	case crc32.ChecksumIEEE(secondZeroed(header, 0x38, 4)) != binary.BigEndian.Uint32(header[0x38:]):
		return facts, secondRefusal{3, 0x38}
	case binary.BigEndian.Uint16(header[0x0A:]) != 0:
		return facts, secondRefusal{4, 0x0A}
	case binary.BigEndian.Uint32(header[0x3C:]) != 0:
		return facts, secondRefusal{4, 0x3C}
	case payloadLength > 1<<63-1-uint64(headerLength):
		return facts, secondRefusal{4, 0x10}
	}
	if refusal = secondShape(header); refusal.step != 0 {
		return facts, refusal
	}
	facts, refusal = secondFields(header)
	switch {
	case refusal.step != 0:
		return facts, refusal
	case uint64(headerLength)+payloadLength != uint64(len(file)):
		return facts, secondRefusal{8, 0x10}
	case sha256.Sum256(file[headerLength:]) != [32]byte(header[0x18:0x38]):
		return facts, secondRefusal{9, 0x18}
	}
	return facts, refusal
}

// secondMagic returns 0 for a valid magic, 1 for a damaged one and -1 for another kind of file.
func secondMagic(file []byte) int {
	switch {
	case bytes.HasPrefix(file, []byte("\x89CPB\r\n\x1A\n")):
		return 0
	case bytes.HasPrefix(file, []byte("\x89CPB")), secondASCIIMode(file):
		return 1
	}
	return -1
}

// secondASCIIMode reports whether a transfer in ASCII mode damaged the magic.
func secondASCIIMode(file []byte) bool {
	for _, rest := range []string{
		"\n\x1A\n", "\r\x1A\r", "\r\r\x1A\r", "\n\n\x1A\n", "\r\n\x1A\r\n", "\r\r\n\x1A\r\n", "\r\n\r\n\x1A\r\n",
	} {
		if bytes.HasPrefix(file, []byte("\x89CPB"+rest)) || bytes.HasPrefix(file, []byte("\x09CPB"+rest)) {
			return true
		}
	}
	return bytes.HasPrefix(file, []byte("\x09CPB\r\n\x1A\n"))
}

// secondZeroed returns the header with a part of it set to zero.
func secondZeroed(header []byte, offset, length int) []byte {
	header = bytes.Clone(header)
	clear(header[offset : offset+length])
	return header
}

// secondShape checks that the fields fill the header, before it checks any of them.
func secondShape(header []byte) secondRefusal {
	for offset, fields := 0x40, 1; offset < len(header); fields++ {
		if len(header)-offset < 4 {
			return secondRefusal{5, offset}
		}
		next := offset + 4 + int(binary.BigEndian.Uint16(header[offset+2:]))
		if next > len(header) {
			return secondRefusal{5, offset + 2}
		}
		if fields > 1024 {
			return secondRefusal{5, offset}
		}
		offset = next
	}
	return secondRefusal{}
}

// secondFields parses fields whose structure is valid.
func secondFields(header []byte) (facts secondFacts, refusal secondRefusal) {
	count := map[uint16]int{}
	for offset := 0x40; offset < len(header); {
		start, kind := offset, binary.BigEndian.Uint16(header[offset:])
		length := int(binary.BigEndian.Uint16(header[offset+2:]))
		offset += 4 + length
		shortest, longest, most := secondTable(kind)
		if most == 0 {
			if _, _, twin := secondTable(kind ^ 0x8000); twin > 0 || kind&0x8000 != 0 {
				return facts, secondRefusal{6, start}
			}
			continue
		}
		if count[kind]++; count[kind] > most {
			return facts, secondRefusal{6, start}
		}
		if length < shortest || length > longest {
			return facts, secondRefusal{6, start + 2}
		}
		if bad := secondValue(&facts, kind, header[start+4:offset]); bad >= 0 {
			return facts, secondRefusal{6, start + 4 + bad}
		}
	}
	if count[0x0001] == 0 || count[0x0003] == 0 || count[0x0004] == 0 {
		return facts, secondRefusal{7, len(header)}
	}
	return facts, secondRefusal{}
}

// secondTable is the table of fields: the limits of the value's length and how often the field may occur.
func secondTable(kind uint16) (shortest, longest, most int) {
	switch kind {
	case 0x0001:
		return 1, 64, 1
	case 0x0002:
		return 1, 32, 64
	case 0x0003:
		return 1, 32, 1
	case 0x0004, 0x0008:
		return 10, 10, 1
	case 0x8005:
		return 4, 4, 64
	case 0x0006, 0x0009:
		return 8, 8, 1
	case 0x0007:
		return 0, 512, 1
	case 0x800A:
		return 64, 64, 1
	}
	return 0, 0, 0
}

// secondValue stores the value of a known field whose length is valid. It returns the offset of an error in the value,
// -1 if there is none.
func secondValue(facts *secondFacts, kind uint16, value []byte) int {
	text := string(value)
	right := true
	switch kind {
	case 0x0001:
		facts.family = text
		return secondNoText(text)
	case 0x0002:
		facts.models += text + "\n"
		return secondNoText(text)
	case 0x0003:
		facts.softwareType = text
		return secondNoText(text)
	case 0x0007:
		facts.note = text
		return secondNoText(text)
	case 0x0004, 0x0008:
		var number [5]uint16
		for i := range number {
			number[i] = binary.BigEndian.Uint16(value[2*i:])
		}
		right = number != [5]uint16{}
		if kind == 0x0004 {
			facts.version = fmt.Sprint(number)
		} else {
			facts.updateFrom = fmt.Sprint(number)
		}
	case 0x8005:
		lowest, highest := binary.BigEndian.Uint16(value), binary.BigEndian.Uint16(value[2:])
		facts.levels += fmt.Sprintf("%d-%d\n", lowest, highest)
		right = 1 <= lowest && lowest <= highest
	case 0x0006:
		built := binary.BigEndian.Uint64(value)
		facts.built = fmt.Sprint(built)
		right = built <= 253_402_300_799
	case 0x0009:
		facts.keyID = hex.EncodeToString(value)
	case 0x800A:
		facts.signed = true
	}
	if right {
		return -1
	}
	return 0
}

// secondNoText returns the offset of the first byte that a text must not contain, -1 if there is none.
func secondNoText(text string) int {
	for i, char := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); unicode.IsControl(char) || char == utf8.RuneError && size == 1 {
			return i
		}
	}
	return -1
}

// secondSignature returns the result of checking the signature of a CPB image that is otherwise valid.
func secondSignature(image []byte, trusted []ed25519.PublicKey) string {
	header := secondZeroed(image[:binary.BigEndian.Uint32(image[0x0C:])], 0x38, 4)
	var signature, keyID []byte
	for offset := 0x40; offset < len(header); {
		value := offset + 4
		offset = value + int(binary.BigEndian.Uint16(header[value-2:]))
		switch binary.BigEndian.Uint16(header[value-4:]) {
		case 0x0009:
			keyID = header[value:offset]
		case 0x800A:
			signature = bytes.Clone(header[value:offset])
			header = secondZeroed(header, value, 64)
		}
	}
	if signature == nil {
		return "none"
	}
	namesKey := !bytes.Equal(keyID, make([]byte, len(keyID)))
	answer := "no key"
	for _, key := range trusted {
		// DER encodes the SubjectPublicKeyInfo of every Ed25519 key in this way.
		id := sha256.Sum256(append([]byte("\x30\x2A\x30\x05\x06\x03\x2B\x65\x70\x03\x21\x00"), key...))
		switch {
		case namesKey && !bytes.Equal(keyID, id[:8]):
		case ed25519.Verify(key, header, signature):
			return "right"
		default:
			answer = "wrong"
		}
	}
	return answer
}
