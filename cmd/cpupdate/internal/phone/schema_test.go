package phone

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schema of the answer of phone.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t, schemas.Document{
		Name: "phone", Title: "The answer of phone", Description: "What each phone reports about itself, in the order in which the phones were named.",
		Section: "## Phones", Shapes: []schemas.Shape{{Of: phonesDoc{}}},
		Fields: map[string]*jsonschema.Schema{"phone.pageDoc.differs": schemas.List(schemas.Values("model", "address"))},
	})
}
