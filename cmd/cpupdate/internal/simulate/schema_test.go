package simulate

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/internal/schemas"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestDocsSchema holds the schemas of the lines of simulate, and of the answer of simulate --list-faults.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	faults := schemas.Values[string]()
	for _, f := range phonesim.Faults() {
		faults = schemas.With(faults, string(f.Name))
	}
	schemas.Hold(t,
		schemas.Document{
			Name: "simulate", Title: "A line of simulate", Description: "What simulate prints as it happens: the phones, what happens to them, and their state at the end.",
			Section: "## Simulated phones",
			Shapes: []schemas.Shape{
				{Key: "phone", Event: "started", Of: startedDoc{}},
				{Event: "ready", Of: readyDoc{}},
				{Key: "happened", Events: schemas.Texts(schemas.Dashed(schemas.Constants(t, "pkg/phonesim", "Kind"))), Of: simEventDoc{}},
				{Event: "state", Of: stateDoc{}},
			},
			Fields: map[string]*jsonschema.Schema{
				"simulate.startedDoc.faults": schemas.List(faults),
				"simulate.stateDoc.status":   schemas.Dashed(schemas.Constants(t, "pkg/phonesim", "Status")),
			},
		},
		schemas.Document{
			Name: "simulate-faults", Title: "The answer of simulate --list-faults", Description: "The faults that simulated phones can have, and what each of them does.",
			Section: "## Simulated phones", Shapes: []schemas.Shape{{Of: faultsDoc{}}},
			Fields: map[string]*jsonschema.Schema{"simulate.faultDoc.name": faults},
		},
	)
}
