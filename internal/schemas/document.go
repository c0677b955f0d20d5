// Package schemas makes JSON schemas (draft 2020-12) of the Go types that --json prints, and compares documents with them. Only tests
// use it.
package schemas

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// Draft is the dialect of the schemas.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// A Document is a kind of document, or of lines, that --json prints.
type Document struct {
	Name        string // of the file in docs/schema, without .json
	Title       string // what it is, such as "The answer of history"
	Description string // one or two sentences
	Section     string // of docs/json.md, with its #, such as "## History"; its tables of fields describe the fields
	Shapes      []Shape

	// Fields has what the Go types do not say, by "package.Type.field": the values that a text may have, or a whole schema.
	Fields map[string]*jsonschema.Schema
	Null   []string // fields of that form whose list may be null
}

// A Shape is one form that a document, or a line, may have.
type Shape struct {
	Of     any      // a value of its type
	Key    string   // its name among the shapes of the document; "" if it has one event, or is the only shape
	Event  string   // the value of its field event, if it has one
	Events []string // the values of that field, if it may have several

	Only     []string // the fields that this event may have; nil: all of the type
	Required []string // those of its fields that it always has, besides those that its type always prints
	Never    []string // those of its fields that it never has
}

// key returns the name of a shape among those of the document.
func (s Shape) key() string {
	if s.Key != "" {
		return s.Key
	}
	return s.Event
}

// A generator makes the schema of one document.
type generator struct {
	Document
	Page
	defs  map[string]*jsonschema.Schema
	types map[string]reflect.Type // of the definitions
	used  map[string]bool         // of Fields
}

// A Page has what neither a document nor its types say.
type Page struct {
	Constants func(reflect.Type) ([]any, error) // the constants of a named type
	Words     map[string]string                 // descriptions of fields
	Common    map[string]*jsonschema.Schema     // as Document.Fields, for types of several documents
}

// Schema returns the schema of a document.
func (d Document) Schema(page Page) (*jsonschema.Schema, error) {
	g := &generator{d, page, map[string]*jsonschema.Schema{}, map[string]reflect.Type{}, map[string]bool{}}
	var forms []*jsonschema.Schema
	for _, shape := range d.Shapes {
		form, err := g.shape(shape)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		forms = append(forms, form)
	}
	for _, name := range append(slices.Sorted(maps.Keys(d.Fields)), d.Null...) {
		if !g.used[name] {
			return nil, fmt.Errorf("%s: no type has the field %s", d.Name, name)
		}
	}
	root := &jsonschema.Schema{}
	if len(forms) == 1 {
		root = forms[0]
	} else {
		for i, form := range forms {
			name := shapePrefix + d.Shapes[i].key()
			if g.defs[name] != nil {
				return nil, fmt.Errorf("%s: two shapes of %s", d.Name, name)
			}
			g.defs[name] = form
			root.OneOf = append(root.OneOf, reference(name))
		}
	}
	root.Schema, root.ID, root.Title, root.Description = Draft, ID(d.Name), d.Title, d.Description
	root.Defs = g.defs
	return root, nil
}

// shapePrefix begins the names of definitions that are shapes of the document.
const shapePrefix = "line-"

// ID returns the identifier of the schema of that name.
func ID(name string) string { return "urn:cpupdate:json:1:" + name }

// shape returns the schema of one form.
func (g *generator) shape(s Shape) (*jsonschema.Schema, error) {
	form, err := g.object(reflect.TypeOf(s.Of))
	if err != nil {
		return nil, err
	}
	if form.Properties["event"] == nil && (s.Event != "" || s.Events != nil) {
		return nil, fmt.Errorf("%T has no event", s.Of)
	}
	if s.Event != "" {
		form.Properties["event"] = constant(s.Event)
	} else if s.Events != nil {
		form.Properties["event"] = Values(s.Events...)
	}
	for name := range form.Properties {
		if s.Only != nil && !slices.Contains(s.Only, name) || slices.Contains(s.Never, name) {
			delete(form.Properties, name)
		}
	}
	for _, name := range slices.Concat(s.Only, s.Required) {
		if form.Properties[name] == nil {
			return nil, fmt.Errorf("%T has no field %s", s.Of, name)
		}
	}
	form.Required = slices.DeleteFunc(append(form.Required, s.Required...), func(name string) bool { return form.Properties[name] == nil })
	slices.Sort(form.Required)
	form.Required = slices.Compact(form.Required)
	form.PropertyOrder = slices.DeleteFunc(form.PropertyOrder, func(name string) bool { return form.Properties[name] == nil })
	return form, nil
}

// object returns the schema of a struct, in place.
func (g *generator) object(t reflect.Type) (*jsonschema.Schema, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is no struct", t)
	}
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	if err := g.add(s, t, false); err != nil {
		return nil, err
	}
	return s, nil
}

// add adds the fields of a struct. Those of an embedded pointer are optional.
func (g *generator) add(s *jsonschema.Schema, t reflect.Type, optional bool) error {
	for field := range t.Fields() {
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && tag == "" {
			embedded, pointer := pointed(field.Type)
			if err := g.add(s, embedded, optional || pointer); err != nil {
				return err
			}
			continue
		}
		if !field.IsExported() || tag == "-" {
			continue
		}
		name := cmp.Or(tag, field.Name)
		omitted := strings.Contains(options, "omit")
		if err := g.property(s, t, field, name, omitted); err != nil {
			return fmt.Errorf("%s.%s: %w", t, field.Name, err)
		}
		if !omitted && !optional {
			s.Required = append(s.Required, name)
		}
	}
	return nil
}

