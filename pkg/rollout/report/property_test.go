package report_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// random is a rollout of up to 40 phones whose streams end anywhere.
func random(t testing.TB, seed uint64) *sample {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	s := newSample(t, fmt.Sprint("random-", seed))
	n := 1 + r.IntN(40)
	for i := range n {
		p := rollout.Phone{Address: address(i), Images: [][]int{{0}, {1}, {1, 0}}[r.IntN(3)]}
		wave := min(r.IntN(4)-1, len(s.plan.Waves))
		if wave < 0 {
			p.Images, p.LeftWhy = nil, []string{"", "no image fits", "doubled"}[r.IntN(3)]
		}
		s.phone(wave, p)
	}
	s.save()
	kinds := []string{"rejected", "unreachable", "never-back", "", "interrupted"}
	for i, p := range s.plan.Phones {
		stream := address(i)
		for step := range p.Images {
			if step > 0 {
				stream = fmt.Sprintf("%s (step %d)", address(i), step+1)
			}
			bodies := installs(oldVersion, newVersion)
			bodies = bodies[:r.IntN(len(bodies)+1)]
			switch r.IntN(4) {
			case 0:
				bodies = append(bodies, failed(kinds[r.IntN(len(kinds))], "why", r.IntN(2) == 0, time.Duration(r.IntN(1000))*time.Second))
			case 1:
				bodies = append(bodies, journal.LetGo{Failure: kinds[r.IntN(len(kinds))]})
			}
			if r.IntN(5) == 0 {
				bodies = append(bodies, journal.Retry{Reason: "again"}, journal.Begun{Attempt: 1})
			}
			if len(bodies) > 0 {
				s.happens(stream, time.Duration(r.IntN(7200))*time.Second, bodies...)
			}
		}
	}
	return s
}

// TestEveryPhoneOnce makes many rollouts: each phone of the plan is in each form exactly once, with one outcome, and the numbers
// add up.
func TestEveryPhoneOnce(t *testing.T) {
	check := func(t *testing.T, s *sample) {
		t.Helper()
		r := s.report(options())
		var want []string
		for _, p := range s.plan.Phones {
			want = append(want, p.Address)
		}
		slices.Sort(want)
		outcomes := map[string]string{}
		for name, phones := range map[string]map[string][]string{"json": inJSON(t, r), "csv": inCSV(t, r), "junit": inJUnit(t, r), "html": inHTML(t, r)} {
			var got []string
			for address, found := range phones {
				if len(found) != 1 {
					t.Errorf("%s: %s is there %d times", name, address, len(found))
				}
				got = append(got, address)
				if name != "junit" {
					if before, known := outcomes[address]; known && before != found[0] {
						t.Errorf("%s: %s is %s, elsewhere %s", name, address, found[0], before)
					}
					outcomes[address] = found[0]
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s has\n%v, the plan\n%v", name, got, want)
			}
		}
		checkSums(t, r)
		checkList(t, r)
	}
	for seed := range uint64(60) {
		check(t, random(t, seed))
	}
	check(t, twelve(t))
	check(t, many(t, 1000))
}

func inJSON(t *testing.T, r *report.Report) map[string][]string {
	t.Helper()
	var doc struct {
		Schema int
		Phones []struct{ Address, Outcome string }
	}
	noError(t, json.Unmarshal([]byte(written(t, r, forms()[1])), &doc))
	if doc.Schema != 1 {
		t.Errorf("schema %d", doc.Schema)
	}
	found := map[string][]string{}
	for _, p := range doc.Phones {
		found[p.Address] = append(found[p.Address], p.Outcome)
	}
	return found
}

func inCSV(t *testing.T, r *report.Report) map[string][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(written(t, r, forms()[2]))).ReadAll()
	noError(t, err)
	found := map[string][]string{}
	for _, row := range rows[1:] {
		found[row[1]] = append(found[row[1]], row[slices.Index(rows[0], "outcome")])
	}
	return found
}

