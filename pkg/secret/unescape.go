package secret

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// unescapeSlashes reads what JSON, Go, C and shells write with backslashes.
func unescapeSlashes(text string) string {
	var plain strings.Builder
	for text != "" {
		if text[0] != '\\' || len(text) == 1 {
			plain.WriteByte(text[0])
			text = text[1:]
			continue
		}
		r, isByte, rest, err := readEscape(text)
		switch {
		case err != nil: // of something that needs none
			plain.WriteByte(text[1])
			rest = text[2:]
		case isByte:
			plain.WriteByte(byte(r))
		default:
			plain.WriteRune(r)
		}
		text = rest
	}
	return plain.String()
}

// readEscape reads what begins with a backslash. JSON writes what has no place in 16 bits as two of them.
func readEscape(text string) (r rune, isByte bool, rest string, err error) {
	if r, ok := hexRune(text); ok {
		if low, ok := hexRune(text[6:]); ok && utf16.IsSurrogate(r) {
			return utf16.DecodeRune(r, low), false, text[12:], nil
		}
		return r, false, text[6:], nil
	}
	r, multibyte, rest, err := strconv.UnquoteChar(text, 0)
	return r, r < 256 && !multibyte, rest, err
}

// hexRune reads \uXXXX.
func hexRune(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), err == nil
}

// unescapePercents reads %XX with digits of either case, as far as there are any.
func unescapePercents(text string) string {
	var plain strings.Builder
	for text != "" {
		if text[0] == '%' && len(text) >= 3 {
			if n, err := strconv.ParseUint(text[1:3], 16, 8); err == nil {
				plain.WriteByte(byte(n))
				text = text[3:]
				continue
			}
		}
		plain.WriteByte(text[0])
		text = text[1:]
	}
	return plain.String()
}
