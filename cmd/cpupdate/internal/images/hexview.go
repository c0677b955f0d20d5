package images

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// perLine is the number of bytes on one line of the hex view: eight leave room for the meaning on 80 columns.
const perLine = 8

// drawBytes writes the bytes of header and trailer, each field with its meaning.
func drawBytes(w io.Writer, con *console.Console, im *Image) {
	fmt.Fprintln(w, "  offset    bytes                    text      meaning")
	var last bind.Field
	for _, f := range im.fields {
		if f.Source == bind.FromDescriptor {
			continue
		}
		if last.Name != "" {
			drawGap(w, last, f, im.Facts.HeaderLength)
		}
		if len(f.Head) > 0 {
			critical := ""
			if f.Head[0]&0x80 != 0 {
				critical = " (critical)"
			}
			announced := fmt.Sprintf("type 0x%02x%02x%s, length %d", f.Head[0], f.Head[1], critical, len(f.Raw))
			drawChunk(w, f.Offset-int64(len(f.Head)), f.Head, con.Paint(console.Faint, announced))
		}
		drawValue(w, f)
		last = f
	}
	switch end := last.Offset + last.Length; {
	case last.Name == "":
		fmt.Fprintln(w, "  (no known header)")
	case last.Source == bind.Header && im.Facts.PayloadLength >= 0:
		drawGap(w, last, bind.Field{Origin: bind.Origin{Offset: max(im.Facts.HeaderLength, end) + im.Facts.PayloadLength}}, im.Facts.HeaderLength)
	}
	if im.Facts.Described != "" {
		fmt.Fprintf(w, "\n  stated in %s:\n\n", console.Escape(im.Facts.Described))
		for _, f := range im.fields {
			if f.Source == bind.FromDescriptor {
				fmt.Fprintf(w, "  %08x  %s\n", f.Offset, console.Escape(string(f.Raw)))
			}
		}
	}
}

// meaning returns the name of a field, with its value if that says more than the bytes.
func meaning(f bind.Field) string {
	if f.Value == "" || strings.EqualFold(f.Value, hex.EncodeToString(f.Raw)) {
		return f.Name
	}
	return f.Name + ": " + f.Value
}

// drawGap writes what is between two fields: padding, payload, or both.
func drawGap(w io.Writer, last, next bind.Field, headerEnd int64) {
	from, to := last.Offset+last.Length, next.Offset-int64(len(next.Head))
	draw := func(from, to int64, what string) {
		if from < to {
			fmt.Fprintf(w, "  %08x  (%s of %s)\n", from, console.Plural(int(to-from), "byte"), what)
		}
	}
	if last.Source == bind.Trailer || to <= headerEnd {
		draw(from, to, "padding")
		return
	}
	draw(from, headerEnd, "padding")
	draw(headerEnd, to, "payload")
}

// drawValue writes the bytes of a value; the meaning starts next to the first line and continues next to the others.
func drawValue(w io.Writer, f bind.Field) {
	const column = 46
	lines := strings.Split(console.Wrap(console.Escape(meaning(f)), 0, 80-column), "\n")
	if len(f.Raw) == 0 {
		drawChunk(w, f.Offset, nil, lines[0])
	}
	for i := 0; i*perLine < len(f.Raw); i++ {
		beside := ""
		if i < len(lines) {
			beside = lines[i]
		}
		rest := f.Raw[i*perLine:]
		if i > 0 && len(rest) > 2*perLine && len(bytes.Trim(rest, "\x00")) == 0 {
			fmt.Fprintf(w, "  %08x  (%s of 00)\n", f.Offset+int64(i*perLine), console.Plural(len(rest), "more byte"))
			return
		}
		drawChunk(w, f.Offset+int64(i*perLine), rest[:min(perLine, len(rest))], beside)
	}
	for i := max((len(f.Raw)+perLine-1)/perLine, 1); i < len(lines); i++ {
		fmt.Fprintln(w, strings.Repeat(" ", column)+"  "+lines[i])
	}
}

// drawChunk writes one line with at most perLine bytes.
func drawChunk(w io.Writer, offset int64, b []byte, beside string) {
	text := make([]byte, len(b))
	for i, c := range b {
		text[i] = '.'
		if c >= 0x20 && c < 0x7f {
			text[i] = c
		}
	}
	line := fmt.Sprintf("  %08x  %-23s  %-8s  %s", offset, fmt.Sprintf("% x", b), text, beside)
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// drawFields writes the list of fields with their offsets.
func drawFields(w io.Writer, im *Image) {
	width := len("field")
	for _, f := range im.fields {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	fmt.Fprintf(w, "  %-10s  %6s  %-10s  %-10s  %s  %s\n", "offset", "length", "source", "confidence", console.Pad("field", width), "value")
	for _, f := range im.fields {
		value := console.Escape(f.Value)
		if f.Name == "not known" && len(value) > 32 {
			value = value[:32] + "..."
		}
		fmt.Fprintf(w, "  0x%08x  %6d  %-10s  %-10s  %s  %s\n", f.Offset, f.Length, f.Source, f.Confidence, console.Pad(f.Name, width), value)
	}
}
