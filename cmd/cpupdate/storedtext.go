package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Limits of a settings file.
const (
	maxSettings = 64 << 10 // bytes
	maxBrackets = 4096     // opening brackets: the parser takes memory for thousands of them, nested
	maxPins     = 64
)

// A storedForm is what a settings file may hold under [defaults] and [profile.NAME].
type storedForm struct {
	keys   []storedKey
	secret bool  // errors repeat nothing of the file
	limit  int64 // its size in bytes, if it is not that of a settings file
}

// A storedKey is one key and the kind of its value: a text, a number, true or false, or an array of texts.
type storedKey struct {
	name string
	kind unstable.Kind
}

func (f storedForm) key(name string) (storedKey, bool) {
	i := slices.IndexFunc(f.keys, func(k storedKey) bool { return k.name == name })
	if i < 0 {
		return storedKey{}, false
	}
	return f.keys[i], true
}

// A settingsTable is the defaults or a profile as they stand in a file.
type settingsTable struct {
	name   string // of the profile, "" for the defaults
	line   int
	start  int // of the header's line
	end    int // of the last line that belongs to it, with its line break
	values []storedValue
}

// A storedValue is one setting as it stands in a file.
type storedValue struct {
	key        string
	texts      []string // one, but for a list
	line       int
	start, end int // of key and value
	value      int // where the value starts
}

func (t *settingsTable) find(key string) *storedValue {
	for i := range t.values {
		if t.values[i].key == key {
			return &t.values[i]
		}
	}
	return nil
}

func findTable(tables []settingsTable, name string) *settingsTable {
	for i := range tables {
		if tables[i].name == name {
			return &tables[i]
		}
	}
	return nil
}

// A storedError says what is wrong in a settings file, and where.
type storedError struct {
	line, column int
	msg, hint    string
}

func (e *storedError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.line, e.column, e.msg)
}

// settingsHint is the next step where there is no better one.
const settingsHint = "mend that line; docs/settings.md shows the form"

// profileName is what a profile may be called.
func profileName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(name)
}

// parseStored reads a settings file. It takes the one documented form only, a line for each table and for each key, so
// that a file can be changed line by line.
func parseStored(text []byte, form storedForm) ([]settingsTable, error) {
	if len(text) > maxSettings {
		return nil, fmt.Errorf("has more than %d bytes", maxSettings)
	}
	if n := strings.Count(string(text), "[") + strings.Count(string(text), "{"); n > maxBrackets {
		return nil, fmt.Errorf("holds %d opening brackets, at most %d are allowed", n, maxBrackets)
	}
	w := storedWalk{form: form, text: text}
	w.parser.Reset(text)
	for w.parser.NextExpression() {
		e := w.parser.Expression()
		var err error
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			err = w.header(e)
		case unstable.KeyValue:
			err = w.keyValue(e)
		default:
			err = errors.New("an expression of an unknown kind")
		}
		if err != nil {
			return nil, err
		}
	}
	// What is no TOML ended the walk; the decoder says what and where, and looks more closely.
	var whole map[string]any
	if err := toml.Unmarshal(text, &whole); err != nil {
		return nil, w.syntax(err)
	}
	return w.tables, nil
}

// A storedWalk goes through a settings file expression by expression.
type storedWalk struct {
	form   storedForm
	text   []byte
	parser unstable.Parser
	tables []settingsTable
}

func (w *storedWalk) bad(at unstable.Range, hint, format string, args ...any) error {
	start := w.parser.Shape(at).Start
	return &storedError{start.Line, start.Column, fmt.Sprintf(format, args...), hint}
}

// shown is a piece of the file for an error, unless the file is secret.
func (w *storedWalk) shown(text string) string {
	if w.form.secret {
		return ""
	}
	return fmt.Sprintf(" %.64q", text)
}

