package rolloutcmd

import (
	"encoding"
	"reflect"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// TestDocsJSON compares the documents and lines of the rollout commands with docs/json.md: each field is on the page.
func TestDocsJSON(t *testing.T) {
	t.Parallel()
	section := clitest.Section(t, "json.md", "## A rollout")
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		switch {
		case typ.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || typ == reflect.TypeFor[hwcheck.Phone]():
		case typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer:
			walk(typ.Elem())
		case typ.Kind() == reflect.Struct:
			for field := range typ.Fields() {
				if !field.IsExported() {
					continue
				}
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if name == "" {
					name = field.Name
				}
				if !strings.Contains(section, "`"+name+"`") && !strings.Contains(section, `"`+name+`"`) {
					t.Errorf("%s: json.md does not have the field %s", typ, name)
				}
				walk(field.Type)
			}
		}
	}
	for _, doc := range []any{planDocument{}, statusDocument{}, listDocument{}, changeDocument{}, phoneDocument{}, decisionDocument{}} {
		walk(reflect.TypeOf(doc))
	}
}
