package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestDocsFaults compares docs/simulate.md with the table of faults.
func TestDocsFaults(t *testing.T) {
	page := readPage(t, "simulate.md")
	const head = "| fault | the phone |\n|---|---|\n"
	before, rest, found := strings.Cut(page.text, head)
	_, after, closed := strings.Cut(rest, "\n\n")
	if !found || !closed {
		t.Fatalf("%s has no table of faults", page.path)
	}
	table := head
	for _, f := range phonesim.Faults() {
		table += fmt.Sprintf("| `%s` | %s |\n", f.Name, f.Sentence)
	}
	checkGenerated(t, page.path, []byte(before+table+"\n"+after), os.Getenv("UPDATE_DOCS") != "")
	var names []string
	for _, f := range phonesim.Faults() {
		names = append(names, string(f.Name))
	}
	if len(names) < 40 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("%d faults: %v", len(names), names)
	}
}
