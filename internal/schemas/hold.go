package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// module is the prefix of packages whose constants are read.
const module = "github.com/cpupdate/cpupdate/"

// Hold compares files of docs/schema with the schemas of the documents, or writes them if UPDATE_DOCS is set.
func Hold(t *testing.T, documents ...Document) {
	t.Helper()
	root := repository(t)
	page := Page{Constants: constantsIn(root), Common: common(t)}
	for _, d := range documents {
		page.Words = fieldsOfPage(section(t, root, d.Section))
		s, err := d.Schema(page)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := s.Resolve(nil); err != nil {
			t.Errorf("%s: %v", d.Name, err)
			continue
		}
		hold(t, filepath.Join(root, "docs", "schema", d.Name+".json"), write(t, s))
	}
}

// write returns a schema as JSON for people.
func write(t *testing.T, s *jsonschema.Schema) []byte {
	t.Helper()
	short, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(short, &fields); err != nil {
		t.Fatal(err)
	}
	order := []string{"$schema", "$id", "title", "description", "type", "oneOf", "properties", "required", "additionalProperties", "$defs"}
	var parts []string
	for _, name := range order {
		if value, found := fields[name]; found {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
			delete(fields, name)
		}
	}
	if len(fields) > 0 {
		t.Errorf("%s: %d fields have no place", s.ID, len(fields))
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte("{"+strings.Join(parts, ",")+"}"), "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// hold compares a file, or writes it.
func hold(t *testing.T, path string, want []byte) {
	t.Helper()
	if update, _ := os.LookupEnv("UPDATE_DOCS"); update != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a folder of the repository
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil { //nolint:gosec // a page of the repository
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Errorf("%s is not what the types say (%v): make docs", path, err)
	}
}

// repository returns the folder of the repository.
func repository(t testing.TB) string {
	t.Helper()
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		above := filepath.Dir(folder)
		if above == folder {
			t.Fatal("no go.mod above this folder")
		}
		folder = above
	}
}

// section returns a section of docs/json.md, without those below it.
func section(t *testing.T, root, heading string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(strings.ReplaceAll(string(page), "\r\n", "\n"), "\n"+heading+"\n")
	if !found {
		t.Fatalf("json.md has no section %s", heading)
	}
	text, _, _ := strings.Cut(after, "\n#")
	return text
}

var (
	row  = regexp.MustCompile(`^\| ((?:` + "`[a-z0-9_]+`" + `(?:, )?)+) \| (.*) \|$`)
	name = regexp.MustCompile("`([a-z0-9_]+)`")
	link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// fieldsOfPage returns what the tables of fields in a section say, by field. A field of two tables has no words here.
func fieldsOfPage(section string) map[string]string {
	words, twice, fields := map[string]string{}, map[string]bool{}, false
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			fields = false
			continue
		}
		if strings.HasPrefix(line, "| field") {
			fields = true
			continue
		}
		cells := row.FindStringSubmatch(line)
		if !fields || cells == nil || cells[2] == "" {
			continue
		}
		for _, field := range name.FindAllStringSubmatch(cells[1], -1) {
			twice[field[1]] = words[field[1]] != ""
			words[field[1]] = link.ReplaceAllString(cells[2], "$1")
		}
	}
	for field, is := range twice {
		if is {
			delete(words, field)
		}
	}
	return words
}

// constantsIn returns a function that reads the constants of a type from the source of its package.
func constantsIn(root string) func(reflect.Type) ([]any, error) {
	return func(t reflect.Type) ([]any, error) {
		folder, ours := strings.CutPrefix(t.PkgPath(), module)
		if t.Kind() != reflect.String && t.Kind() != reflect.Int || !ours {
			return nil, nil
		}
		return constants(filepath.Join(root, filepath.FromSlash(folder)), t.Name())
	}
}

// constants returns the constants of a type in a folder, in the order of the files and their lines.
func constants(folder, typeName string) ([]any, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var values []any
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		more, err := constantsOfFile(file, typeName)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		values = append(values, more...)
	}
	return values, nil
}

// constantsOfFile returns the constants of a type in one file.
func constantsOfFile(file *ast.File, typeName string) (values []any, err error) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
			return true
		}
		for _, value := range spec.Values {
			literal, ok := value.(*ast.BasicLit)
			if !ok {
				err = fmt.Errorf("the value of %s is not written out", spec.Names[0].Name)
				return false
			}
			values = append(values, literalValue(literal))
		}
		return true
	})
	return values, err
}

// literalValue returns the value of a text or a number.
func literalValue(literal *ast.BasicLit) any {
	if text, err := strconv.Unquote(literal.Value); err == nil {
		return text
	}
	if number, err := strconv.Atoi(literal.Value); err == nil {
		return number
	}
	return literal.Value
}

// Constants returns the schema of a text that has one of the values of a type's constants. The folder is below the repository's.
func Constants(t testing.TB, folder, typeName string) *jsonschema.Schema {
	t.Helper()
	values, err := constants(filepath.Join(repository(t), filepath.FromSlash(folder)), typeName)
	if err != nil || len(values) == 0 {
		t.Fatalf("%s: no constants of %s (%v)", folder, typeName, err)
	}
	return &jsonschema.Schema{Type: "string", Enum: values}
}