// header reads a table's line.
func (w *storedWalk) header(e *unstable.Node) error {
	var names []string
	var at unstable.Range
	for key := e.Key(); key.Next(); {
		if len(names) == 0 {
			at = key.Node().Raw
		}
		names = append(names, string(key.Node().Data))
	}
	name := ""
	switch {
	case e.Kind == unstable.ArrayTable:
		return w.bad(at, "write single brackets", "a table in double brackets")
	case len(names) == 1 && names[0] == "defaults":
	case names[0] == "profile" && len(names) == 2 && profileName(names[1]):
		name = names[1]
	case names[0] == "profile" && len(names) > 2:
		return w.bad(at, `a name with dots is written in quotes: [profile."a.b"]`, "a table in a profile, or a profile's name with dots")
	case names[0] == "profile" && len(names) == 2:
		return w.bad(at, "letters, digits, dots, hyphens and underscores, beginning with a letter or digit, at most 64", "a profile cannot be called%s", w.shown(names[1]))
	default:
		return w.bad(at, "tables are [defaults] and [profile.NAME]", "unknown table%s", w.shown(strings.Join(names, ".")))
	}
	if old := findTable(w.tables, name); old != nil {
		return w.bad(at, "put them together", "this table is there already, in line %d", old.line)
	}
	start, end := w.lineOf(int(at.Offset), int(at.Offset))
	w.tables = append(w.tables, settingsTable{name: name, line: w.parser.Shape(at).Start.Line, start: start, end: end})
	return nil
}

// keyValue reads a setting.
func (w *storedWalk) keyValue(e *unstable.Node) error {
	keys := e.Key()
	keys.Next()
	at, name := keys.Node().Raw, string(keys.Node().Data)
	key, known := w.form.key(name)
	switch {
	case len(w.tables) == 0:
		return w.bad(at, "write it below a line [defaults] or [profile.NAME]", "the key%s belongs to no table", w.shown(name))
	case !known || keys.Next():
		return w.bad(at, w.form.unknownHint(name), "unknown key%s", w.shown(name))
	}
	table := &w.tables[len(w.tables)-1]
	if old := table.find(name); old != nil {
		return w.bad(at, "leave one of them", "the key %s is there already, in line %d", name, old.line)
	}
	value := storedValue{key: name, line: w.parser.Shape(at).Start.Line}
	value.start, value.end = int(e.Raw.Offset), int(e.Raw.Offset+e.Raw.Length)
	// Between a key and its value there are blanks and one equals sign.
	value.value = int(at.Offset + at.Length)
	for strings.IndexByte(" \t=", w.text[value.value]) >= 0 {
		value.value++
	}
	var err error
	if value.texts, err = w.texts(e.Value(), key, at); err != nil {
		return err
	}
	table.values = append(table.values, value)
	_, table.end = w.lineOf(value.start, value.end)
	return nil
}

// texts reads a value as the texts that a flag would give.
func (w *storedWalk) texts(value *unstable.Node, key storedKey, at unstable.Range) ([]string, error) {
	if value.Kind != key.kind {
		want := map[unstable.Kind]string{
			unstable.String:  "a text in quotes",
			unstable.Integer: "a number without quotes",
			unstable.Bool:    "true or false, without quotes",
			unstable.Array:   `a list of texts, as in ["..."]`,
		}[key.kind]
		return nil, w.bad(at, settingsHint, "%s must be %s", key.name, want)
	}
	if key.kind != unstable.Array {
		return []string{string(value.Data)}, nil
	}
	var texts []string
	for children := value.Children(); children.Next(); {
		if children.Node().Kind != unstable.String {
			return nil, w.bad(at, settingsHint, "%s must be a list of texts", key.name)
		}
		texts = append(texts, string(children.Node().Data))
	}
	if len(texts) == 0 || len(texts) > maxPins {
		return nil, w.bad(at, settingsHint, "%s must list 1 to %d texts", key.name, maxPins)
	}
	return texts, nil
}

// lineOf returns the whole lines that hold the bytes from start to end.
func (w *storedWalk) lineOf(start, end int) (from, to int) {
	from = strings.LastIndexByte(string(w.text[:start]), '\n') + 1
	to = strings.IndexByte(string(w.text[end:]), '\n')
	if to < 0 {
		return from, len(w.text)
	}
	return from, end + to + 1
}

// unknownHint helps with a key that is not known.
func (f storedForm) unknownHint(name string) string {
	if name == "password" {
		return "take it out of this file; a password is stored apart, with: cpupdate defaults set --password-stdin"
	}
	var names []string
	for _, key := range f.keys {
		names = append(names, key.name)
	}
	return "keys are " + strings.Join(names, ", ")
}

// syntax turns an error of the decoder into ours.
func (w *storedWalk) syntax(err error) error {
	out := &storedError{1, 1, strings.TrimPrefix(err.Error(), "toml: "), settingsHint}
	if decode := (*toml.DecodeError)(nil); errors.As(err, &decode) {
		out.line, out.column = decode.Position()
	}
	if w.form.secret {
		out.msg = "this is not TOML"
	}
	return out
}
