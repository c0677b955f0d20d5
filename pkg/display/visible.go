package display

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Visible returns a text with the characters that are not visible, or that change the direction of writing, as \u{...}, and the bytes that
// are no UTF-8 as \x... ([bind.Prints] decides).
func Visible(text string) string {
	if Plain(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case bind.Prints(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += size
	}
	return b.String()
}

// Plain reports whether a text consists of visible ASCII characters.
func Plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
