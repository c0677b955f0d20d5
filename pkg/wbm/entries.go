package wbm

import (
	"net/url"
	"strings"
)

// An entry is what one control sends.
type entry struct {
	name, value string
	file        bool
}

// entries returns what a form sends, in the order of its controls (HTML standard, "constructing the entry list"): what is
// filled in as it stands, what is chosen, and the button that it is sent with.
func (f *form) entries() []entry {
	var all []entry
	button := f.button()
	for _, c := range f.controls {
		if c.disabled {
			continue
		}
		switch c.kind {
		case "submit":
			if c == button {
				all = append(all, entry{name: c.name, value: c.value})
			}
		case "image":
			if c == button {
				all = append(all, clicked(c)...)
			}
		case "reset", "button":
		case "checkbox", "radio":
			if c.checked {
				all = append(all, entry{name: c.name, value: c.value})
			}
		case "select":
			for _, o := range c.chosen() {
				all = append(all, entry{name: c.name, value: o.value})
			}
		case "file":
			all = append(all, entry{name: c.name, file: true})
		default:
			all = append(all, entry{name: c.name, value: c.value})
		}
	}
	named := all[:0]
	for _, e := range all {
		if e.name != "" {
			e.name, e.value = lines(e.name), lines(e.value)
			named = append(named, e)
		}
	}
	return named
}

// lines ends every line as forms send it.
func lines(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// clicked is what a button with a picture sends: where it was clicked.
func clicked(c *control) []entry {
	prefix := ""
	if c.name != "" {
		prefix = c.name + "."
	}
	return []entry{{name: prefix + "x", value: "0"}, {name: prefix + "y", value: "0"}}
}

// chosen is what a selection sends. One that lets choose one thing sends the last that is marked, or its first.
func (c *control) chosen() []option {
	var marked []option
	for _, o := range c.options {
		if o.selected && !o.disabled {
			marked = append(marked, o)
		}
	}
	if c.multiple || len(marked) == 1 {
		return marked
	}
	if len(marked) > 0 {
		return marked[len(marked)-1:]
	}
	for _, o := range c.options {
		if !o.disabled {
			return []option{o}
		}
	}
	return nil
}

// urlEncoded packs entries as forms usually do, in their order.
func urlEncoded(p *page, all []entry) []byte {
	var b strings.Builder
	for i, e := range all {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.encode(e.name)) + "=" + url.QueryEscape(p.encode(e.value)))
	}
	return []byte(b.String())
}
