package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/display"
)

//go:embed page.html
var pageText string

//go:embed parts.html
var partsText string

//go:embed page.css
var styleText string

//go:embed page.js
var scriptText string

// WriteHTML writes one page that needs no network, and no script to be read: a small one only sorts and filters.
func (r *Report) WriteHTML(w io.Writer) error {
	page, err := templates(pageText)
	if err != nil {
		return err
	}
	p := r.page(nil)
	p.Policy, p.Style, p.Script = policy(styleText, scriptText, ""), template.CSS(styleText), template.JS(scriptText) //nolint:gosec // both are of this package
	return execute(w, page, p)
}

// templates returns a page and its parts.
func templates(text string) (*template.Template, error) {
	page, err := template.New("page").Parse(text)
	if err != nil {
		return nil, err
	}
	return page.Parse(partsText)
}

// execute writes a page.
func execute(w io.Writer, page *template.Template, data any) error {
	out := bufio.NewWriterSize(w, 64<<10)
	if err := page.Execute(out, data); err != nil {
		return err
	}
	return out.Flush()
}

// policy allows the page its own style and script, and nothing else but what more says.
func policy(style, script, more string) string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) + "" + more + "; base-uri 'none'; form-action 'none'"
}

// Types of what the page shows. Every text is visible and short.
type (
	page struct {
		Policy, Name, State, StateClass, Reason, Summary, Needs, Zone, Made, Last, Tool string

		Done     bool
		Style    template.CSS
		Script   template.JS
		Sections []section
		Facts    []fact
		Shares   []share
		Line     *timeLine
		Waves    []waveRow
		Causes   []causeRow
		Tables   []table
		Lists    []phoneList
		Log      []logRow
	}
	section struct{ ID, Title string }
	fact    struct {
		Name   string
		Values []string
	}
	share struct {
		Outcome     Outcome
		Label       string
		Class, X, W string
		Count       int
	}
	waveRow struct {
		Number, Phones           int
		Name, Begun, Ended, Took string
		Outcomes                 string
	}
	causeRow struct {
		ID, Kind, Next     string
		Phones, Instructed int
	}
	table struct {
		ID, Title, Caption string
		Head               []string
		Rows               [][]tableCell
	}
	tableCell struct{ Class, Text string }
	phoneList struct {
		ID, Title, Count, About, Zone string

		Rows   iter.Seq[phoneRow]
		Live   bool
		Made   iter.Seq[template.HTML] // the rows of a page that is live
		Filled bool
	}
	phoneRow struct {
		Number                                                                                                                          int    // of the phone in the plan, on a page that is live
		List                                                                                                                            string // which list it is in, there
		Address, Note, Model, MAC, Wave, Before, After, Class, Words, CauseID, Cause, Why, Begun, Seconds, Took, Attempts, Events, Text string

		Outcome Outcome
	}
	logRow struct{ Time, Kind, Text string }
)

// Sections of phones.
const (
	needs    = "needs" // those that need somebody
	progress = "progress"
	rest     = "phones"
)

// class returns the colour of an outcome.
func (o Outcome) class() string {
	switch o {
	case Updated:
		return "good"
	case NothingToDo, Checked:
		return "same"
	case Failed:
		return "bad"
	case NotKnown:
		return "ask"
	case NotDone:
		return "open"
	case InProgress:
		return "way"
	case LeftAlone:
		return "left"
	}
	return "rest"
}

// class returns the colour of a state of the rollout.
func (s State) class(c Counts) string {
	switch {
	case s == Complete && c.Failed == 0:
		return "good"
	case s == Complete:
		return ""
	case s == Limited, s == Stopped:
		return "bad"
	case s == Unbegun:
		return "rest"
	}
	return "open"
}

// page returns what the page shows. A page that is live has ids of causes that stay.
func (r *Report) page(causes map[string]string) page {
	p := page{
		Name: short(r.Rollout), State: r.State.words(), StateClass: r.State.class(r.Counts), Reason: shown(r.Reason), Summary: r.Counts.sentence(),
		Zone: r.zone(), Made: r.stamp(r.Made), Tool: shown(r.By.Tool), Facts: r.facts(), Shares: r.shares(), Line: r.timeLine(),
	}
	for _, w := range r.Waves {
		row := waveRow{Number: w.Number, Phones: w.Counts.Phones, Name: shown(w.Name), Begun: r.stamp(w.Begun), Ended: r.stamp(w.Ended), Outcomes: w.Counts.summary()}
		if !w.Begun.IsZero() && !w.Ended.IsZero() {
			row.Took = display.Took(w.Ended.Sub(w.Begun))
		}
		p.Waves = append(p.Waves, row)
	}
	if causes == nil {
		causes = map[string]string{}
	}
	for _, c := range r.Causes {
		id := causes[c.Kind]
		if id == "" {
			id = fmt.Sprintf("cause-%d", len(causes)+1)
		}
		if c.Kind != others {
			causes[c.Kind] = id
		}
		p.Causes = append(p.Causes, causeRow{id, short(causeWords(c.Kind)), display.Visible(c.Next), c.Phones, c.Instructed})
	}
	p.Tables = r.tables()
	p.Lists = r.lists(causes)
	for _, e := range r.Log {
		p.Log = append(p.Log, logRow{r.stamp(e.At), short(e.Kind), shown(e.Text)})
	}
	if len(p.Lists) > 0 && p.Lists[0].ID == needs {
		p.Needs = p.Lists[0].Count + " need somebody."
		if p.Lists[0].Count == display.Plural(1, "phone") {
			p.Needs = "1 phone needs somebody."
		}
	}
	p.Sections = p.sections()
	return p
}