func inHTML(t *testing.T, r *report.Report) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, m := range regexp.MustCompile(`<tr data-o="([a-z-]+)"><th scope="row"><span class="w">([^<]*)</span>`).FindAllStringSubmatch(written(t, r, forms()[5]), -1) {
		found[m[2]] = append(found[m[2]], m[1])
	}
	return found
}

func inJUnit(t *testing.T, r *report.Report) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, c := range checkJUnit(t, written(t, r, forms()[4])) {
		name, _, _ := strings.Cut(c, " (")
		found[name] = append(found[name], "")
	}
	return found
}

// checkSums fails if numbers of a report do not add up.
func checkSums(t *testing.T, r *report.Report) {
	t.Helper()
	sum := func(c report.Counts) int {
		return c.Updated + c.NothingToDo + c.Checked + c.Failed + c.NotKnown + c.NotDone + c.NotBegun + c.LeftAlone
	}
	if sum(r.Counts) != r.Counts.Phones || r.Counts.Phones != len(r.Phones) {
		t.Errorf("%+v of %d phones", r.Counts, len(r.Phones))
	}
	waves, causes, left, models, versions := r.Counts.LeftAlone, 0, 0, 0, 0
	for _, w := range r.Waves {
		waves += sum(w.Counts)
		if !w.Ended.IsZero() && (w.Begun.After(w.Ended) || w.Counts.NotKnown+w.Counts.NotDone+w.Counts.NotBegun > 0) {
			t.Errorf("wave %+v", w)
		}
	}
	for _, c := range r.Causes {
		causes += c.Phones
	}
	for _, g := range r.Left {
		left += g.Counts.Phones
	}
	for _, g := range r.Models {
		models += sum(g.Counts)
	}
	for _, v := range r.Versions {
		versions += sum(v.Counts)
	}
	if all := len(r.Phones); waves != all || models != all || versions != all || left != r.Counts.LeftAlone || causes != r.Counts.Failed+r.Counts.NotKnown+r.Counts.NotDone {
		t.Errorf("of %d phones %d in waves, %d in models, %d in versions, %d left alone, %d with a cause", all, waves, models, versions, left, causes)
	}
}

