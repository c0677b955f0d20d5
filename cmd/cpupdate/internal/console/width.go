package console

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/rivo/uniseg"
)

// Columns returns how many columns of a terminal the text takes: two for a wide character, none for a combining mark.
func Columns(text string) int {
	if isASCII(text) {
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

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// firstCluster takes the first characters off a text that belong together, a letter and its accents. Where terminals
// differ it returns the wider width, and no more characters than are sure to fit on a narrow line: one that the terminal
// breaks could pass for a line of ours.
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

// runeColumns returns the columns of a character that a terminal draws by itself.
func runeColumns(r rune) int {
	switch {
	case r >= 0x1F3FB && r <= 0x1F3FF: // a skin tone, drawn as a patch of its own where it colours nothing
		return 2
	case r >= 0x1160 && r <= 0x11FF, r >= 0xD7B0 && r <= 0xD7FF: // a vowel or a final of Hangul, drawn into the letter before it
		return 0
	}
	return uniseg.StringWidth(string(r))
}

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }

// leastRoom is how many columns a text gets on a line, or all of them on a narrower terminal.
const leastRoom = 16

// Wrap breaks text into lines of at most width columns; all but the first start with indent blanks. It breaks between
// words, and within one that is longer than a line, since what the terminal itself breaks off would pass for a line of
// ours. Only a digest stays whole, to be copied. Text that is painted already has no place here.
func Wrap(text string, indent, width int) string { return wrap(text, indent, indent, width) }

// wrap is Wrap for text whose first line starts at a column.
func wrap(text string, column, indent, width int) string {
	indent = max(min(indent, width-leastRoom), 0)
	var b strings.Builder
	empty := true // nothing was written on this line
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
