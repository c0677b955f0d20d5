package console

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// writeJSON writes one value as JSON, on one line or indented.
func writeJSON(w io.Writer, v any, indent bool) error {
	encoder := json.NewEncoder(jsonEscaper{w})
	encoder.SetEscapeHTML(false)
	if indent {
		encoder.SetIndent("", "  ")
	}
	return encoder.Encode(v)
}

// A jsonEscaper escapes every unprintable character in a JSON document: JSON itself allows the control characters from
// 0x7F on and the bidirectional ones.
type jsonEscaper struct{ w io.Writer }

// Write escapes and writes a whole document, as a JSON encoder passes it.
func (e jsonEscaper) Write(b []byte) (int, error) {
	out := bufio.NewWriter(e.w) // keeps its first error for Flush
	for rest := b; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r < 0x7F || bind.Prints(r):
			_, _ = out.WriteRune(r)
		case r > 0xFFFF:
			high, low := (r-0x10000)>>10+0xD800, (r-0x10000)&0x3FF+0xDC00
			fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(out, `\u%04x`, r)
		}
	}
	return len(b), out.Flush()
}