// checkList fails if the list of phones that need somebody cannot be read as a phone list.
func checkList(t *testing.T, r *report.Report) {
	t.Helper()
	if r.Counts.Failed+r.Counts.NotKnown+r.Counts.NotDone == 0 {
		return // a list without phones is refused
	}
	phones, err := hwcheck.ReadPhones(strings.NewReader(written(t, r, forms()[3])), "list")
	noError(t, err)
	var got, want []string
	for _, p := range phones {
		got = append(got, p.Address)
	}
	for _, p := range r.Phones {
		if p.Outcome.NeedsSomebody() {
			want = append(want, p.Address)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the list has %v, want %v", got, want)
	}
}

// A node is an element of an XML document.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Nodes   []node     `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// checkJUnit checks a document against what the schemas of Ant and Jenkins demand, and returns the names of the test cases.
func checkJUnit(t *testing.T, text string) []string {
	t.Helper()
	var doc node
	noError(t, xml.Unmarshal([]byte(text), &doc))
	if doc.XMLName.Local != "testsuites" || len(doc.Attrs) > 0 {
		t.Errorf("the root is %s with %v", doc.XMLName.Local, doc.Attrs)
	}
	var names []string
	for i, suite := range doc.Nodes {
		need := []string{"package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}
		for _, name := range need {
			if suite.attr(name) == "" {
				t.Errorf("suite %d has no %s", i, name)
			}
		}
		if suite.XMLName.Local != "testsuite" || len(suite.Attrs) != len(need) || suite.attr("id") != fmt.Sprint(i) {
			t.Errorf("suite %d is %s with %v", i, suite.XMLName.Local, suite.Attrs)
		}
		if _, err := time.Parse("2006-01-02T15:04:05", suite.attr("timestamp")); err != nil {
			t.Error(err)
		}
		last := len(suite.Nodes) - 1
		if last < 2 || suite.Nodes[0].XMLName.Local != "properties" || suite.Nodes[last-1].XMLName.Local != "system-out" || suite.Nodes[last].XMLName.Local != "system-err" {
			t.Fatalf("suite %d has other elements", i)
		}
		count := map[string]int{}
		for _, c := range suite.Nodes[1 : last-1] {
			count["tests"]++
			if c.XMLName.Local != "testcase" || c.attr("name") == "" || c.attr("classname") == "" || !regexp.MustCompile(`^\d+\.\d{3}$`).MatchString(c.attr("time")) || len(c.Attrs) != 3 || len(c.Nodes) > 1 {
				t.Errorf("a test case: %+v", c)
			}
			names = append(names, c.attr("name"))
			for _, end := range c.Nodes {
				count[map[string]string{"failure": "failures", "error": "errors", "skipped": "skipped"}[end.XMLName.Local]]++
				if end.attr("message") == "" || end.XMLName.Local != "skipped" && end.attr("type") == "" {
					t.Errorf("an end: %+v", end)
				}
			}
		}
		for _, name := range []string{"tests", "failures", "errors", "skipped"} {
			if suite.attr(name) != fmt.Sprint(count[name]) {
				t.Errorf("suite %d: %s is %s, want %d", i, name, suite.attr(name), count[name])
			}
		}
	}
	return names
}

// TestHostile writes texts that attack whoever shows them: every form is valid, bounded, and has visible characters only. Those of
// JSON are escaped by the command, for all of its documents.
func TestHostile(t *testing.T) {
	r := hostile(t).report(options())
	for _, f := range forms() {
		text := written(t, r, f)
		limit := 60000
		if !utf8.ValidString(text) || len(text) > limit {
			t.Errorf("%s: %d bytes, valid: %v", f.name, len(text), utf8.ValidString(text))
		}
		for _, c := range text {
			if f.name != "json" && (c != '\n' && !bind.Prints(c) || unicode.In(c, unicode.Cf)) {
				t.Errorf("%s contains %U", f.name, c)
			}
		}
	}
	html := written(t, r, forms()[5])
	if n := strings.Count(html, "<script"); n != 1 || strings.Contains(html, "<img") || strings.Count(html, "onerror=alert(1)>") > 0 {
		t.Errorf("the page has %d scripts", n)
	}
	checkJUnit(t, written(t, r, forms()[4]))
	for _, f := range forms()[2:4] {
		rows, err := csv.NewReader(strings.NewReader(written(t, r, f))).ReadAll()
		noError(t, err)
		for _, row := range rows {
			for _, cell := range row {
				for _, part := range strings.Split(cell, ";") {
					if part = strings.TrimLeft(part, " \""); part != "" && strings.ContainsRune("=+-@\t\r", rune(part[0])) {
						t.Errorf("%s: a spreadsheet takes %q for a formula", f.name, cell)
					}
				}
			}
		}
	}
	for _, p := range r.Phones {
		if strings.Contains(p.Next, "-rf") {
			t.Errorf("%q is a command with an address that is an option", p.Next)
		}
	}
	var doc struct {
		Phones []struct {
			Version string `json:"version_before"`
		}
	}
	noError(t, json.Unmarshal([]byte(written(t, r, forms()[1])), &doc))
	if !strings.HasPrefix(doc.Phones[1].Version, "\u202e") {
		t.Errorf("JSON changed a text to %q", doc.Phones[1].Version)
	}
}

// TestManyEvents adds more events than a report keeps.
func TestManyEvents(t *testing.T) {
	s := newSample(t, "events")
	s.phone(0, rollout.Phone{Address: address(1)})
	s.save()
	s.happens(address(1), 0, journal.Begun{Attempt: 1})
	for i := range 200 {
		s.happens(address(1), time.Duration(i)*time.Minute, journal.Note{Text: fmt.Sprint("note ", i)}, journal.Fetching{Bytes: int64(i)}, journal.Fetching{Bytes: int64(i + 1)})
	}
	events := s.report(options()).Phones[0].Events
	if n := len(events); n != 60 || events[0].Kind != "begun" || events[30].Kind != "left-out" || events[30].Text != "342 events" || events[n-1].Text != "200 bytes" {
		t.Errorf("%d events: %v, %v, %v", n, events[0], events[30], events[n-1])
	}
}
