// Package tomledit reads and edits TOML files of one form, a table for the defaults and one for each profile, in place: what
// people wrote stays, to the byte. It knows nothing of what the keys mean.
package tomledit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// An Edit changes the text of a settings file line by line, so that everything else stays as people wrote it. It
// tracks what the file must contain, and result compares.
type Edit struct {
	Form   Form
	text   []byte
	Tables []Table
	want   map[string]map[string][]string
}

// NewEdit parses a file that is to be changed. The error is an [*Error] with its place.
func NewEdit(text []byte, form Form) (*Edit, error) {
	e := &Edit{Form: form}
	if err := e.become(text); err != nil {
		return nil, err
	}
	e.want = contents(e.Tables)
	return e, nil
}

// contents returns the values of tables, regardless of how they are written.
func contents(tables []Table) map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for _, t := range tables {
		all[t.Name] = map[string][]string{}
		for _, v := range t.Values {
			all[t.Name][v.Key] = v.Texts
		}
	}
	return all
}

// become replaces the text of the file.
func (e *Edit) become(text []byte) (err error) {
	e.text = text
	e.Tables, err = Parse(text, e.Form)
	return err
}

// replace replaces the bytes from start to end by text.
func (e *Edit) replace(start, end int, text string) error {
	return e.become(slices.Concat(e.text[:start], []byte(text), e.text[end:]))
}

// Result returns the text, if it contains what it must contain.
func (e *Edit) Result() ([]byte, error) {
	same := maps.EqualFunc(contents(e.Tables), e.want, func(x, y map[string][]string) bool {
		return maps.EqualFunc(x, y, slices.Equal)
	})
	if !same {
		return nil, errors.New("the changed settings would not be read back correctly")
	}
	return e.text, nil
}

// newline returns the line break that the file uses.
func (e *Edit) newline() string {
	if i := bytes.IndexByte(e.text, '\n'); i > 0 && e.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// insert adds a line at an offset, which is the start of a line or the end of the file.
func (e *Edit) insert(at int, line string) error {
	line += e.newline()
	if at > 0 && e.text[at-1] != '\n' {
		line = e.newline() + line
	}
	return e.replace(at, at, line)
}

// Table adds the table if it is missing.
func (e *Edit) Table(name string) error {
	if Find(e.Tables, name) != nil {
		return nil
	}
	e.want[name] = map[string][]string{}
	blank := bytes.HasSuffix(e.text, []byte(strings.Repeat(e.newline(), 2)))
	if len(bytes.TrimSpace(e.text)) > 0 && !blank {
		if err := e.insert(len(e.text), ""); err != nil {
			return err
		}
	}
	return e.insert(len(e.text), tableHeader(name))
}

// tableHeader returns the header line of a table.
func tableHeader(name string) string {
	switch {
	case name == "":
		return "[defaults]"
	case strings.Contains(name, "."):
		return `[profile."` + name + `"]`
	}
	return "[profile." + name + "]"
}

// Set gives a key of a table its value.
func (e *Edit) Set(name, key string, texts []string) error {
	if err := e.Table(name); err != nil {
		return err
	}
	known, ok := e.Form.key(key)
	if !ok {
		return fmt.Errorf("%s is not a key of this file", key)
	}
	e.want[name][key] = texts
	value := tomlValue(known, texts)
	t := Find(e.Tables, name)
	if old := t.Find(key); old != nil {
		if slices.Equal(old.Texts, texts) {
			return nil
		}
		return e.replace(old.value, old.End, value)
	}
	indent := ""
	if len(t.Values) > 0 {
		start := t.Values[len(t.Values)-1].Start
		line := bytes.LastIndexByte(e.text[:start], '\n') + 1
		indent = string(e.text[line:start])
	}
	return e.insert(t.End, indent+key+" = "+value)
}

// Unset removes a key from a table, with the rest of its line.
func (e *Edit) Unset(name, key string) error {
	t := Find(e.Tables, name)
	if t == nil || t.Find(key) == nil {
		return nil
	}
	delete(e.want[name], key)
	w := walk{text: e.text}
	from, to := w.lineOf(t.Find(key).Start, t.Find(key).End)
	return e.replace(from, to, "")
}

// Remove removes a whole table, from its header to its last key.
func (e *Edit) Remove(name string) error {
	t := Find(e.Tables, name)
	if t == nil {
		return nil
	}
	delete(e.want, name)
	start := t.Start
	// The blank line before the table would remain at the end of the file.
	if blank := []byte(e.newline() + e.newline()); len(bytes.TrimSpace(e.text[t.End:])) == 0 && bytes.HasSuffix(e.text[:start], blank) {
		start -= len(blank) / 2
	}
	return e.replace(start, t.End, "")
}

// tomlValue returns a value as TOML.
func tomlValue(key Key, texts []string) string {
	switch key.Kind {
	case unstable.Integer, unstable.Bool:
		return texts[0]
	case unstable.Array:
		var all []string
		for _, text := range texts {
			all = append(all, Quote(text))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return Quote(texts[0])
}

// Quote returns a text as TOML, with quotes that need no escaping, if possible.
func Quote(text string) string {
	plain := !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	if plain && strings.Contains(text, `\`) && !strings.Contains(text, "'") {
		return "'" + text + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
