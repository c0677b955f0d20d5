package defaults

import (
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schemas of the answers of the commands of defaults.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	names := schemas.Values("password")
	for _, name := range settings.Names() {
		names = schemas.With(names, strings.ReplaceAll(name, "-", "_"))
	}
	schemas.Hold(t,
		schemas.Document{
			Name: "defaults", Title: "The answer of defaults show, set and unset", Description: "The stored settings, the value that applies of each, and its origin.",
			Section: "## Stored settings", Shapes: []schemas.Shape{{Of: defaultsDoc{}}},
			Fields: map[string]*jsonschema.Schema{
				"defaults.defaultsDoc.settings": {
					Type: "object", PropertyNames: names, Required: schemas.Texts(names),
					AdditionalProperties: &jsonschema.Schema{
						Type: "object", Required: []string{"value", "origin"}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
						Properties: map[string]*jsonschema.Schema{
							"value":   {Types: []string{"null", "string", "integer", "boolean", "array"}},
							"origin":  schemas.Values(originStored, originPassword, originKeyring, originDefault, originUnset),
							"where":   {Type: "string"},
							"problem": schemas.Values("off", "none", "lost", "silent", "failed"),
						},
					},
				},
			},
		},
		schemas.Document{
			Name: "defaults-test", Title: "The answer of defaults test", Description: "The steps of the test upload, and how each of them ended.",
			Section: "## Stored settings", Shapes: []schemas.Shape{{Of: tryDoc{}}},
			Fields: map[string]*jsonschema.Schema{"defaults.stepDoc.step": schemas.Constants(t, "pkg/transfer", "Step")},
		},
		schemas.Document{
			Name: "defaults-move-passwords", Title: "The answer of defaults move-passwords", Description: "The profiles whose passwords were moved into the keyring.",
			Section: "## Stored settings", Shapes: []schemas.Shape{{Of: movedDoc{}}},
		},
	)
}
