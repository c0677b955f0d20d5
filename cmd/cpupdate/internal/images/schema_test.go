package images

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schema of the answer of inspect, pack and describe.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t, schemas.Document{
		Name: "images", Title: "The answer of inspect, pack and describe",
		Description: "What each image states, and which files were passed over.",
		Section:     "## An image", Shapes: []schemas.Shape{{Of: InspectDoc{}}},
		Null: []string{"images.Doc.models", "images.Doc.hw_levels"},
	})
}
