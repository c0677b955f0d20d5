package report_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// TestContrast computes the contrast of every colour of a text with every background, and of what is drawn with its background, as
// WCAG 2.2 does: light, dark, and in print.
func TestContrast(t *testing.T) {
	style, err := os.ReadFile("page.css")
	noError(t, err)
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(style), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d sets of colours, want light, dark and print", len(blocks))
	}
	for i, block := range blocks {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		if len(colour) != 17-3 && len(colour) < 14 {
			t.Errorf("set %d has %d colours", i, len(colour))
		}
		for name, of := range colour {
			least := 4.5
			switch name {
			case "back", "panel":
				continue
			case "line":
				continue // it only decorates: no information is lost without it
			case "bar", "mark", "focus":
				least = 3
			}
			for _, back := range []string{"back", "panel"} {
				if got := contrast(of, colour[back]); got < least {
					t.Errorf("set %d: %s on %s has a contrast of %.2f, want %.1f", i, name, back, got, least)
				}
			}
		}
	}
	outside := regexp.MustCompile(`(?s):root \{.*?\}`).ReplaceAllString(string(style), "")
	if m := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|opacity`).FindString(outside); m != "" {
		t.Errorf("%s is a colour that no set has", m)
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		noError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// TestMany writes a report of 10,000 phones: its forms and what is allocated for them are bounded for each phone.
func TestMany(t *testing.T) {
	const n = 10000
	s := many(t, n)
	var all []journal.Record
	for r, err := range s.ledger.ReadAll(t.Context(), s.name) {
		noError(t, err)
		all = append(all, r)
	}
	records := func(yield func(journal.Record, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
	saved, err := rollout.FromRecords(s.name, records)
	noError(t, err)
	allocated := func(what string, limit uint64, do func()) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		at := time.Now()
		do()
		took := time.Since(at)
		runtime.ReadMemStats(&after)
		bytes := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-10s %7.2f s  %4d MiB allocated", what, took.Seconds(), bytes>>20)
		if bytes > limit*n {
			t.Errorf("%s: %d bytes are allocated for each phone, want at most %d", what, bytes/n, limit)
		}
	}
	var r *report.Report
	allocated("report", 20<<10, func() {
		r, err = report.New(saved, records, options())
		noError(t, err)
	})
	sizes := map[string]int{"txt": 1, "json": 6000, "csv": 600, "phones.csv": 100, "xml": 600, "html": 2500}
	for _, f := range forms() {
		var count counter
		allocated(f.name, 60<<10, func() { noError(t, f.write(r, &count)) })
		t.Logf("%-10s %.1f MiB", f.name, float64(count)/(1<<20))
		if int(count) > sizes[f.name]*n {
			t.Errorf("%s has %d bytes for each phone, want at most %d", f.name, int(count)/n, sizes[f.name])
		}
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// TestKeyboard uses the page with the keyboard alone: every control has the focus in turn and shows it, columns are sorted and
// events are opened with Enter.
func TestKeyboard(t *testing.T) {
	c := newChromium(t)
	c.open(pageFile(t, "12", twelve(t).report(options())))
	c.Screen(1280, "screen", "light")
	first := func(table int) string {
		return c.Eval(fmt.Sprintf(`document.querySelectorAll("table.phones")[%d].tBodies[0].rows[0].cells[0].firstChild.textContent`, table))
	}
	const tab, enter = 9, 13
	seen := map[string]bool{}
	sorted := 0
	for range 80 {
		c.Press("Tab", tab)
		at := c.Eval(`(() => { const e = document.activeElement; return e === document.body ? "" : e.localName + " " + e.textContent.slice(0, 20); })()`)
		if at == "" {
			break
		}
		seen[strings.Fields(at)[0]] = true
		if got := c.Eval(`document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle`); got != "solid" && !strings.HasPrefix(at, "a To the report") {
			t.Errorf("the focus on %s is not visible: %s", at, got)
		}
		if at == "button Took" {
			table := sorted
			sorted++
			c.Press("Enter", enter)
			up := first(table)
			if got := c.Eval(`document.activeElement.parentNode.getAttribute("aria-sort")`); got != "ascending" {
				t.Errorf("aria-sort is %s", got)
			}
			c.Press("Enter", enter)
			if down := first(table); up == down || c.Eval(`document.activeElement.parentNode.getAttribute("aria-sort")`) != "descending" {
				t.Errorf("table %d: %s is the first one in both orders", table, up)
			}
		}
	}
	for _, want := range []string{"a", "button", "input", "select", "summary", "div"} {
		if !seen[want] {
			t.Errorf("Tab does not lead to %s: %v", want, seen)
		}
	}
	if sorted != 2 {
		t.Errorf("%d tables were sorted, want 2", sorted)
	}
	c.Eval(`document.querySelector("summary").focus()`)
	c.Press("Enter", enter)
	if c.Eval(`document.querySelector("details").open`) != "true" {
		t.Error("Enter does not open the events")
	}
	c.quiet()
}

// TestFilter filters by words and by outcome, and names what is left.
func TestFilter(t *testing.T) {
	c := newChromium(t)
	c.open(pageFile(t, "12", twelve(t).report(options())))
	for _, test := range []struct{ text, outcome, said, left string }{
		{"", "", "", "12"},
		{"4.08", "", "1 of 12 phones", "1"},
		{"CP600  berlin", "failed", "3 of 12 phones", "3"},
		{"", "updated", "4 of 12 phones", "4"},
		{"nowhere", "", "0 of 12 phones", "0"},
		{"", "", "", "12"},
	} {
		text, _ := json.Marshal(test.text)
		c.Eval(`document.querySelector("input").value = ` + string(text))
		c.Eval(fmt.Sprintf(`document.querySelector("select").value = %q; document.querySelector("form").requestSubmit()`, test.outcome))
		if got := c.Eval(`document.querySelector("output").textContent`); got != test.said {
			t.Errorf("%+v: it says %q", test, got)
		}
		if got := c.Eval(`document.querySelectorAll("tr[data-o]:not([hidden])").length`); got != test.left {
			t.Errorf("%+v: %s rows are left", test, got)
		}
	}
	c.quiet()
}

// TestAccessible looks at what a screen reader is told.
func TestAccessible(t *testing.T) {
	c := newChromium(t)
	c.open(pageFile(t, "12", twelve(t).report(options())))
	for what, expression := range map[string]string{
		"tables without caption":             `[...document.querySelectorAll("table")].filter((t) => !t.caption?.textContent).length`,
		"tables without header row":          `[...document.querySelectorAll("table")].filter((t) => !t.tHead).length`,
		"headers without scope":              `document.querySelectorAll("th:not([scope])").length`,
		"rows without header":                `[...document.querySelectorAll("tbody tr")].filter((r) => r.cells[0].localName !== "th").length`,
		"links to nowhere":                   `[...document.querySelectorAll("a")].filter((a) => !document.getElementById(a.hash.slice(1))).length`,
		"links out of the page":              `[...document.querySelectorAll("a")].filter((a) => !a.getAttribute("href").startsWith("#")).length`,
		"ids that are there twice":           `[...document.querySelectorAll("[id]")].filter((e, i, all) => all.some((o, k) => k < i && o.id === e.id)).length`,
		"labels that name nothing":           `[...document.querySelectorAll("[aria-labelledby]")].filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))).length`,
		"fields without label":               `[...document.querySelectorAll("input, select")].filter((e) => !e.labels.length).length`,
		"pictures without name":              `[...document.querySelectorAll("svg")].filter((e) => !e.ariaLabel && e.getAttribute("aria-hidden") !== "true").length`,
		"landmarks that are not there":       `["header", "nav", "main", "footer"].filter((n) => document.querySelectorAll("body > " + n + ", header > " + n).length !== 1).length`,
		"headings that skip a level":         `[...document.querySelectorAll("h1, h2, h3")].filter((h, i, all) => i > 0 && h.localName[1] - all[i - 1].localName[1] > 1).length`,
		"scrolling parts that take no focus": `document.querySelectorAll(".scroll:not([tabindex='0'][role='region'][aria-label])").length`,
		"languages that are not stated":      `document.querySelectorAll("html:not([lang])").length`,
	} {
		if got := c.Eval(expression); got != "0" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// TestPrint prints the page: it is a PDF of a few sheets.
func TestPrint(t *testing.T) {
	c := newChromium(t)
	c.open(pageFile(t, "12", twelve(t).report(options())))
	pdf := string(c.pdf())
	pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAllString(pdf, -1))
	if !strings.HasPrefix(pdf, "%PDF-") || pages < 1 || pages > 4 {
		t.Errorf("%d bytes with %d pages", len(pdf), pages)
	}
	c.quiet()
}
