package htmlform

import (
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A normaliser gathers text as it is displayed, with white space normalised: a run of blanks becomes one. What it keeps is
// bounded.
type normaliser struct {
	b     strings.Builder
	limit int
	blank bool // a blank is due before the next word
}

// add appends text.
func (n *normaliser) add(text string) {
	for len(text) > 0 && n.b.Len() < n.limit {
		if trimmed := strings.TrimLeft(text, " \t\r\n\f\u00A0"); len(trimmed) < len(text) {
			n.blank = n.b.Len() > 0
			text = trimmed
			continue
		}
		word := text
		if end := strings.IndexAny(text, " \t\r\n\f\u00A0"); end >= 0 {
			word = text[:end]
		}
		text = text[len(word):]
		if n.blank {
			n.b.WriteByte(' ')
			n.blank = false
		}
		n.b.WriteString(cut(word, n.limit))
	}
}

// addRaw appends text as it stands.
func (n *normaliser) addRaw(text string) {
	if room := n.limit - n.b.Len(); room > 0 {
		n.b.WriteString(cut(text, room))
	}
}

func (n *normaliser) String() string { return n.b.String() }

// normalise returns a text with its white space normalised, bounded.
func normalise(text string, limit int) string {
	n := normaliser{limit: limit}
	n.add(text)
	return n.String()
}

// cut bounds a text to a number of bytes, as valid UTF-8.
func cut(text string, limit int) string {
	return strings.ToValidUTF8(secret.Prefix(text, limit), "?")
}

// isInline reports whether an element stands in the middle of a line.
func isInline(name string) bool {
	return slices.Contains([]string{
		"a", "abbr", "acronym", "b", "bdo", "big", "blink", "code", "em", "font", "i", "kbd", "label", "nobr", "s", "small", "span",
		"strike", "strong", "sub", "sup", "tt", "u", "var", "wbr",
	}, name)
}

// isVoid reports whether an element has no end tag.
func isVoid(name string) bool {
	return slices.Contains([]string{
		"area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
	}, name)
}

// endsItself reports whether an element ends where the next of its name begins.
func endsItself(name string) bool {
	return slices.Contains([]string{"p", "li", "td", "th", "tr", "dt", "dd", "option"}, name)
}

// beginsRow reports whether an element begins a new row: what stands before it is no label of what follows.
func beginsRow(name string) bool {
	return slices.Contains([]string{"tr", "dt", "dl", "table", "form", "h1", "h2", "h3", "h4", "h5", "h6"}, name)
}

// hiddenRegion returns the region of hidden text that an element opens, if it opens one, and whether the controls in it are
// ignored, too. What a style sheet or a script hides cannot be known.
func hiddenRegion(name string, a map[string]string) (r region, ignored bool) {
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
