package wbm

import (
	"slices"
	"strings"
)

// A collapser gathers text as it is seen: blanks are taken together. It is bounded.
type collapser struct {
	b     strings.Builder
	limit int
	blank bool // one is due before the next word
}

func (c *collapser) add(text string) {
	for len(text) > 0 && c.b.Len() < c.limit {
		if trimmed := strings.TrimLeft(text, " \t\r\n\f\u00A0"); len(trimmed) < len(text) {
			c.blank = c.b.Len() > 0
			text = trimmed
			continue
		}
		word := text
		if end := strings.IndexAny(text, " \t\r\n\f\u00A0"); end >= 0 {
			word = text[:end]
		}
		text = text[len(word):]
		if c.blank {
			c.b.WriteByte(' ')
			c.blank = false
		}
		c.b.WriteString(cut(word, c.limit))
	}
}

// raws gathers text as it stands.
func (c *collapser) raws(text string) {
	if room := c.limit - c.b.Len(); room > 0 {
		c.b.WriteString(cut(text, room))
	}
}

func (c *collapser) String() string { return c.b.String() }

// isInline reports whether an element stands in the middle of a line.
func isInline(name string) bool {
	return slices.Contains([]string{
		"a", "abbr", "acronym", "b", "bdo", "big", "blink", "code", "em", "font", "i", "kbd", "label", "nobr", "s", "small", "span",
		"strike", "strong", "sub", "sup", "tt", "u", "var", "wbr",
	}, name)
}

// isVoid reports whether an element has no end.
func isVoid(name string) bool {
	return slices.Contains([]string{
		"area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
	}, name)
}

// closesItself reports whether an element ends where the next of its name begins.
func closesItself(name string) bool {
	return slices.Contains([]string{"p", "li", "td", "th", "tr", "dt", "dd", "option"}, name)
}

// muted returns the region in which nothing is seen that an element opens, if it does; and whether nothing in it counts.
// What is hidden by a style sheet, or by a script, cannot be known.
func muted(name string, a map[string]string) (r region, inert bool) {
	switch name {
	case "script", "style", "template", "noscript", "noframes", "noembed", "xmp", "plaintext", "datalist", "object":
		return region{name, 1}, true
	case "title", "textarea", "select", "iframe":
		return region{name, 1}, false
	}
	if isVoid(name) {
		return region{}, false
	}
	style := strings.ToLower(strings.Join(strings.Fields(a["style"]), ""))
	_, hidden := a["hidden"]
	if hidden || strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden") {
		return region{name, 1}, false
	}
	return region{}, false
}
