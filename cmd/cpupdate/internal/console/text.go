package console

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// maxShown is the maximum number of bytes of one text that are shown.
const maxShown = 2048

// Escape makes text from an image, a server or a file name safe for a terminal: it writes unprintable characters as
// \u{...} or \x.. and cuts very long text.
func Escape(s string) string {
	cut := ""
	if len(s) > maxShown {
		s, cut = s[:maxShown], "..."
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case bind.Prints(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += size
	}
	return b.String() + cut
}

// WriteJSON writes one value as JSON, on one line or indented.
func WriteJSON(w io.Writer, v any, indent bool) error {
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

// Print writes a command's answer: the document as JSON, or the output of text. It writes nothing before the answer is
// complete.
func (c *Console) Print(doc any, text func(w io.Writer)) error {
	var err error
	switch {
	case c.JSON:
		err = WriteJSON(c.Out, doc, true)
	case c.Quiet:
	default:
		var buffer bytes.Buffer
		text(&buffer)
		_, err = c.Out.Write(buffer.Bytes())
	}
	return AnswerFailure(err)
}

// Emit writes one object of an answer that has one JSON object a line.
func (c *Console) Emit(doc any) error { return AnswerFailure(WriteJSON(c.Out, doc, false)) }

// AnswerFailure returns the failure for an answer that could not be written.
func AnswerFailure(err error) error {
	if err == nil {
		return nil
	}
	return exit.New(exit.CodeInternal, fmt.Errorf("writing the answer: %w", exit.WithoutPath(err)), "check where standard output goes, and the free space there")
}

// Note writes one line about a file to stderr that is neither answer nor error.
func (c *Console) Note(kind, file, message string) { c.noteOn(kind, "file", file, message) }

// Remark writes a note about something other than a file: a phone, a setting, this machine.
func (c *Console) Remark(kind, about, message string) { c.noteOn(kind, "about", about, message) }

// noteOn writes a note; key is the name of its subject with --json.
func (c *Console) noteOn(kind, key, subject, message string) {
	switch {
	case c.Quiet:
	case c.JSON:
		note := map[string]string{key: subject, "why": message}
		_ = WriteJSON(c.Err, map[string]any{"schema": 1, strings.ReplaceAll(kind, " ", "_"): note}, false)
	default:
		fmt.Fprintln(c.Err, kind+": "+Escape(subject)+": "+Escape(message))
	}
}

// Said writes a line of the dialogue with a server if --verbose is set.
func (c *Console) Said(line string) {
	switch {
	case !c.Verbose || c.Quiet:
	case c.JSON:
		_ = WriteJSON(c.Err, map[string]any{"schema": 1, "said": line}, false)
	default:
		fmt.Fprintln(c.Err, Escape(line))
	}
}

// A Style is the colour or weight of a word on a terminal that shows colours. It never carries meaning of its own.
type Style string

// The styles.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Green  Style = "1;32"
	Yellow Style = "1;33"
	Red    Style = "1;31"
	Faint  Style = "2"
)

// Paint applies a style to text if the terminal shows colours.
func (c *Console) Paint(s Style, text string) string {
	if !c.ColorOut || c.NoColor || s == Plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Pad appends blanks to text up to a width in characters.
func Pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// Wrap breaks text into lines of at most width characters; all but the first start with indent blanks. It breaks
// between words, and within a word that is longer than a line: a line that the terminal broke itself could pass for one
// of ours. Only a digest stays whole, so that it can be copied. The text must not be painted yet.
func Wrap(text string, indent, width int) string {
	room := max(width-indent, 16)
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+length > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		for _, r := range word {
			if column == room && !isDigest(word) {
				b.WriteString("\n" + strings.Repeat(" ", indent))
				column = 0
			}
			b.WriteRune(r)
			column++
		}
	}
	return b.String()
}

// isDigest reports whether the word is a SHA-256 or a pin, with or without punctuation after it.
func isDigest(word string) bool {
	raw, err := hex.DecodeString(strings.TrimRight(strings.TrimPrefix(word, "sha256:"), ",;:.)"))
	return err == nil && len(raw) == sha256.Size
}

// Bytes formats a number of bytes with its unit: "312 bytes", "41.3 MiB".
func Bytes(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	if n < 1024 {
		return Plural(int(n), "byte")
	}
	value := float64(n) / 1024
	for value >= 1023.95 && len(units) > 1 {
		value /= 1024
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// Plural formats a count with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ShortHex formats the first and last bytes of a digest, enough to tell two apart by eye.
func ShortHex(sum [32]byte) string { return fmt.Sprintf("%x...%x", sum[:4], sum[30:]) }