// common returns the fields of types that several documents contain.
func common(t testing.TB) map[string]*jsonschema.Schema {
	t.Helper()
	kinds := Constants(t, "pkg/transfer", "Kind")
	for _, kind := range Constants(t, "pkg/fleet", "Kind").Enum {
		if !slices.Contains(kinds.Enum, kind) {
			kinds.Enum = append(kinds.Enum, kind)
		}
	}
	formats := Constants(t, "pkg/bind", "Format")
	formats.Enum = append(formats.Enum, "image") // a file without a known header that has changed
	return map[string]*jsonschema.Schema{
		"exit.ErrorDoc.name":          ExitNames(t),
		"exit.ErrorDoc.problem":       Constants(t, "pkg/bind", "Problem"),
		"exit.ErrorDoc.format":        formats,
		"exit.ErrorDoc.kind":          kinds,
		"hwcheck.Verdict.verdict":     Answers(),
		"verdict.claimDoc.value":      {Types: []string{"string", "integer"}},
		"verdict.claimDoc.origin":     Constants(t, "pkg/hwcheck", "Origin"),
		"runview.DeviceDoc.mac":       {Type: "string"},
		"images.Doc.state":            Values("intact", "unverified", "header-only", "damaged", "untrusted", "unreadable"),
		"images.Doc.format":           Constants(t, "pkg/bind", "Format"),
		"images.Doc.rule":             {Type: "integer", Enum: []any{1, 2}},
		"images.Doc.digest":           Constants(t, "pkg/bind", "Check"),
		"images.kernelDoc.state":      Values("intact", "damaged", "not read"),
		"images.signatureDoc.state":   Constants(t, "pkg/bind", "SignatureState"),
		"images.fieldDoc.head":        Pattern("^([0-9a-f]{2})+$"),
		"images.fieldDoc.raw":         Pattern("^([0-9a-f]{2})*$"),
		"images.fieldDoc.source":      Constants(t, "pkg/bind", "Source"),
		"images.fieldDoc.confidence":  Constants(t, "pkg/bind", "Confidence"),
		"journal.Image.sha256":        Pattern("^([0-9a-f]{64})$"),
		"journal.Override.rule":       Constants(t, "pkg/hwcheck", "Rule"),
		"rollout.Limit.cause":         Constants(t, "pkg/rollout", "Cause"),
		"delivery.StepLine.step":      Constants(t, "pkg/transfer", "Step"),
		"delivery.UploadDoc.proofs":   List(Constants(t, "pkg/transfer", "Proof")),
		"runview.SummaryDoc.name":     ExitNames(t),
		"runview.SummaryDoc.outcomes": counts(Constants(t, "pkg/fleet", "Outcome")),
		"runview.SummaryDoc.failures": counts(Constants(t, "pkg/fleet", "Kind")),
		"runview.PhoneEvent.outcome":  Constants(t, "pkg/fleet", "Outcome"),
	}
}

// counts returns the schema of numbers by name.
func counts(names *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", PropertyNames: names, AdditionalProperties: &jsonschema.Schema{Type: "integer", Minimum: jsonschema.Ptr(1.0)}}
}

// Answers returns the schema of a verdict.
func Answers() *jsonschema.Schema { return Values("compatible", "not compatible", "unknown") }

var exitRow = regexp.MustCompile(`\{Code[A-Za-z]+, "([a-z]+)", `)

// ExitNames returns the schema of the name of an exit code.
func ExitNames(t testing.TB) *jsonschema.Schema {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(repository(t), "cmd", "cpupdate", "internal", "exit", "exit.go"))
	if err != nil {
		t.Fatal(err)
	}
	s := &jsonschema.Schema{Type: "string"}
	for _, found := range exitRow.FindAllSubmatch(source, -1) {
		s.Enum = append(s.Enum, string(found[1]))
	}
	if len(s.Enum) < 10 {
		t.Fatalf("exit.go has the exit codes %v", s.Enum)
	}
	return s
}

var (
	eventRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.*) \\| (.*)\\|$")
	field    = regexp.MustCompile("`([a-z_]+)`")
)

// EventsOfPage reads a table of events in a section of docs/json.md: the fields of each, sorted, with those that the text says all
// have but those that it names.
func EventsOfPage(section string) map[string][]string {
	events := map[string][]string{}
	for _, row := range eventRow.FindAllStringSubmatch(section, -1) {
		if row[1] == "event" { // the table's head
			continue
		}
		fields := []string{"schema", "event"}
		for _, common := range []string{"phone", "time"} {
			if !regexp.MustCompile("Without (`phone` and )?`" + common + "`( and `time`)?(\\.| *$)").MatchString(row[2]) {
				fields = append(fields, common)
			}
		}
		for _, name := range field.FindAllStringSubmatch(row[3], -1) {
			fields = append(fields, name[1])
		}
		slices.Sort(fields)
		events[row[1]] = fields
	}
	return events
}

// Section returns a section of docs/json.md, without those below it.
func Section(t *testing.T, heading string) string {
	t.Helper()
	return section(t, repository(t), heading)
}

// Dashed returns a copy of the schema of a text in which blanks of the values are dashes.
func Dashed(s *jsonschema.Schema) *jsonschema.Schema {
	out := &jsonschema.Schema{Type: s.Type}
	for _, value := range s.Enum {
		out.Enum = append(out.Enum, strings.ReplaceAll(value.(string), " ", "-"))
	}
	return out
}

// With returns a copy of the schema of a text that may have other values too.
func With(s *jsonschema.Schema, more ...string) *jsonschema.Schema {
	out := &jsonschema.Schema{Type: s.Type, Enum: slices.Clone(s.Enum)}
	for _, value := range more {
		if !slices.Contains(out.Enum, any(value)) {
			out.Enum = append(out.Enum, value)
		}
	}
	return out
}

// Texts returns the values of a schema of texts.
func Texts(s *jsonschema.Schema) (values []string) {
	for _, value := range s.Enum {
		values = append(values, value.(string))
	}
	return values
}
