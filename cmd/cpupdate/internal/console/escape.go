package console

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// maxShown is the maximum number of bytes of one text that are shown.
const maxShown = 2048

// Escape makes text from an image, a server or a file name safe for a terminal: it writes unprintable characters as
// \u{...} or \x.. and cuts very long text.
func Escape(s string) string {
	if len(s) <= maxShown && isASCII(s) {
		return s
	}
	shown := beginning(s, maxShown)
	var b strings.Builder
	for i := 0; i < len(shown); {
		r, size := utf8.DecodeRuneInString(shown[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, shown[i])
		case bind.Prints(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += size
	}
	if len(shown) < len(s) {
		b.WriteString("...")
	}
	return b.String()
}

// beginning returns the first bytes of a text, and cuts it between grapheme clusters.
func beginning(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	end := 0
	for {
		cluster, _, _ := firstCluster(text[end:])
		if end+len(cluster) > bytes {
			return text[:end]
		}
		end += len(cluster)
	}
}
