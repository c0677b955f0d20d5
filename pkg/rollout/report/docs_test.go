package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocs fails when docs/rollout-report.md does not name a field of the JSON form, a column of the CSV form, or an outcome.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "rollout-report.md"))
	noError(t, err)
	r := twelve(t).report(options())
	var doc any
	noError(t, json.Unmarshal([]byte(written(t, r, forms()[1])), &doc))
	want := names(doc)
	for _, form := range forms()[2:4] {
		first, _, _ := strings.Cut(written(t, r, form), "\n")
		want = append(want, strings.Split(first, ",")...)
	}
	for _, p := range r.Phones {
		want = append(want, string(p.Outcome))
	}
	for _, name := range want {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/rollout-report.md does not name %s", name)
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
