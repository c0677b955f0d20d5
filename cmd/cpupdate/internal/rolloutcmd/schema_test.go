package rolloutcmd

import (
	"maps"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/internal/schemas"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// TestDocsSchema holds the schemas of what the commands of rollout print.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	kinds := schemas.Constants(t, "pkg/fleet", "Kind")
	outcomes := schemas.With(schemas.Constants(t, "pkg/fleet", "Outcome"), schemas.Texts(kinds)...)
	verbs := schemas.Constants(t, "pkg/rollout", "Verb")
	decision := map[string]*jsonschema.Schema{"rolloutcmd.decisionDocument.next": verbs, "rolloutcmd.phoneDocument.outcome": outcomes}
	status := map[string]*jsonschema.Schema{
		"rolloutcmd.statusDocument.next": verbs, "rolloutcmd.phoneStatus.cause": schemas.Constants(t, "pkg/rollout", "Cause"), "rolloutcmd.phoneStatus.failure": kinds,
	}
	lines := []schemas.Shape{{Event: "next", Of: decisionDocument{}}, {Event: "phone", Of: phoneDocument{}}, {Event: "status", Of: statusDocument{}}}
	causes := schemas.With(kinds, schemas.Texts(schemas.Constants(t, "pkg/rollout/report", "Outcome"))...)
	const section = "## A rollout"
	schemas.Hold(t,
		schemas.Document{
			Name: "rollout-plan", Title: "The answer of rollout plan", Description: "The plan that was made, and how long it may take.",
			Section: section, Shapes: []schemas.Shape{{Of: planDocument{}}}, Null: planNull(),
		},
		schemas.Document{
			Name: "rollout-run", Title: "A line of rollout run", Description: "What a run of a rollout prints as it happens; the last line is its status.",
			Section: section, Fields: merged(decision, status),
			Shapes: append([]schemas.Shape{
				{Event: "step", Of: delivery.StepLine{}},
				{Event: "progress", Of: console.ProgressDoc{}},
				{Event: "sent", Of: delivery.UploadDoc{}, Required: []string{"url", "size", "sha256", "in_place", "attempts", "duration_ms", "image", "tool_version"}},
				{Event: "forecast", Of: forecastLine{}},
			}, lines...),
		},
		schemas.Document{
			Name: "rollout-status", Title: "The answer of rollout status NAME, and a line of it with --watch", Description: "How far a rollout is, and what comes next.",
			Section: section, Shapes: lines, Fields: merged(decision, status),
		},
		schemas.Document{
			Name: "rollout-work", Title: "A line of rollout work", Description: "What a worker of a site does.",
			Section: "## Simulated phones", Shapes: append([]schemas.Shape{{Event: "work", Of: workDocument{}}}, lines[:2]...),
			Fields: merged(decision, map[string]*jsonschema.Schema{"rolloutcmd.workDocument.state": schemas.Values("ready", "begun", "done", "given-back")}),
		},
		schemas.Document{
			Name: "rollout-list", Title: "The answer of rollout list, and of rollout status without a name", Description: "The rollouts of the journal, the newest first.",
			Section: section, Shapes: []schemas.Shape{{Of: listDocument{}}},
			Fields: map[string]*jsonschema.Schema{"rolloutcmd.listedLine.next": schemas.With(verbs, nextIncomplete, nextDamaged)},
		},
		schemas.Document{
			Name: "rollout-change", Title: "The answer of rollout pause, resume, stop and retry", Description: "What a person changed of a rollout.",
			Section: section, Shapes: []schemas.Shape{{Of: changeDocument{}}},
		},
		schemas.Document{
			Name: "rollout-watch", Title: "The line of rollout watch", Description: "Where the page about a rollout can be opened. Whoever has the URL can read it.",
			Section: "## Simulated phones", Shapes: []schemas.Shape{{Event: "ready", Of: pageDocument{}}},
		},
		schemas.Document{
			Name: "rollout-report", Title: "The answer of rollout report --json", Description: "What a rollout did, and to which phones.",
			Section: section, Shapes: []schemas.Shape{{Of: report.Report{}}},
			Fields: map[string]*jsonschema.Schema{
				"report.Event.kind":  schemas.With(schemas.Constants(t, "pkg/journal", "Kind"), "left-out"),
				"report.Cause.cause": causes,
				"report.Phone.cause": causes,
			},
		},
	)
}

// planNull returns the lists of a plan that may be null: they are those of package hwcheck, which has no JSON of its own.
func planNull() (fields []string) {
	for _, name := range []string{"Device", "PartNumber", "Level", "SoftwareType", "Running", "Minimum", "Classes"} {
		fields = append(fields, "hwcheck.Phone."+name)
	}
	return fields
}

// merged returns the fields of several maps.
func merged(all ...map[string]*jsonschema.Schema) map[string]*jsonschema.Schema {
	out := map[string]*jsonschema.Schema{}
	for _, one := range all {
		maps.Copy(out, one)
	}
	return out
}
