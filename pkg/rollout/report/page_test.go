package report_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// pageFile writes the page of a report into a file.
func pageFile(t *testing.T, name string, r *report.Report) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".html")
	file, err := os.Create(path)
	noError(t, err)
	noError(t, r.WriteHTML(file))
	noError(t, file.Close())
	return path
}

// TestPageInBrowser opens the page with few and many phones in a real browser: on screens of two widths, light, dark, in print, and
// without script. PICTURES names a folder for pictures to look at.
func TestPageInBrowser(t *testing.T) {
	c := newChromium(t)
	const most = 10_000
	for _, test := range []struct {
		name   string
		report *report.Report
		phones int
	}{
		{"0", none(t), 0},
		{"1", one(t).report(options()), 1},
		{"12", twelve(t).report(options()), 12},
		{"hostile", hostile(t).report(options()), 3},
		{"thousand", many(t, 1000).report(options()), 1000},
		{"many", many(t, most).report(options()), most},
	} {
		if test.phones == most && testing.Short() {
			continue
		}
		path := pageFile(t, test.name, test.report)
		for _, scripts := range []bool{true, false} {
			if test.phones == most && !scripts {
				continue // it takes Chromium seconds, and shows what a thousand rows do
			}
			c.Scripts(scripts)
			c.open(path)
			if !scripts {
				if rows, dead := c.Nodes("table.phones tbody tr"), c.Nodes("form:not([hidden]), button"); rows != test.phones || dead != 0 {
					t.Errorf("%s without script: %d rows, want %d, and %d controls that do nothing", test.name, rows, test.phones, dead)
				}
				continue
			}
			if got := c.Eval(`document.querySelectorAll("table.phones tbody tr").length`); got != fmt.Sprint(test.phones) {
				t.Errorf("%s: %s rows, want %d", test.name, got, test.phones)
			}
			if got := c.Eval(`document.title`); !strings.HasPrefix(got, "Rollout ") {
				t.Errorf("%s: the title is %s", test.name, got)
			}
			for _, width := range []int{1280, 400} {
				if test.phones == most && width > 400 {
					continue // as without scripts
				}
				c.Screen(width, "screen", "light")
				if got := c.Eval(`document.documentElement.scrollWidth <= window.innerWidth`); got != "true" {
					t.Errorf("%s: the page is wider than a screen of %d", test.name, width)
				}
			}
		}
		c.Scripts(true)
		c.pictures(test.name, path)
	}
}

// pictures takes pictures of a page for people to look at.
func (c *chromium) pictures(name, path string) {
	c.t.Helper()
	folder := os.Getenv("PICTURES")
	if folder == "" {
		return
	}
	c.open(path)
	height := 0
	if name == "many" {
		height = 3000
	}
	for _, width := range []int{1280, 400} {
		for _, look := range [][2]string{{"screen", "light"}, {"screen", "dark"}, {"print", "dark"}} {
			c.Screen(width, look[0], look[1])
			file := filepath.Join(folder, fmt.Sprintf("%s-%d-%s-%s.png", name, width, look[0], look[1]))
			noError(c.t, os.WriteFile(file, c.Picture(height), 0o600))
		}
	}
	if name == "many" {
		return
	}
	noError(c.t, os.WriteFile(filepath.Join(folder, name+".pdf"), c.pdf(), 0o600))
}

// pdf prints the page.
func (c *chromium) pdf() []byte {
	c.t.Helper()
	var printed struct {
		Data string `json:"data"`
	}
	c.Call(&printed, "Page.printToPDF", map[string]any{"paperWidth": 8.27, "paperHeight": 11.69})
	data, err := base64.StdEncoding.DecodeString(printed.Data)
	noError(c.t, err)
	return data
}
