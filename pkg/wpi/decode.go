package wpi

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decode returns the text of a message in UTF-8, without the XML declaration and whatever is no character of XML. It takes
// UTF-8 and UTF-16, which XML demands, and what declares itself as one of the single-byte encodings of western Europe. A byte
// that UTF-8 does not allow is taken for one of windows-1252: one wrong letter must not hide what the phone is. Version 1.1
// of XML is read as 1.0.
func decode(text []byte) string {
	text = unicodeText(text)
	decoded := strings.TrimFunc(string(text), func(r rune) bool { return r <= ' ' || r == '\uFEFF' })
	encoding, length := declaration(decoded)
	decoded = decoded[length:]
	table := charmap.Windows1252
	switch encoding {
	case "iso-8859-15", "iso8859-15", "iso_8859-15", "latin-9", "latin9":
		table = charmap.ISO8859_15
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1", "windows-1252", "cp1252", "windows1252":
	default:
		return characters(repair(decoded))
	}
	if !utf8.ValidString(decoded) { // else it is UTF-8, whatever it says, or ASCII
		decoded, _ = table.NewDecoder().String(decoded) // no byte is an error
	}
	return characters(decoded)
}

// unicodeText returns UTF-16 as UTF-8, and all else as it is. UTF-16 is known by its mark, or by a first character that is
// ASCII.
func unicodeText(text []byte) []byte {
	pair := func(i int) uint16 { return uint16(text[i])<<8 | uint16(text[i+1]) } // big-endian
	switch {
	case len(text) < 4:
		return text
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}), text[0] == 0 && text[1] != 0:
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), text[0] != 0 && text[1] == 0 && text[2] != 0:
		pair = func(i int) uint16 { return uint16(text[i+1])<<8 | uint16(text[i]) }
	default:
		return text
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i+1 < len(text); i += 2 {
		r := rune(pair(i))
		if utf16.IsSurrogate(r) {
			if i+3 < len(text) && utf16.DecodeRune(r, rune(pair(i+2))) != utf8.RuneError {
				r = utf16.DecodeRune(r, rune(pair(i+2)))
				i += 2
			} else {
				r = utf8.RuneError
			}
		}
		decoded = utf8.AppendRune(decoded, r)
	}
	return decoded
}

// declaration returns the encoding that an XML declaration states, in small letters, and how long the declaration is.
func declaration(text string) (encoding string, length int) {
	if len(text) < 6 || text[:5] != "<?xml" || text[5] > ' ' {
		return "", 0
	}
	end := strings.Index(text, "?>")
	if end < 0 {
		return "", 0
	}
	_, rest, _ := strings.Cut(text[:end], "encoding")
	rest = strings.TrimLeft(rest, " \t\r\n=")
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		encoding, _, _ = strings.Cut(rest[1:], rest[:1])
	}
	return strings.ToLower(strings.TrimSpace(encoding)), end + 2
}

// repair replaces the bytes that UTF-8 does not allow by the characters that they are in windows-1252.
func repair(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			r = charmap.Windows1252.DecodeByte(text[0])
		}
		b.WriteRune(r)
		text = text[size:]
	}
	return b.String()
}

// reference is a reference to a character by its number.
var reference = regexp.MustCompile(`&#(x[0-9A-Fa-f]+|[0-9]+);`)

// characters replaces what is no character of XML, and references to such, by U+FFFD, and escapes the end of a CDATA section
// where there is none.
func characters(text string) string {
	text = strings.Map(func(r rune) rune {
		if isCharacter(r) {
			return r
		}
		return utf8.RuneError
	}, text)
	if strings.Contains(text, "&#") {
		text = reference.ReplaceAllStringFunc(text, func(s string) string {
			digits, base := s[2:len(s)-1], 10
			if digits[0] == 'x' {
				digits, base = digits[1:], 16
			}
			if n, err := strconv.ParseInt(digits, base, 32); err != nil || !isCharacter(rune(n)) {
				return "\uFFFD"
			}
			return s
		})
	}
	if !strings.Contains(text, "<![CDATA[") {
		text = strings.ReplaceAll(text, "]]>", "]]&gt;")
		if !strings.Contains(text, "<!--") {
			text = bareLess(text)
		}
	}
	return text
}

// bareLess escapes each < after which no tag can begin, such as those in "a < 5" and "<3": it stands for itself. What could be the
// beginning of a tag, as in "a<b", stays an error: two readers could read two different messages.
func bareLess(text string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(text, '<')
		if at < 0 || at+1 == len(text) {
			return b.String() + text
		}
		b.WriteString(text[:at])
		if next := text[at+1]; strings.IndexByte(" \t\r\n<>=&;,.-+*%()[]{}'\"#$@0123456789", next) >= 0 {
			b.WriteString("&lt;")
		} else {
			b.WriteByte('<')
		}
		text = text[at+1:]
	}
}

// isCharacter reports whether XML 1.0 has the character.
func isCharacter(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r >= 0xD800 && r < 0xE000, r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return r <= utf8.MaxRune
}
