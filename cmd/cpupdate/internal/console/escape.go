package console

import "github.com/cpupdate/cpupdate/pkg/display"

// maxShown is the maximum number of bytes of one text that are shown.
const maxShown = 2048

// Escape makes text from an image, a server or a file name safe for a terminal: it is [display.Visible], and cut if it is very long.
func Escape(s string) string {
	shown := beginning(s, maxShown)
	if len(shown) < len(s) {
		return display.Visible(shown) + "..."
	}
	return display.Visible(s)
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
