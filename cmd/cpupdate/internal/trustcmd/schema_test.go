package trustcmd

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schemas of the answers of trust list and trust remove.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t,
		schemas.Document{
			Name: "trust-list", Title: "The answer of trust list", Description: "The known keys, and the file in which they are stored.",
			Section: "## Known keys", Shapes: []schemas.Shape{{Of: listDoc{}}},
			Fields: map[string]*jsonschema.Schema{
				"trustcmd.knownKeyDoc.pin":        schemas.Pattern("^sha256:"),
				"trustcmd.knownKeyDoc.first_seen": schemas.Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
			},
		},
		schemas.Document{
			Name: "trust-remove", Title: "The answer of trust remove", Description: "How many keys of the peer were removed.",
			Section: "## Known keys", Shapes: []schemas.Shape{{Of: removedDoc{}}},
		},
	)
}
