package pack

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schemas of the answers of dry runs.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t,
		schemas.Document{
			Name: "pack-dry-run", Title: "The answer of pack --dry-run", Description: "The file that would be written, and its size.",
			Section: "## Other commands", Shapes: []schemas.Shape{{Of: packDryRunDoc{}}},
		},
		schemas.Document{
			Name: "describe-dry-run", Title: "The answer of describe --dry-run", Description: "The descriptor that would be written, and its text.",
			Section: "## Other commands", Shapes: []schemas.Shape{{Of: describeDryRunDoc{}}},
		},
	)
}
