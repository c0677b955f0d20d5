package verdict

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schemas of the answers of check.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t,
		schemas.Document{
			Name: "check", Title: "The answer of check for one image and one phone",
			Description: "Whether the phone will accept the image, and what each of the eight rules says.",
			Section:     "## A check", Shapes: []schemas.Shape{{Of: sheetDoc{}}}, Null: []string{"images.Doc.models", "images.Doc.hw_levels"},
		},
		schemas.Document{
			Name: "check-many", Title: "The answer of check for several images or phones",
			Description: "Which images fit which phones, with the rules that say no or that cannot tell.",
			Section:     "## A check", Shapes: []schemas.Shape{{Of: matrixDoc{}}}, Null: []string{"images.Doc.models", "images.Doc.hw_levels"},
			Fields: map[string]*jsonschema.Schema{"verdict.fitRow.answer": schemas.Answers()},
		},
	)
}
