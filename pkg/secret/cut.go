package secret

import "unicode/utf8"

// Cut bounds a foreign text that is shown: one of more than limit bytes becomes its [Prefix] and "...".
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return Prefix(text, limit) + "..."
}

// Prefix returns the beginning of a text, at most limit bytes, that does not end within a character of UTF-8.
func Prefix(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	limit = max(limit, 0)
	for end := limit; end > 0 && end > limit-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end]
		}
	}
	return text[:limit] // this is no UTF-8
}
