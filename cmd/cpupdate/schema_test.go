package main

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schemas of the answers of version, help and completion.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	const section = "## Other commands"
	schemas.Hold(t,
		schemas.Document{
			Name: "version", Title: "The answer of version", Description: "Which program this is, and of what it was built.",
			Section: section, Shapes: []schemas.Shape{{Of: versionDoc{}}},
		},
		schemas.Document{
			Name: "help", Title: "The answer of help COMMAND and --help", Description: "The help of a command as text.",
			Section: section, Shapes: []schemas.Shape{{Of: helpDoc{}}},
		},
		schemas.Document{
			Name: "exit-codes", Title: "The answer of help exit-codes", Description: "The exit codes, and whether a retry may help.",
			Section: section, Shapes: []schemas.Shape{{Of: exitCodesDoc{}}},
			Fields: map[string]*jsonschema.Schema{"main.exitCodeDoc.name": schemas.ExitNames(t)},
		},
		schemas.Document{
			Name: "completion", Title: "The answer of completion", Description: "The script of a shell.",
			Section: section, Shapes: []schemas.Shape{{Of: completionDoc{}}},
			Fields: map[string]*jsonschema.Schema{"main.completionDoc.shell": schemas.Values("bash", "zsh", "fish", "powershell")},
		},
	)
}
