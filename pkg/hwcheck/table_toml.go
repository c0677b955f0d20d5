package hwcheck

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// maxTable is the maximum size of a hardware table in bytes.
const maxTable = 1 << 20

// A LineError says what is wrong in a table or list, and in which line.
type LineError struct {
	Line   int
	Msg    string
	Advice string // what to do about it; "" in a table
}

// Error returns the error as "line 3: hw_level 0: levels start at 1".
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// tableFile is a table as TOML.
type tableFile struct {
	Schema  int          `toml:"schema"`
	Entries []entryTable `toml:"entry,omitempty"`
	Classes []classTable `toml:"class,omitempty"`
}

type classTable struct {
	Name   string   `toml:"name"`
	Family string   `toml:"family,omitempty"`
	Models []string `toml:"models"`
	Source string   `toml:"source,omitempty"`
}

type entryTable struct {
	Product   string `toml:"product,omitempty"`
	Variant   string `toml:"variant,omitempty"`
	Revisions string `toml:"revisions,omitempty"`
	Device    string `toml:"device,omitempty"`
	Family    string `toml:"family,omitempty"`
	Level     *int64 `toml:"hw_level,omitempty"`
	Minimum   string `toml:"minimum_version,omitempty"`
	Source    string `toml:"source,omitempty"`
}

// ReadTable reads a hardware table in TOML (docs/hardware-table.md). The name is part of the origin of each entry. An
// error about the content is a [*LineError].
func ReadTable(r io.Reader, name string) (*Table, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxTable {
		return nil, fmt.Errorf("the table has more than %d bytes", maxTable)
	}
	shape, err := readShape(text)
	if err != nil {
		return nil, err
	}
	var file tableFile
	if err := toml.Unmarshal(text, &file); err != nil {
		return nil, tomlLine(err)
	}
	if file.Schema != 1 {
		return nil, &LineError{Line: shape.schema, Msg: fmt.Sprintf("schema is %d, this version reads 1 (write schema = 1)", file.Schema)}
	}
	table := &Table{}
	for i, raw := range file.Entries {
		line := shape.entries[i]
		entry, err := raw.entry()
		if err != nil {
			return nil, &LineError{Line: line, Msg: err.Error()}
		}
		entry.Where = fmt.Sprintf("%s, line %d", name, line)
		table.Entries = append(table.Entries, entry)
	}
	for i, raw := range file.Classes {
		line := shape.classes[i]
		where := fmt.Sprintf("%s, line %d", name, line)
		class := Class{raw.Name, raw.Family, raw.Models, bind.Stated, cmp.Or(raw.Source, where), where}
		if err := class.check(); err != nil {
			return nil, &LineError{Line: line, Msg: err.Error()}
		}
		table.Classes = append(table.Classes, class)
	}
	return table, nil
}

// entry checks the values and converts them to their types.
func (t entryTable) entry() (Entry, error) {
	e := Entry{Product: strings.ToUpper(t.Product), Variant: strings.ToUpper(t.Variant), Device: t.Device, Family: t.Family, Source: t.Source}
	var err error
	if e.Revisions, err = ParseRevisions(t.Revisions); err != nil {
		return Entry{}, err
	}
	if t.Level != nil {
		if *t.Level < 1 || *t.Level > 0xFFFF {
			return Entry{}, fmt.Errorf("hw_level %d: levels are 1 to 65535", *t.Level)
		}
		e.Level = uint16(*t.Level)
	}
	if t.Minimum != "" {
		if e.Minimum, err = bind.ParseVersion(t.Minimum); err != nil {
			return Entry{}, fmt.Errorf("minimum_version: %w", err)
		}
	}
	return e, e.check()
}