// zone returns the time zone of the times.
func (r *Report) zone() string { return r.Made.In(r.place).Format("MST (UTC-07:00)") }

// words returns what people read.
func (s State) words() string {
	switch s {
	case Limited:
		return "a limit is reached"
	case Unbegun:
		return "planned, not begun"
	}
	return string(s)
}

// sentence says how many phones have which outcome.
func (c Counts) sentence() string {
	if c.Phones == 0 {
		return "0 phones."
	}
	return display.Plural(c.Phones, "phone") + ": " + c.summary() + "."
}

// sections returns the headings that the page has.
func (p *page) sections() []section {
	all := []section{{"what", "What was rolled out"}, {"outcomes", "Outcomes"}}
	if len(p.Waves) > 0 {
		all = append(all, section{"waves", "Waves"})
	}
	if len(p.Causes) > 0 {
		all = append(all, section{"causes", "Causes and next steps"})
	}
	for _, t := range p.Tables {
		all = append(all, section{t.ID, t.Title})
	}
	for _, l := range p.Lists {
		all = append(all, section{l.ID, l.Title})
	}
	if len(p.Log) > 0 {
		all = append(all, section{"log", "Events of the rollout"})
	}
	return all
}

// facts returns what was rolled out, by whom, when and from where.
func (r *Report) facts() []fact {
	var all []fact
	add := func(name string, values ...string) {
		var some []string
		for _, value := range values {
			if value != "" {
				some = append(some, display.Visible(cut(value, maxText)))
			}
		}
		if len(some) > 0 {
			all = append(all, fact{name, some})
		}
	}
	var images []string
	for _, i := range r.Images {
		images = append(images, joined(", ", i.Name, joined(" ", i.SoftwareType, i.Version), display.Bytes(i.Size), "for "+display.Plural(i.Phones, "phone"), "SHA-256 "+i.SHA256))
	}
	add("Images", images...)
	add("Planned", joined(", ", r.stamp(r.Planned), byText(r.By)))
	if !r.Begun.IsZero() {
		if when := r.stamp(r.Begun); r.Ended.IsZero() {
			add("Begun", when)
		} else {
			add("Carried out", when+" to "+r.stamp(r.Ended)+" ("+display.Took(r.Ended.Sub(r.Begun))+")")
		}
	}
	var runs []string
	for _, run := range r.Runs {
		runs = append(runs, joined(", ", r.stamp(run.At), byText(run.By), joined(" ", run.Route.Way, run.Route.Server, run.Route.Listen), run.Route.Profile))
	}
	add("Runs", runs...)
	add("Rules", r.Rules.sentence())
	return all
}

// sentence says what the rules of the plan are.
func (r Rules) sentence() string {
	var parts []string
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(len(r.StopOn) > 0, "stop on %s", strings.Join(r.StopOn, ", "))
	add(r.Pause != "" && r.Pause != "none", "pause %s", r.Pause)
	add(r.Window != "", "window %s", r.Window)
	add(r.Parallel > 0, "%s at a time", display.Plural(r.Parallel, "phone"))
	add(r.PerSubnet > 0, "%s of a subnet at a time", display.Plural(r.PerSubnet, "phone"))
	add(r.StartRate > 0, "%g begun in a minute", r.StartRate)
	add(r.Attempts > 0, "%s", display.Plural(r.Attempts, "attempt"))
	return strings.Join(parts, "; ")
}

// shares returns the outcomes that phones have, with their part of the bar.
func (r *Report) shares() []share {
	var all []share
	x := 0.0
	for _, o := range outcomes() {
		if n := *r.Counts.of(o); n > 0 {
			w := 100 * float64(n) / float64(r.Counts.Phones)
			all = append(all, share{o, o.Words(), o.class(), percent(x), percent(w), n})
			x += w
		}
	}
	return all
}
