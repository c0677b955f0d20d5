package main

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

// A storedEdit changes the text of a settings file line by line, so that everything else stays as people wrote it. It
// tracks what the file must contain, and result compares.
type storedEdit struct {
	form   storedForm
	text   []byte
	tables []settingsTable
	want   map[string]map[string][]string
}

func newStoredEdit(text []byte, form storedForm) (*storedEdit, error) {
	e := &storedEdit{form: form}
	if err := e.become(text); err != nil {
		return nil, err
	}
	e.want = contents(e.tables)
	return e, nil
}

// contents returns the values of tables, regardless of how they are written.
func contents(tables []settingsTable) map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for _, t := range tables {
		all[t.name] = map[string][]string{}
		for _, v := range t.values {
			all[t.name][v.key] = v.texts
		}
	}
	return all
}

// become replaces the text of the file.
func (e *storedEdit) become(text []byte) (err error) {
	e.text = text
	e.tables, err = parseStored(text, e.form)
	return err
}

// replace replaces the bytes from start to end by text.
func (e *storedEdit) replace(start, end int, text string) error {
	return e.become(slices.Concat(e.text[:start], []byte(text), e.text[end:]))
}

// result returns the text, if it contains what it must contain.
func (e *storedEdit) result() ([]byte, error) {
	same := maps.EqualFunc(contents(e.tables), e.want, func(x, y map[string][]string) bool {
		return maps.EqualFunc(x, y, slices.Equal)
	})
	if !same {
		return nil, errors.New("the changed settings would not be read back correctly")
	}
	return e.text, nil
}

// newline returns the line break that the file uses.
func (e *storedEdit) newline() string {
	if i := bytes.IndexByte(e.text, '\n'); i > 0 && e.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// insert adds a line at an offset, which is the start of a line or the end of the file.
func (e *storedEdit) insert(at int, line string) error {
	line += e.newline()
	if at > 0 && e.text[at-1] != '\n' {
		line = e.newline() + line
	}
	return e.replace(at, at, line)
}

// table adds the table if it is missing.
func (e *storedEdit) table(name string) error {
	if findTable(e.tables, name) != nil {
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

// set gives a key of a table its value.
func (e *storedEdit) set(name, key string, texts []string) error {
	if err := e.table(name); err != nil {
		return err
	}
	known, ok := e.form.key(key)
	if !ok {
		return fmt.Errorf("%s is not a key of this file", key)
	}
	e.want[name][key] = texts
	value := tomlValue(known, texts)
	t := findTable(e.tables, name)
	if old := t.find(key); old != nil {
		if slices.Equal(old.texts, texts) {
			return nil
		}
		return e.replace(old.value, old.end, value)
	}
	indent := ""
	if len(t.values) > 0 {
		start := t.values[len(t.values)-1].start
		line := bytes.LastIndexByte(e.text[:start], '\n') + 1
		indent = string(e.text[line:start])
	}
	return e.insert(t.end, indent+key+" = "+value)
}

// unset removes a key from a table, with the rest of its line.
func (e *storedEdit) unset(name, key string) error {
	t := findTable(e.tables, name)
	if t == nil || t.find(key) == nil {
		return nil
	}
	delete(e.want[name], key)
	w := storedWalk{text: e.text}
	from, to := w.lineOf(t.find(key).start, t.find(key).end)
	return e.replace(from, to, "")
}

// remove removes a whole table, from its header to its last key.
func (e *storedEdit) remove(name string) error {
	t := findTable(e.tables, name)
	if t == nil {
		return nil
	}
	delete(e.want, name)
	start := t.start
	// The blank line before the table would remain at the end of the file.
	if blank := []byte(e.newline() + e.newline()); len(bytes.TrimSpace(e.text[t.end:])) == 0 && bytes.HasSuffix(e.text[:start], blank) {
		start -= len(blank) / 2
	}
	return e.replace(start, t.end, "")
}

// tomlValue returns a value as TOML.
func tomlValue(key storedKey, texts []string) string {
	switch key.kind {
	case unstable.Integer, unstable.Bool:
		return texts[0]
	case unstable.Array:
		var all []string
		for _, text := range texts {
			all = append(all, tomlText(text))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return tomlText(texts[0])
}

// tomlText returns a text as TOML, with quotes that need no escaping, if possible.
func tomlText(text string) string {
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