// check checks that an entry is complete: about a part number, or about a level.
func (e Entry) check() error {
	part := e.Product != ""
	for _, text := range []string{e.Device, e.Family, e.Source} {
		if strings.ContainsFunc(text, unicode.IsControl) || len(text) > maxCell {
			return fmt.Errorf("%.64q contains a control character, or has more than %d bytes", text, maxCell)
		}
	}
	switch {
	case part && !regexp.MustCompile(`^S\d{4}$`).MatchString(e.Product):
		return fmt.Errorf("product %.64q must be S and four digits, such as S7403", e.Product)
	case e.Variant != "" && !regexp.MustCompile(`^[A-Z]\d{3}$`).MatchString(e.Variant):
		return fmt.Errorf("variant %.64q must be a letter and three digits, such as A101", e.Variant)
	case part && e.Family != "":
		return errors.New("family belongs to an entry about a level, device to one about a product")
	case part && e.Level == 0 && e.Minimum.IsZero() && e.Device == "":
		return errors.New("an entry about a product needs a device, a hw_level or a minimum_version")
	case !part && (e.Variant != "" || e.Revisions.set || e.Device != ""):
		return errors.New("variant, revisions and device need a product")
	case !part && (e.Level == 0 || e.Minimum.IsZero()):
		return errors.New("an entry without a product needs a hw_level (from 1) and a minimum_version")
	}
	return nil
}

// Marshal returns the table as TOML.
func (t *Table) Marshal() ([]byte, error) {
	file := tableFile{Schema: 1}
	for _, e := range t.Entries {
		raw := entryTable{e.Product, e.Variant, e.Revisions.String(), e.Device, e.Family, nil, "", e.Source}
		if e.Level != 0 {
			level := int64(e.Level)
			raw.Level = &level
		}
		if !e.Minimum.IsZero() {
			raw.Minimum = e.Minimum.String()
		}
		file.Entries = append(file.Entries, raw)
	}
	for _, c := range t.Classes {
		file.Classes = append(file.Classes, classTable{c.Name, c.Family, append([]string{}, c.Models...), c.Source})
	}
	return toml.Marshal(file)
}

// A tableShape holds the positions that the decoder does not report.
type tableShape struct {
	schema  int   // line of the schema, 1 if it is missing
	entries []int // line of each [[entry]]
	classes []int // line of each [[class]]
}

// readShape walks through the keys and stops at the first unknown one. The decoder could find unknown keys too, but its
// time and memory would grow with the square of their number.
func readShape(text []byte) (tableShape, error) {
	shape := tableShape{schema: 1}
	keys := []string{"schema"} // those that may follow
	var parser unstable.Parser
	parser.Reset(text)
	for parser.NextExpression() {
		e := parser.Expression()
		if e.Kind != unstable.ArrayTable && e.Kind != unstable.Table && e.Kind != unstable.KeyValue {
			continue
		}
		key := e.Key()
		key.Next()
		line := parser.Shape(key.Node().Raw).Start.Line
		name := string(key.Node().Data)
		switch {
		case key.Next(): // a dotted key, which is not allowed
			return shape, &LineError{Line: line, Msg: fmt.Sprintf("unknown key %.64q", name+"."+string(key.Node().Data))}
		case e.Kind == unstable.ArrayTable && name == "entry":
			shape.entries, keys = append(shape.entries, line), entryKeys()
		case e.Kind == unstable.ArrayTable && name == "class":
			shape.classes, keys = append(shape.classes, line), classKeys()
		case e.Kind == unstable.KeyValue && (name == "entry" || name == "class") && slices.Contains(keys, "schema"):
			return shape, &LineError{Line: line, Msg: fmt.Sprintf("write each %s below its own line [[%s]]", name, name)}
		case e.Kind == unstable.KeyValue && slices.Contains(keys, name):
			if name == "schema" {
				shape.schema = line
			}
		default:
			return shape, &LineError{Line: line, Msg: fmt.Sprintf("unknown key %.64q", name)}
		}
	}
	return shape, nil
}

// entryKeys returns the keys of an entry.
func entryKeys() []string {
	return []string{"product", "variant", "revisions", "device", "family", "hw_level", "minimum_version", "source"}
}

// classKeys returns the keys of a class.
func classKeys() []string { return []string{"name", "family", "models", "source"} }

// tomlLine converts an error of the TOML decoder to a LineError.
func tomlLine(err error) error {
	line, message := 1, strings.TrimPrefix(err.Error(), "toml: ")
	if decode := (*toml.DecodeError)(nil); errors.As(err, &decode) {
		line, _ = decode.Position()
		// The decoder's text continues with the Go type, which means nothing to the author of the file.
		if kind, _, found := strings.Cut(message, " into struct field "); found {
			message = kind + " as the value of " + decode.Key()[len(decode.Key())-1]
		}
	}
	return &LineError{Line: line, Msg: message}
}
