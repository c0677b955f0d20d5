package htmlform

import (
	"net/url"
	"strings"
)

// A Field is what one control sends.
type Field struct {
	Name, Value string
	File        bool // it takes a file; Value is empty
}

// Fields returns what a form sends, in the order of its controls (HTML standard, "constructing the entry list"): what is
// filled in as it stands, what is selected, and the button that the form is submitted with.
func (f *Form) Fields() []Field {
	var all []Field
	button := f.submitButton()
	for _, c := range f.Controls {
		if c.Disabled {
			continue
		}
		switch c.Kind {
		case "submit":
			if c == button {
				all = append(all, Field{Name: c.Name, Value: c.Value})
			}
		case "image":
			if c == button {
				all = append(all, clickedAt(c)...)
			}
		case "reset", "button":
		case "checkbox", "radio":
			if c.checked {
				all = append(all, Field{Name: c.Name, Value: c.Value})
			}
		case "select":
			for _, o := range c.selected() {
				all = append(all, Field{Name: c.Name, Value: o.value})
			}
		case "file":
			all = append(all, Field{Name: c.Name, File: true})
		default:
			all = append(all, Field{Name: c.Name, Value: c.Value})
		}
	}
	named := all[:0]
	for _, field := range all {
		if field.Name != "" {
			field.Name, field.Value = crlf(field.Name), crlf(field.Value)
			named = append(named, field)
		}
	}
	return named
}

// crlf ends every line as forms send it.
func crlf(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// clickedAt returns what a button with a picture sends: where it was clicked.
func clickedAt(c *Control) []Field {
	prefix := ""
	if c.Name != "" {
		prefix = c.Name + "."
	}
	return []Field{{Name: prefix + "x", Value: "0"}, {Name: prefix + "y", Value: "0"}}
}

// selected returns what a selection sends. If only one option can be selected, that is the last one marked, or the first one.
func (c *Control) selected() []option {
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

// URLEncode encodes fields as [URLEncoded], in their order, as browsers do (URL standard, "application/x-www-form-urlencoded
// serializing"): that escapes a tilde and no asterisk, unlike net/url.
func (p *Page) URLEncode(fields []Field) []byte {
	escape := func(text string) string {
		return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(p.Encode(text)))
	}
	var b strings.Builder
	for i, field := range fields {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(field.Name) + "=" + escape(field.Value))
	}
	return []byte(b.String())
}
