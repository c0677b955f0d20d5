package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Limits of a report. What goes beyond is cut, and the forms say so.
const (
	maxText      = journalText // bytes of a text
	journalText  = 1000        // as the journal has it
	maxEvents    = 60          // of a phone or of the rollout: the first and the last ones
	maxRuns      = 100
	maxOverrides = 20 // rules of a phone
	maxGroups    = 50 // rows of a table of groups
	maxSlowest   = 10
	maxNamed     = 10  // phones that a group names
	maxShown     = 300 // bytes of a text in a table of the page, and of the text
	maxShort     = 80  // bytes of a name or version there
)

// bounded cuts a text.
func bounded(text string) string { return cut(text, maxText) }

// cut returns the beginning of a text of at most so many bytes, which says that it was cut.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit - len("...")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// visible returns a text with the characters that are not visible, or that change the direction of writing, as \u{...}.
func visible(text string) string {
	if plain(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case bind.Prints(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += size
	}
	return b.String()
}

// plain reports whether a text consists of visible ASCII characters.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// shown returns a text for people: short and visible.
func shown(text string) string { return cut(visible(cut(text, maxShown)), maxShown) }

// short is shown for names and versions.
func short(text string) string { return cut(visible(cut(text, maxShort)), maxShort) }

// span formats a time span for people: "42 s", "14 min", "3 h 10 min", "2 d 4 h".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	part := func(whole time.Duration, name string, rest time.Duration, restName string) string {
		text := fmt.Sprintf("%d %s", d/whole, name)
		if n := d % whole / rest; n > 0 {
			text += fmt.Sprintf(" %d %s", n, restName)
		}
		return text
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return part(time.Minute, "min", time.Second, "s")
	case d < 24*time.Hour:
		return part(time.Hour, "h", time.Minute, "min")
	}
	return part(24*time.Hour, "d", time.Hour, "h")
}

// count returns "1 phone" and "3 phones".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText formats a number of bytes.
func bytesText(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return count(int(n), "byte")
	}
	value := float64(n) / 1024
	for value >= 1023.95 && len(units) > 1 {
		value /= 1024
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
