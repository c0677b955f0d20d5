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
	maxBrackets = 4096     // opening brackets: nested thousands deep, the parser would need much memory
	maxPins     = 64
)

// A storedForm describes what a settings file may contain under [defaults] and [profile.NAME].
type storedForm struct {
	keys   []storedKey
	secret bool  // errors show nothing of the file
	limit  int64 // its maximum size in bytes, if it differs from that of a settings file
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

// A settingsTable is the defaults or a profile as written in a file.
type settingsTable struct {
	name   string // of the profile, "" for the defaults
	line   int
	start  int // of the header's line
	end    int // of the last line that belongs to it, with its line break
	values []storedValue
}

// A storedValue is one setting as written in a file.
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

// settingsHint is the next step if there is no better one.
const settingsHint = "correct that line; docs/settings.md shows the format"

// profileName reports whether a name is valid for a profile.
func profileName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(name)
}

// parseStored parses a settings file. It accepts only the documented format, with a line for each table and each key,
// so that a file can be changed line by line.
func parseStored(text []byte, form storedForm) ([]settingsTable, error) {
	if len(text) > maxSettings {
		return nil, fmt.Errorf("has more than %d bytes", maxSettings)
	}
	if n := strings.Count(string(text), "[") + strings.Count(string(text), "{"); n > maxBrackets {
		return nil, fmt.Errorf("contains %d opening brackets, at most %d are allowed", n, maxBrackets)
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
	// Invalid TOML ended the walk; the decoder reports what is wrong and where, and is stricter.
	var whole map[string]any
	if err := toml.Unmarshal(text, &whole); err != nil {
		return nil, w.syntax(err)
	}
	return w.tables, nil
}

// A storedWalk walks through a settings file expression by expression.
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

// shown returns a part of the file for an error, unless the file is secret.
func (w *storedWalk) shown(text string) string {
	if w.form.secret {
		return ""
	}
	return fmt.Sprintf(" %.64q", text)
}

// header parses the header of a table.
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
		return w.bad(at, "use single brackets", "a table in double brackets")
	case len(names) == 1 && names[0] == "defaults":
	case names[0] == "profile" && len(names) == 2 && profileName(names[1]):
		name = names[1]
	case names[0] == "profile" && len(names) > 2:
		return w.bad(at, `write a name with dots in quotes: [profile."a.b"]`, "a table in a profile, or a profile's name with dots")
	case names[0] == "profile" && len(names) == 2:
		return w.bad(at, "use letters, digits, dots, hyphens and underscores, at most 64, beginning with a letter or digit", "invalid profile name%s", w.shown(names[1]))
	default:
		return w.bad(at, "use [defaults] or [profile.NAME]", "unknown table%s", w.shown(strings.Join(names, ".")))
	}
	if old := findTable(w.tables, name); old != nil {
		return w.bad(at, "merge the two tables", "this table exists already, in line %d", old.line)
	}
	start, end := w.lineOf(int(at.Offset), int(at.Offset))
	w.tables = append(w.tables, settingsTable{name: name, line: w.parser.Shape(at).Start.Line, start: start, end: end})
	return nil
}

// keyValue parses a setting.
func (w *storedWalk) keyValue(e *unstable.Node) error {
	keys := e.Key()
	keys.Next()
	at, name := keys.Node().Raw, string(keys.Node().Data)
	key, known := w.form.key(name)
	switch {
	case len(w.tables) == 0:
		return w.bad(at, "move it below a line [defaults] or [profile.NAME]", "the key%s belongs to no table", w.shown(name))
	case !known || keys.Next():
		return w.bad(at, w.form.unknownHint(name), "unknown key%s", w.shown(name))
	}
	table := &w.tables[len(w.tables)-1]
	if old := table.find(name); old != nil {
		return w.bad(at, "remove one of them", "the key %s exists already, in line %d", name, old.line)
	}
	value := storedValue{key: name, line: w.parser.Shape(at).Start.Line}
	value.start, value.end = int(e.Raw.Offset), int(e.Raw.Offset+e.Raw.Length)
	// Only spaces and one equals sign stand between a key and its value.
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

// texts returns a value as the texts that a flag would have.
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

// lineOf returns the range of whole lines that contain the bytes from start to end.
func (w *storedWalk) lineOf(start, end int) (from, to int) {
	from = strings.LastIndexByte(string(w.text[:start]), '\n') + 1
	to = strings.IndexByte(string(w.text[end:]), '\n')
	if to < 0 {
		return from, len(w.text)
	}
	return from, end + to + 1
}

// unknownHint returns the hint for an unknown key.
func (f storedForm) unknownHint(name string) string {
	if name == "password" {
		return "remove it from this file; a password is stored separately, with: cpupdate defaults set --password-stdin"
	}
	var names []string
	for _, key := range f.keys {
		names = append(names, key.name)
	}
	return "known keys: " + strings.Join(names, ", ")
}

// syntax converts an error of the decoder.
func (w *storedWalk) syntax(err error) error {
	out := &storedError{1, 1, strings.TrimPrefix(err.Error(), "toml: "), settingsHint}
	if decode := (*toml.DecodeError)(nil); errors.As(err, &decode) {
		out.line, out.column = decode.Position()
	}
	if w.form.secret {
		out.msg = "this is not valid TOML"
	}
	return out
}
