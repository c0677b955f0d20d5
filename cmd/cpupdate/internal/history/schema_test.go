package history

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schema of the answer of history.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	outcomes := schemas.With(schemas.Constants(t, "pkg/fleet", "Outcome"), append(schemas.Texts(schemas.Constants(t, "pkg/fleet", "Kind")), notKnown, notBegun)...)
	schemas.Hold(t, schemas.Document{
		Name: "history", Title: "The answer of history", Description: "The runs that the journal of this machine has, the newest first, and what each of them did to which phone.",
		Section: "## History", Shapes: []schemas.Shape{{Of: historyDoc{}}},
		Fields: map[string]*jsonschema.Schema{"history.phoneDoc.outcome": outcomes},
	})
}
