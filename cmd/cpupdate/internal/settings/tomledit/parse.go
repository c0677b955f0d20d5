package tomledit

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
	MaxSettings = 64 << 10 // bytes
	maxBrackets = 4096     // opening brackets: nested thousands deep, the parser would need much memory
	MaxPins     = 64
)

// A Form describes what a settings file may contain under [defaults] and [profile.NAME].
type Form struct {
	Keys   []Key
	Secret bool  // errors show nothing of the file
	Limit  int64 // its maximum size in bytes, if it differs from that of a settings file
}

// A Key is one key and the kind of its value: a text, a number, true or false, or an array of texts.
type Key struct {
	Name string
	Kind unstable.Kind
}

func (f Form) key(name string) (Key, bool) {
	i := slices.IndexFunc(f.Keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return f.Keys[i], true
}

// A Table is the defaults or a profile as written in a file.
type Table struct {
	Name   string // of the profile, "" for the defaults
	line   int
	Start  int // of the header's line
	End    int // of the last line that belongs to it, with its line break
	Values []Value
}

// A Value is one setting as written in a file.
type Value struct {
	Key        string
	Texts      []string // one, but for a list
	Line       int
	Start, End int // of key and value
	value      int // where the value starts
}

// Find returns the value of a key, nil if the table has none.
func (t *Table) Find(key string) *Value {
	for i := range t.Values {
		if t.Values[i].Key == key {
			return &t.Values[i]
		}
	}
	return nil
}

// Find returns the table of a profile, "" being the defaults, nil if there is none.
func Find(tables []Table, name string) *Table {
	for i := range tables {
		if tables[i].Name == name {
			return &tables[i]
		}
	}
	return nil
}

// An Error says what is wrong in a settings file, and where.
type Error struct {
	Line, Column int
	Msg, Hint    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// Hint is the next step if there is no better one.
const Hint = "correct that line; docs/settings.md shows the format"

// ValidName reports whether a name is valid for a profile.
func ValidName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(name)
}

// Parse parses a settings file. It accepts only the documented format, with a line for each table and each key,
// so that a file can be changed line by line.
func Parse(text []byte, form Form) ([]Table, error) {
	if len(text) > MaxSettings {
		return nil, fmt.Errorf("has more than %d bytes", MaxSettings)
	}
	if n := strings.Count(string(text), "[") + strings.Count(string(text), "{"); n > maxBrackets {
		return nil, fmt.Errorf("contains %d opening brackets, at most %d are allowed", n, maxBrackets)
	}
	w := walk{form: form, text: text}
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

// A walk walks through a settings file expression by expression.
type walk struct {
	form   Form
	text   []byte
	parser unstable.Parser
	tables []Table
}

func (w *walk) bad(at unstable.Range, hint, format string, args ...any) error {
	start := w.parser.Shape(at).Start
	return &Error{start.Line, start.Column, fmt.Sprintf(format, args...), hint}
}

// shown returns a part of the file for an error, unless the file is secret.
func (w *walk) shown(text string) string {
	if w.form.Secret {
		return ""
	}
	return fmt.Sprintf(" %.64q", text)
}

// header parses the header of a table.
func (w *walk) header(e *unstable.Node) error {
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
	case names[0] == "profile" && len(names) == 2 && ValidName(names[1]):
		name = names[1]
	case names[0] == "profile" && len(names) > 2:
		return w.bad(at, `write a name with dots in quotes: [profile."a.b"]`, "a table in a profile, or a profile's name with dots")
	case names[0] == "profile" && len(names) == 2:
		return w.bad(at, "use letters, digits, dots, hyphens and underscores, at most 64, beginning with a letter or digit", "invalid profile name%s", w.shown(names[1]))
	default:
		return w.bad(at, "use [defaults] or [profile.NAME]", "unknown table%s", w.shown(strings.Join(names, ".")))
	}
	if old := Find(w.tables, name); old != nil {
		return w.bad(at, "merge the two tables", "this table exists already, in line %d", old.line)
	}
	start, end := w.lineOf(int(at.Offset), int(at.Offset))
	w.tables = append(w.tables, Table{Name: name, line: w.parser.Shape(at).Start.Line, Start: start, End: end})
	return nil
}

// keyValue parses a setting.
func (w *walk) keyValue(e *unstable.Node) error {
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
	if old := table.Find(name); old != nil {
		return w.bad(at, "remove one of them", "the key %s exists already, in line %d", name, old.Line)
	}
	value := Value{Key: name, Line: w.parser.Shape(at).Start.Line}
	value.Start, value.End = int(e.Raw.Offset), int(e.Raw.Offset+e.Raw.Length)
	// Only spaces and one equals sign stand between a key and its value.
	value.value = int(at.Offset + at.Length)
	for strings.IndexByte(" \t=", w.text[value.value]) >= 0 {
		value.value++
	}
	var err error
	if value.Texts, err = w.texts(e.Value(), key, at); err != nil {
		return err
	}
	table.Values = append(table.Values, value)
	_, table.End = w.lineOf(value.Start, value.End)
	return nil
}

// texts returns a value as the texts that a flag would have.
func (w *walk) texts(value *unstable.Node, key Key, at unstable.Range) ([]string, error) {
	if value.Kind != key.Kind {
		want := map[unstable.Kind]string{
			unstable.String:  "a text in quotes",
			unstable.Integer: "a number without quotes",
			unstable.Bool:    "true or false, without quotes",
			unstable.Array:   `a list of texts, as in ["..."]`,
		}[key.Kind]
		return nil, w.bad(at, Hint, "%s must be %s", key.Name, want)
	}
	if key.Kind != unstable.Array {
		return []string{string(value.Data)}, nil
	}
	var texts []string
	for children := value.Children(); children.Next(); {
		if children.Node().Kind != unstable.String {
			return nil, w.bad(at, Hint, "%s must be a list of texts", key.Name)
		}
		texts = append(texts, string(children.Node().Data))
	}
	if len(texts) == 0 || len(texts) > MaxPins {
		return nil, w.bad(at, Hint, "%s must list 1 to %d texts", key.Name, MaxPins)
	}
	return texts, nil
}

// lineOf returns the range of whole lines that contain the bytes from start to end.
func (w *walk) lineOf(start, end int) (from, to int) {
	from = strings.LastIndexByte(string(w.text[:start]), '\n') + 1
	to = strings.IndexByte(string(w.text[end:]), '\n')
	if to < 0 {
		return from, len(w.text)
	}
	return from, end + to + 1
}

// unknownHint returns the hint for an unknown key.
func (f Form) unknownHint(name string) string {
	if name == "password" {
		return "remove it from this file; a password is stored separately, with: cpupdate defaults set --password-stdin"
	}
	var names []string
	for _, key := range f.Keys {
		names = append(names, key.Name)
	}
	return "known keys: " + strings.Join(names, ", ")
}

// HintBackslash is for a path of Windows, in which TOML takes a backslash for the beginning of another character.
const HintBackslash = `write a text with backslashes in single quotes, as in 'C:\certs\ca.pem'`

// hintQuotes is for a text without quotes, which TOML takes for a number or for true or false.
const hintQuotes = "write a text in quotes, as in method = 'ftps', and a number without"

// syntax converts an error of the decoder.
func (w *walk) syntax(err error) error {
	out := &Error{1, 1, strings.TrimPrefix(err.Error(), "toml: "), Hint}
	if decode := (*toml.DecodeError)(nil); errors.As(err, &decode) {
		out.Line, out.Column = decode.Position()
	}
	switch {
	case strings.Contains(out.Msg, "escape"):
		out.Hint = HintBackslash
	case strings.Contains(out.Msg, "start of value"), strings.Contains(out.Msg, "expected keyword"):
		out.Hint = hintQuotes
	}
	if w.form.Secret {
		out.Msg = "this is not valid TOML"
	}
	return out
}
