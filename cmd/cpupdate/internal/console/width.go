package console

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// Columns returns the width of text in columns of a terminal: two for a wide character, none for a combining mark.
func Columns(text string) int {
	if display.Plain(text) {
		return len(text)
	}
	columns := 0
	for text != "" {
		var width int
		_, text, width = firstCluster(text)
		columns += width
	}
	return columns
}

// firstCluster splits the first grapheme cluster off a text, such as a letter with its accents. Where terminals differ, it
// returns the greater width, and it breaks a cluster that may be very wide: a line that the terminal broke itself could
// pass for one of ours.
func firstCluster(text string) (cluster, rest string, width int) {
	const longest, widest = 64, 4 // in bytes, in columns
	cluster, _, width, _ = uniseg.FirstGraphemeClusterInString(text[:min(len(text), longest)], -1)
	apart := 0
	for i, r := range cluster {
		columns := runeColumns(r)
		if apart+columns > widest {
			return text[:i], text[i:], apart
		}
		apart += columns
	}
	return cluster, text[len(cluster):], max(width, apart)
}

// runeColumns returns the width of a character that a terminal draws separately.
func runeColumns(r rune) int {
	switch {
	case r >= 0x1F300 && r <= 0x1FAFF: // a picture: some terminals draw narrow ones wide, and a skin tone as a patch of colour
		return 2
	case r >= 0x1160 && r <= 0x11FF, r >= 0xD7B0 && r <= 0xD7FF: // a vowel or final of Hangul, which is drawn into the letter before it
		return 0
	}
	return uniseg.StringWidth(string(r))
}

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }

// leastRoom is the minimum number of columns for text on a line; a narrower terminal gives all of its columns.
const leastRoom = 16

// Wrap breaks text into lines of at most width columns; all but the first start with indent blanks. It breaks
// between words, and within a word that is longer than a line: a line that the terminal broke itself could pass for one
// of ours. Only a digest stays whole, so that it can be copied. The text must not be painted yet.
func Wrap(text string, indent, width int) string { return wrap(text, indent, indent, width) }

// wrap breaks text whose first line starts at a column.
func wrap(text string, column, indent, width int) string {
	indent = max(min(indent, width-leastRoom), 0)
	var b strings.Builder
	empty := true // no text on this line yet
	turn := func() {
		b.WriteString("\n" + blanks(indent))
		column, empty = indent, true
	}
	for word := range strings.FieldsSeq(text) {
		columns := Columns(word)
		switch {
		case empty && (column <= indent || column+columns <= width):
		case !empty && column+1+columns <= width:
			b.WriteByte(' ')
			column++
		default:
			turn()
		}
		empty = false
		if column+columns <= width || isDigest(word) {
			b.WriteString(word)
			column += columns
			continue
		}
		for word != "" {
			cluster, rest, columns := firstCluster(word)
			if column+columns > width && column > indent {
				turn()
				empty = false
			}
			b.WriteString(cluster)
			column, word = column+columns, rest
		}
	}
	return b.String()
}

// isDigest reports whether the word is a SHA-256 or a pin, with or without punctuation after it.
func isDigest(word string) bool {
	raw, err := hex.DecodeString(strings.TrimRight(strings.TrimPrefix(word, "sha256:"), ",;:.)"))
	return err == nil && len(raw) == sha256.Size
}
