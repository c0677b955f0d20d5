package journal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// TestDocs fails when docs/journal.md does not name a kind, or one of its fields.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "journal.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, events, _ := strings.Cut(string(page), "## The events")
	for _, body := range journaltest.Bodies() {
		if _, unknown := body.(journal.Unknown); unknown {
			continue
		}
		kind, data, err := journal.Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(events, "`"+string(kind)+"`") {
			t.Errorf("docs/journal.md does not name %s", kind)
		}
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatal(err)
		}
		for _, name := range names(value) {
			if !strings.Contains(events, "`"+name+"`") {
				t.Errorf("docs/journal.md does not name %s of %s", name, kind)
			}
		}
	}
}

// names returns the names of all fields of a JSON value.
func names(value any) (all []string) {
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			all = append(append(all, name), names(field)...)
		}
	case []any:
		for _, element := range v {
			all = append(all, names(element)...)
		}
	}
	return all
}
