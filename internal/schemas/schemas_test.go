package schemas

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

type colour string

type inner struct {
	Name string `json:"name"`
	Far  *int64 `json:"far"`
}

type embedded struct {
	Sum string `json:"sum"`
}

type sample struct {
	Schema int       `json:"schema"`
	Event  string    `json:"event"`
	At     time.Time `json:"at"`
	Colour colour    `json:"colour"`
	SHA256 string    `json:"sha256,omitempty"`
	List   []inner   `json:"list"`
	Maybe  []string  `json:"maybe"`
	Note   string    `json:"note,omitempty"`
	Level  *int      `json:"level,omitempty"`
	hidden int
	Skip   int `json:"-"`
	*embedded
}

// sampleSet returns the schema "sample" as a set.
func sampleSet(t *testing.T) *Set {
	t.Helper()
	d := Document{
		Name: "sample", Title: "A sample", Description: "It is one.", Null: []string{"schemas.sample.maybe"},
		Shapes: []Shape{{Event: "one", Of: sample{hidden: 1}}, {Key: "other", Events: []string{"two", "three"}, Of: sample{}, Only: []string{"schema", "event", "note"}, Required: []string{"note"}}},
	}
	s, err := d.Schema(Page{
		Constants: func(t reflect.Type) ([]any, error) {
			if t == reflect.TypeFor[colour]() {
				return []any{"red", "blue"}, nil
			}
			return nil, nil
		},
		Words: map[string]string{"note": "what a person wrote"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "what a person wrote") {
		t.Errorf("no description in %s", text)
	}
	set := &Set{map[string]*jsonschema.Resolved{}, map[string][]shape{}}
	if err := set.add("sample", text); err != nil {
		t.Fatal(err)
	}
	return set
}

// TestSchema compares documents with the schema of a type: what Go prints is accepted, and each deviation is not.
func TestSchema(t *testing.T) {
	t.Parallel()
	set := sampleSet(t)
	const right = `{"schema":1,"event":"one","at":"2026-11-30T03:25:10.061Z","colour":"red","list":[{"name":"a","far":null},{"name":"","far":3}],"maybe":null}`
	accepted := map[string]string{
		right:                                   "sample one",
		`{"schema":1,"event":"two","note":"x"}`: "sample other",
		`{"schema":1,"event":"three","note":"x"}`:                                                 "sample other",
		strings.Replace(right, `"maybe":null`, `"maybe":["x"],"level":3,"note":"n","sum":"s"`, 1): "sample one",
		strings.Replace(right, `"maybe"`, `"sha256":"`+strings.Repeat("0f", 32)+`","maybe"`, 1):   "sample one",
		strings.Replace(right, "2026-11-30T03:25:10.061Z", "2026-11-30T03:25:10+01:00", 1):        "sample one",
	}
	for text, want := range accepted {
		if keys, err := set.Check("sample", []byte(text)); err != nil || len(keys) != 1 || keys[0] != want {
			t.Errorf("%s: %q, %v", text, keys, err)
		}
	}
	if keys, err := set.Check("sample", []byte(right+"\n"+right)); err != nil || len(keys) != 2 {
		t.Errorf("two lines: %q, %v", keys, err)
	}
	for _, change := range [][2]string{
		{`"schema":1`, `"schema":2`},
		{`"schema":1`, `"schema":"1"`},
		{`"schema":1,`, ``},
		{`"one"`, `"four"`},
		{`"event":"one",`, ``},
		{`2026-11-30T`, `2026-11-30 `},
		{`.061Z`, ``},
		{`red`, `green`},
		{`"maybe":null`, ``},
		{`"list":`, `"liste":`},
		{`"far":null`, `"far":"1"`},
		{`"far":null`, `"fahr":null`},
		{`,"far":null`, ``},
		{`"maybe":null`, `"maybe":null,"note":""`},
		{`"maybe":null`, `"maybe":null,"level":null`},
		{`"maybe":null`, `"maybe":null,"sha256":"0F"`},
		{`"maybe":null`, `"maybe":null,"skip":1`},
		{`"maybe":null`, `"maybe":null,"hidden":1`},
		{`[{"name":"a","far":null},{"name":"","far":3}]`, `null`},
		{right, `[]`},
		{right, `null`},
		{right, `{"schema":1,"event":"two"}`},
		{right, `{"schema":1,"event":"two","note":"x","list":[]}`},
		{right, `{`},
		{right, right + "x"},
	} {
		text := strings.Replace(right, change[0], change[1], 1)
		text = strings.Replace(text, ",}", "}", 1)
		if _, err := set.Check("sample", []byte(text)); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
	if _, err := set.Check("nothing", []byte(right)); err == nil {
		t.Error("an unknown schema is no error")
	}
}

// TestDocumentErrors makes documents that contradict their types.
func TestDocumentErrors(t *testing.T) {
	t.Parallel()
	page := Page{Constants: func(reflect.Type) ([]any, error) { return nil, nil }}
	for name, d := range map[string]Document{
		"no struct":          {Shapes: []Shape{{Of: 1}}},
		"unknown field":      {Shapes: []Shape{{Of: inner{}}}, Fields: map[string]*jsonschema.Schema{"schemas.inner.nam": {}}},
		"unknown list":       {Shapes: []Shape{{Of: inner{}}}, Null: []string{"schemas.inner.list"}},
		"no such field":      {Shapes: []Shape{{Of: inner{}, Required: []string{"nam"}}}},
		"event without one":  {Shapes: []Shape{{Of: inner{}, Event: "x"}}},
		"two of one name":    {Shapes: []Shape{{Of: sample{}, Event: "x"}, {Of: sample{}, Event: "x"}}},
		"no schema for it":   {Shapes: []Shape{{Of: struct{ C chan int }{}}}},
		"marshals by itself": {Shapes: []Shape{{Of: struct{ M json.RawMessage }{}}}},
	} {
		if _, err := d.Schema(page); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestFieldsOfPage reads tables: only those of fields, and none that says two things of one field.
func TestFieldsOfPage(t *testing.T) {
	t.Parallel()
	words := fieldsOfPage("text\n\n| field | meaning |\n|---|---|\n| `a`, `b` | one [link](x.md#y) |\n| `c` | |\n| `d` | first |\n\n| field of `x` | meaning |\n|---|---|\n| `d` | second |\n\n| `event` | when |\n|---|---|\n| `e` | no field |\n")
	if want := map[string]string{"a": "one link", "b": "one link"}; !reflect.DeepEqual(words, want) {
		t.Errorf("%q, want %q", words, want)
	}
}
