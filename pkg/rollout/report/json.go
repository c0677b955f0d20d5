package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// WriteJSON writes the report as one JSON document. The text of a phone cannot reach a terminal as a control character.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(jsonEscaper{w})
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// A jsonEscaper escapes the characters that JSON allows and that are not visible.
type jsonEscaper struct{ w io.Writer }

// Write escapes and writes a whole document, as the encoder passes it.
func (e jsonEscaper) Write(text []byte) (int, error) {
	out := bufio.NewWriter(e.w) // keeps its first error for Flush
	from := 0
	for i := 0; i < len(text); {
		if text[i] < 0x7F {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if !bind.Prints(r) {
			_, _ = out.Write(text[from:i])
			from = i + size
			if r > 0xFFFF {
				fmt.Fprintf(out, `\u%04x\u%04x`, (r-0x10000)>>10+0xD800, (r-0x10000)&0x3FF+0xDC00)
			} else {
				fmt.Fprintf(out, `\u%04x`, r)
			}
		}
		i += size
	}
	_, _ = out.Write(text[from:])
	return len(text), out.Flush()
}
