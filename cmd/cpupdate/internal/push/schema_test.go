package push

import (
	"maps"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/internal/schemas"
)

// always returns the fields that each event about a phone has, besides those that the page says all have.
func always() map[string][]string {
	return map[string][]string{
		"contacted": {"attempt", "limit_ms"}, "reading": {"limit_ms"}, "called-back": {"device"},
		"checked":  {"known", "verdict", "nothing_to_do", "untrusted", "findings"},
		"told":     {"limit_ms"},
		"accepted": {"limit_ms"},
		"busy":     {"limit_ms"},
		"fetching": {"fetch", "limit_ms"}, "fetched": {"fetch", "limit_ms"}, "restarting": {"limit_ms"}, "back": {"limit_ms"},
		"settling": {"limit_ms"}, "page-only": {"why"}, "page": {"text"}, "logged-in": nil, "found": {"device"}, "sending": {"upload", "limit_ms"}, "sent": {"upload", "limit_ms"},
		"answered": {"limit_ms"}, "visited": {"text"}, "done": {"outcome", "image", "tool_version"}, "failed": {"told", "error", "image", "tool_version"},
		"silent": {"limit_ms"}, "trouble": {"why"}, "stranger": {"why"}, "summary": {"image", "tool_version"},
	}
}

// TestDocsSchema holds the schema of the lines of push. Which fields an event about a phone has is read from the page.
func TestDocsSchema(t *testing.T) {
	t.Parallel()
	shapes := []schemas.Shape{
		{Key: "check", Event: "checked", Of: checkedDoc{}},
		{Event: "step", Of: delivery.StepLine{}},
		{Event: "progress", Of: console.ProgressDoc{}},
		{Key: "on-server", Event: "sent", Of: delivery.UploadDoc{}, Required: []string{"url", "size", "sha256", "in_place", "attempts", "duration_ms", "image", "tool_version"}},
		{Event: "dry-run", Of: delivery.UploadDoc{}, Only: []string{"schema", "event", "url", "size", "image", "tool_version"}, Required: []string{"url", "size", "image", "tool_version"}},
		{Event: "nothing-to-do", Of: delivery.UploadDoc{}, Only: []string{"schema", "event", "image", "tool_version"}, Required: []string{"image", "tool_version"}},
	}
	events := schemas.EventsOfPage(schemas.Section(t, "### A push to phones"))
	if len(events) != len(always()) {
		t.Errorf("the page has %d events, want %d", len(events), len(always()))
	}
	for _, event := range slices.Sorted(maps.Keys(events)) {
		shape := schemas.Shape{Event: event, Of: runview.PhoneEvent{}, Only: events[event], Required: always()[event]}
		if event == "summary" {
			shape.Of, shape.Only = runview.SummaryDoc{}, nil
		} else if slices.Contains(shape.Only, "phone") {
			shape.Only, shape.Required = append(shape.Only, "note"), append(shape.Required, "phone")
		}
		if event == "checked" || event == "sent" {
			shape.Key = "phone-" + event
		}
		shapes = append(shapes, shape)
	}
	schemas.Hold(t, schemas.Document{
		Name: "push", Title: "A line of push", Description: "What push prints as it happens; the last line is the answer.",
		Section: "### A push to phones", Shapes: shapes, Null: []string{"images.Doc.models", "images.Doc.hw_levels"},
	})
}
