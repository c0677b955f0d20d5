package hwcheck

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// listText returns a list as UTF-8 with line breaks that CSV knows. Spreadsheets write UTF-16 as "Unicode text", and old
// ones for the Mac end lines with CR alone.
func listText(content []byte) ([]byte, error) {
	if c := bind.ContentOf(content); c.Name != "" && c.Name != bind.TextFile {
		advice := adviceCSV
		if c.MayBeImage {
			advice = "unpack it, and name the list that is in it"
		}
		return nil, fault(1, advice, "the file is %s, not a list", c.Name)
	}
	order := binary.ByteOrder(binary.LittleEndian)
	switch {
	case bytes.HasPrefix(content, []byte("\xfe\xff")):
		order = binary.BigEndian
		fallthrough
	case bytes.HasPrefix(content, []byte("\xff\xfe")):
		if len(content)%2 != 0 {
			return nil, fault(1, adviceCSV, "the list is UTF-16, and is cut off in the middle of a character")
		}
		content = fromUTF16(content[2:], order)
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if !bytes.Contains(content, []byte("\n")) {
		content = bytes.ReplaceAll(content, []byte("\r"), []byte("\n"))
	}
	return content, nil
}

// fromUTF16 converts UTF-16 to UTF-8.
func fromUTF16(content []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = order.Uint16(content[2*i:])
	}
	var out []byte
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out
}

// withoutPreamble empties the lines before the header that are for programs: sep=; of Excel, and #TYPE of PowerShell. It
// returns the separator that the list names, or 0.
func withoutPreamble(content []byte) ([]byte, rune) {
	named := regexp.MustCompile(`(?i)^"?sep=([,;\t|])"?[,;\t ]*$`)
	comma, start := rune(0), 0
	for line := range bytes.Lines(content) {
		text := strings.TrimSpace(strings.TrimRight(string(line), "\r\n"))
		if strings.EqualFold(text, "sep=") { // the separator was a tabulator
			text += "\t"
		}
		sep := named.FindStringSubmatch(text)
		if sep != nil {
			comma = rune(sep[1][0])
		}
		if sep == nil && !strings.HasPrefix(text, "#TYPE ") && text != "" {
			break
		}
		start += len(line)
	}
	lines := bytes.Count(content[:start], []byte("\n"))
	return append(bytes.Repeat([]byte("\n"), lines), content[start:]...), comma
}

// separatorOf returns what separates the cells of a header line: the one of comma, semicolon and tabulator that occurs most outside of
// quotes.
func separatorOf(content []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(content, "\r\n"), []byte("\n"))
	var outside []byte
	for i, part := range bytes.Split(header, []byte(`"`)) {
		if i%2 == 0 {
			outside = append(outside, part...)
		}
	}
	header = outside
	comma, most := ',', bytes.Count(header, []byte(","))
	for _, r := range ";\t" {
		if n := bytes.Count(header, []byte(string(r))); n > most {
			comma, most = r, n
		}
	}
	return comma
}
