package knownhosts

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schema of the answer of trust add.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t, schemas.Document{
		Name: "trust-add", Title: "The answer of trust add", Description: "The pins of the peer that were not known before.",
		Section: "## Known keys", Shapes: []schemas.Shape{{Of: addedDoc{}}},
		Fields: map[string]*jsonschema.Schema{"knownhosts.addedDoc.added": schemas.List(schemas.Pattern("^sha256:"))},
	})
}