// pointed returns the type to which a pointer points, and other types as they are.
func pointed(t reflect.Type) (to reflect.Type, pointer bool) {
	if t.Kind() == reflect.Pointer {
		return t.Elem(), true
	}
	return t, false
}

// property adds a field of a struct.
func (g *generator) property(s *jsonschema.Schema, t reflect.Type, field reflect.StructField, name string, omitted bool) error {
	property, err := g.field(t, field, name, omitted)
	if err != nil {
		return err
	}
	if property.Description == "" {
		property.Description = g.Words[name]
	}
	s.Properties[name] = property
	s.PropertyOrder = append(s.PropertyOrder, name)
	return nil
}

// field returns the schema of a field.
func (g *generator) field(in reflect.Type, field reflect.StructField, name string, omitted bool) (*jsonschema.Schema, error) {
	key := in.String() + "." + name
	null := field.Type.Kind() == reflect.Pointer && !omitted
	if slices.Contains(g.Null, key) {
		g.used[key], null = true, true
	}
	if own := g.Fields[key]; own != nil {
		g.used[key] = true
		return nullable(own.CloneSchemas(), null), nil
	} else if own = g.Common[key]; own != nil {
		return nullable(own.CloneSchemas(), null), nil
	}
	t, _ := pointed(field.Type)
	if known := byName(t, name); known != nil {
		return nullable(known, null), nil
	}
	s, err := g.value(t)
	if err != nil {
		return nil, err
	}
	if omitted && s.Type == "string" && s.Enum == nil && !null && t.Kind() == reflect.String && field.Type.Kind() != reflect.Pointer {
		s.MinLength = jsonschema.Ptr(1)
	}
	return nullable(s, null), nil
}

// value returns the schema of a value.
func (g *generator) value(t reflect.Type) (*jsonschema.Schema, error) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return Time(), nil
	case t == reflect.TypeFor[any]():
		return &jsonschema.Schema{}, nil
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return nil, fmt.Errorf("%s marshals itself: say in Fields how", t)
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return &jsonschema.Schema{Type: "string"}, nil
	}
	values, err := g.Constants(t)
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}, nil
	case reflect.Int, reflect.Int64:
		return &jsonschema.Schema{Type: "integer", Enum: values}, nil
	case reflect.Uint16:
		return &jsonschema.Schema{Type: "integer", Minimum: jsonschema.Ptr(0.0), Maximum: jsonschema.Ptr(65535.0)}, nil
	case reflect.Float64:
		return &jsonschema.Schema{Type: "number"}, nil
	case reflect.String:
		return &jsonschema.Schema{Type: "string", Enum: values}, nil
	case reflect.Slice:
		items, err := g.value(t.Elem())
		return &jsonschema.Schema{Type: "array", Items: items}, err
	case reflect.Map:
		values, err := g.value(t.Elem())
		return &jsonschema.Schema{Type: "object", AdditionalProperties: values}, err
	case reflect.Struct:
		return g.definition(t)
	}
	return nil, fmt.Errorf("no schema for %s", t)
}

// definition returns a reference to the schema of a struct.
func (g *generator) definition(t reflect.Type) (*jsonschema.Schema, error) {
	name := definitionName(t)
	if before := g.types[name]; before == t {
		return reference(name), nil
	} else if before != nil {
		return nil, fmt.Errorf("%s and %s would be the same definition", before, t)
	}
	g.types[name] = t
	s, err := g.object(t)
	g.defs[name] = s
	return reference(name), err
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// definitionName returns the package and the name of a type, such as "images-doc".
func definitionName(t reflect.Type) string {
	name := t.String()
	if before, arguments, generic := strings.Cut(name, "["); generic {
		name = before + "-" + arguments[strings.LastIndex(arguments, ".")+1:]
	}
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

func reference(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

func constant(value any) *jsonschema.Schema { return &jsonschema.Schema{Const: &value} }

// nullable returns a schema that accepts null too, if it should.
func nullable(s *jsonschema.Schema, null bool) *jsonschema.Schema {
	switch {
	case !null:
		return s
	case s.Type != "" && s.Enum == nil:
		s.Types, s.Type = []string{s.Type, "null"}, ""
		return s
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// byName returns the schemas that the name of a field says, or nil.
func byName(t reflect.Type, name string) *jsonschema.Schema {
	switch {
	case name == "schema" && t.Kind() == reflect.Int:
		return constant(1)
	case t.Kind() != reflect.String || t.Name() != "string":
		return nil
	case name == "sha256" || strings.HasSuffix(name, "_sha256"):
		return &jsonschema.Schema{Type: "string", Pattern: "^[0-9a-f]{64}$"}
	case name == "time" || name == "built":
		return Time()
	}
	return nil
}

// Time returns the schema of a time. Validators may leave formats unchecked, so it has a pattern too.
func Time() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Format: "date-time",
		Pattern: `^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]+)?(Z|[+-][0-2][0-9]:[0-5][0-9])$`,
	}
}

// Values returns the schema of a text that has one of some values.
func Values[S ~string](values ...S) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, value := range values {
		s.Enum = append(s.Enum, string(value))
	}
	return s
}

// List returns the schema of a list of values.
func List(of *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: of}
}

// OrNull returns the schema of a value that may be null.
func OrNull(s *jsonschema.Schema) *jsonschema.Schema { return nullable(s, true) }

// Pattern returns the schema of a text that matches a regular expression.
func Pattern(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

// Names returns the definitions of a schema, sorted.
func Names(s *jsonschema.Schema) []string { return slices.Sorted(maps.Keys(s.Defs)) }
