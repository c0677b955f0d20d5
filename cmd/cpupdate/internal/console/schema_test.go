package console

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// A noteBody is what a note says.
type noteBody struct {
	File  string `json:"file,omitempty"`
	About string `json:"about,omitempty"`
	Why   string `json:"why"`
}

// TestDocsSchema holds the schema of the lines on stderr. The notes of jsonOutput.note are maps: their schemas are made of the
// types here, and every script compares what is printed.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t, schemas.Document{
		Name: "stderr", Title: "A line on standard error",
		Description: "With --json, every line on standard error is one object: the error of a command that fails, or a note.",
		Section:     "## Errors and notes",
		Shapes: []schemas.Shape{
			{Key: "error", Of: errorLine{}},
			{Key: "warning", Of: struct {
				Schema  int      `json:"schema"`
				Warning noteBody `json:"warning"`
			}{}},
			{Key: "note", Of: struct {
				Schema int      `json:"schema"`
				Note   noteBody `json:"note"`
			}{}},
			{Key: "passed_over", Of: struct {
				Schema     int      `json:"schema"`
				PassedOver noteBody `json:"passed_over"`
			}{}},
			{Key: "said", Of: struct {
				Schema int    `json:"schema"`
				Said   string `json:"said"`
			}{}},
		},
	})
}
