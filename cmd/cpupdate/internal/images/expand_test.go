package images

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestExpanded checks which arguments are patterns where the shell expands none.
func TestExpanded(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.bind", "b.bind", "c.txt", "d[1].bind"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(folder)
	for arg, want := range map[string][]string{
		"*.bind":    {"a.bind", "b.bind", "d[1].bind"},
		"?.bind":    {"a.bind", "b.bind"},
		"[b-c].*":   {"b.bind", "c.txt"},
		"a.bind":    {"a.bind"},
		"d[1].bind": {"d[1].bind"}, // the name of a file
		"*.zip":     {"*.zip"},
		"[":         {"["},
		"-":         {"-"},
	} {
		if got := expanded([]string{arg}); !slices.Equal(got, want) {
			t.Errorf("%s: %q", arg, got)
		}
	}
}
