package images

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
)

// perLine is the number of bytes on one line of the hex view: eight leave room for the meaning on 80 columns.
const perLine = 8

// A hexView writes bytes: their offset, their values, their text and their meaning.
type hexView struct {
	console.Layout
	w    io.Writer
	room int // columns for the meaning
}

// line writes a line of the view.
func (v hexView) line(cells ...console.Cell) { fmt.Fprintln(v.w, v.Line(cells...)) }

// at writes a line with an offset and a text.
func (v hexView) at(offset int64, text string) {
	v.line(console.Cells(fmt.Sprintf("%08x", offset), text)...)
}

// drawBytes writes the bytes of header and trailer, each field with its meaning.
func drawBytes(w io.Writer, con *console.Console, im *Image) {
	const least, before = 16, 2 + 8 + 2 + 3*perLine - 1 + 2 + perLine + 2
	v := hexView{con.Layout(2, 8, 3*perLine-1, perLine), w, max(con.Width-before, least)}
	v.Width = 0
	v.line(console.Cells("offset", "bytes", "text", "meaning")...)
	var last bind.Field
	for _, f := range im.fields {
		if f.Source == bind.FromDescriptor {
			continue
		}
		if last.Name != "" {
			v.gap(last, f, im.Facts.HeaderLength)
		}
		if len(f.Head) > 0 {
			critical := ""
			if f.Head[0]&0x80 != 0 {
				critical = " (critical)"
			}
			announced := fmt.Sprintf("type 0x%02x%02x%s, length %d", f.Head[0], f.Head[1], critical, len(f.Raw))
			v.chunk(f.Offset-int64(len(f.Head)), f.Head, console.Faint.Cell(announced))
		}
		v.value(f)
		last = f
	}
	switch end := last.Offset + last.Length; {
	case last.Name == "":
		fmt.Fprintln(w, "  (no known header)")
	case last.Source == bind.KernelHeader && im.Facts.PayloadLength >= 0:
		v.gap(last, bind.Field{Origin: bind.Origin{Offset: im.Facts.HeaderLength + im.Facts.PayloadLength}}, im.Facts.HeaderLength)
	case last.Source == bind.Header && im.Facts.PayloadLength >= 0:
		v.gap(last, bind.Field{Origin: bind.Origin{Offset: max(im.Facts.HeaderLength, end) + im.Facts.PayloadLength}}, im.Facts.HeaderLength)
	}
	if im.Facts.Described != "" {
		fmt.Fprintf(w, "\n  stated in %s:\n\n", console.Escape(im.Facts.Described))
		for _, f := range im.fields {
			if f.Source == bind.FromDescriptor {
				v.at(f.Offset, string(f.Raw))
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

// gap writes what is between two fields: padding, payload, or both.
func (v hexView) gap(last, next bind.Field, headerEnd int64) {
	from, to := last.Offset+last.Length, next.Offset-int64(len(next.Head))
	draw := func(from, to int64, what string) {
		if from < to {
			v.at(from, fmt.Sprintf("(%s of %s)", display.Plural(int(to-from), "byte"), what))
		}
	}
	if last.Source == bind.Trailer || to <= headerEnd {
		draw(from, to, "padding")
		return
	}
	draw(from, headerEnd, "padding")
	draw(max(from, headerEnd), to, "payload")
}

// value writes the bytes of a value; the meaning starts next to the first line and continues next to the others.
func (v hexView) value(f bind.Field) {
	lines := strings.Split(console.Wrap(console.Escape(meaning(f)), 0, v.room), "\n")
	if len(f.Raw) == 0 {
		v.chunk(f.Offset, nil, console.Plain.Cell(lines[0]))
	}
	for i := 0; i*perLine < len(f.Raw); i++ {
		beside := ""
		if i < len(lines) {
			beside = lines[i]
		}
		rest := f.Raw[i*perLine:]
		if i > 0 && len(rest) > 2*perLine && len(bytes.Trim(rest, "\x00")) == 0 {
			v.at(f.Offset+int64(i*perLine), fmt.Sprintf("(%s of 00)", display.Plural(len(rest), "more byte")))
			return
		}
		v.chunk(f.Offset+int64(i*perLine), rest[:min(perLine, len(rest))], console.Plain.Cell(beside))
	}
	for i := max((len(f.Raw)+perLine-1)/perLine, 1); i < len(lines); i++ {
		v.line(console.Cells("", "", "", lines[i])...)
	}
}

// chunk writes one line with at most perLine bytes.
func (v hexView) chunk(offset int64, b []byte, beside console.Cell) {
	text := make([]byte, len(b))
	for i, c := range b {
		text[i] = '.'
		if c >= 0x20 && c < 0x7f {
			text[i] = c
		}
	}
	v.line(append(console.Cells(fmt.Sprintf("%08x", offset), fmt.Sprintf("% x", b), string(text)), beside)...)
}

// drawFields writes the list of fields with their offsets.
func drawFields(w io.Writer, con *console.Console, im *Image) {
	table := con.Table(2, 10, 6, 10, 10)
	table.Width = 0
	table.Row(console.Cells("offset", "length", "source", "confidence", "field", "value")...)
	for _, f := range im.fields {
		value := console.Escape(f.Value)
		if f.Name == "not known" && len(value) > 32 {
			value = value[:32] + "..."
		}
		table.Row(console.Cells(fmt.Sprintf("0x%08x", f.Offset), fmt.Sprintf("%6d", f.Length), string(f.Source), string(f.Confidence), f.Name, value)...)
	}
	table.Draw(w)
}
