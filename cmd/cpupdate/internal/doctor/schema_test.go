package doctor

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
)

// TestDocsSchema holds the schema of the answer of doctor.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	schemas.Hold(t, schemas.Document{
		Name: "doctor", Title: "The answer of doctor", Description: "What was checked on the route to server and phones, and how each check ended.",
		Section: "## Report of doctor", Shapes: []schemas.Shape{{Of: answer{}}},
		Fields: map[string]*jsonschema.Schema{
			"doctor.finding.group": schemas.Values(groupSettings, groupServer, groupMachine, groupPhone, groupPage, groupClock, groupCertificates, groupAround),
			"doctor.answer.origin": schemas.Pattern("^(flags|defaults|nothing|profile .+)$"),
		},
	})
}
