package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocsSecurity checks that each test that docs/security.md names exists, and that the page names one for each row of its
// tables and for each section of what cpupdate does.
func TestDocsSecurity(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	const heading = "## Which test holds a promise\n"
	above, rest, found := strings.Cut(string(text), heading)
	table, _, ended := strings.Cut(rest, "\n## ")
	if !found || !ended {
		t.Fatal("the page has no section with the tests")
	}
	held := map[string]bool{}
	for _, cells := range tableRows(table) {
		held[cells[0]] = true
		named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1)
		if len(named) == 0 && cells[1] != "none: nothing is promised" {
			t.Errorf("%s: no test", cells[0])
		}
		for _, name := range named {
			if problem := missingTest(name[1]); problem != "" {
				t.Errorf("%s: %s: %s", cells[0], name[1], problem)
			}
		}
	}
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(above, -1) { // in the text, without a folder
		if !strings.Contains(table, "."+name[1]+"`") {
			t.Errorf("%s is not in the table of tests", name[1])
		}
	}
	for _, promise := range promises(above) {
		if !held[promise] {
			t.Errorf("%s: no test is named for it", promise)
		}
	}
}

// promises returns what the page promises: the rows of its two tables of promises, and its sections that promise.
func promises(page string) []string {
	var all []string
	_, does, _ := strings.Cut(page, "\n## What cpupdate does\n")
	does, attacks, _ := strings.Cut(does, "\n## Attacks, and what happens\n")
	for _, cells := range tableRows(does) {
		all = append(all, cells[0])
	}
	for _, cells := range tableRows(attacks) {
		all = append(all, cells[1]) // what is tried; who tries it is not always said
	}
	for _, line := range strings.Split(does, "\n") {
		if title, ok := strings.CutPrefix(strings.Replace(line, "### ", "## ", 1), "## "); ok {
			all = append(all, title)
		}
	}
	return all
}

// tableRows returns the cells of the rows of the tables in a text, without their heads.
func tableRows(text string) [][]string {
	var rows [][]string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		isHead := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---")
		if !strings.HasPrefix(line, "|") || isHead || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// missingTest returns what is wrong with the name of a test, FOLDER.TestName or FOLDER.TestName/row; "" if it exists.
func missingTest(name string) string {
	parts := regexp.MustCompile(`^((?:pkg|cmd)/[a-z/]+)\.((?:Test|Fuzz)\w+)(?:/([\w-]+))?$`).FindStringSubmatch(name)
	if parts == nil {
		return "is not FOLDER.TestName"
	}
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(parts[1]), "*_test.go"))
	if err != nil {
		return err.Error()
	}
	declared := slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "\nfunc "+parts[2]+"(")
	})
	switch {
	case !declared:
		return "there is no such test"
	case parts[2] == "TestScript" && parts[3] != "":
		if _, err := os.Stat(filepath.Join("testdata", "script", parts[3]+".txtar")); err != nil {
			return "there is no such script"
		}
	case parts[3] != "":
		rows, err := filepath.Glob(filepath.Join("..", "..", "internal", "badserver", "*.go"))
		if err != nil || !slices.ContainsFunc(rows, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), `"`+parts[3]+`"`)
		}) {
			return "there is no such bad server"
		}
	}
	return ""
}
