package history

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A historyDoc is the JSON answer.
type historyDoc struct {
	Schema int      `json:"schema"`
	Runs   []runDoc `json:"runs"`
}

// A runDoc is a push, the newest first.
type runDoc struct {
	Name   string          `json:"name"`
	Time   string          `json:"time"`
	Images []journal.Image `json:"images"`
	Route  journal.Route   `json:"route"`
	By     journal.Origin  `json:"by"`
	Phones []phoneDoc      `json:"phones"`

	Damaged bool `json:"damaged,omitempty"` // its events cannot be read, and no phones are shown
}

// A phoneDoc is one phone of a run.
type phoneDoc struct {
	Phone     string             `json:"phone"`
	Note      string             `json:"note,omitempty"`
	MAC       string             `json:"mac,omitempty"`
	Time      string             `json:"time,omitempty"` // of the last event
	Outcome   string             `json:"outcome"`        // an outcome, a kind of failure, "not known" or "not begun"
	Final     bool               `json:"final"`          // how it ended is known
	Before    string             `json:"before,omitempty"`
	After     string             `json:"after,omitempty"`
	Told      bool               `json:"told"` // it was instructed, or sent the image
	Why       string             `json:"why,omitempty"`
	Overrides []journal.Override `json:"overrides,omitempty"`
}

// document returns the answer as JSON.
func document(runs []run) historyDoc {
	doc := historyDoc{Schema: 1, Runs: []runDoc{}}
	for _, r := range runs {
		d := runDoc{
			Name: r.name, Time: r.at.UTC().Format(time.RFC3339Nano), Images: append([]journal.Image{}, r.planned.Images...), Route: r.planned.Route,
			By: r.planned.By, Phones: []phoneDoc{}, Damaged: r.damaged,
		}
		for _, p := range r.phones {
			d.Phones = append(d.Phones, phoneDoc{
				Phone: p.key.Phone, Note: p.state.Listed.Note, MAC: p.mac(), Time: p.state.At.UTC().Format(time.RFC3339Nano), Outcome: p.outcome(),
				Final: p.state.Outcome != nil, Before: p.from(), After: p.to(), Told: !p.state.Told.IsZero(), Why: p.why(time.UTC), Overrides: p.state.Overrides,
			})
		}
		doc.Runs = append(doc.Runs, d)
	}
	return doc
}

// text writes the answer for people: each run with its phones below it.
func text(con *console.Console, runs []run, o Options, path string, zone *time.Location) func(io.Writer) {
	return func(w io.Writer) {
		if len(runs) == 0 {
			nothing := "nothing is recorded"
			if o.Phone != "" {
				nothing += " of " + o.Phone
			}
			if o.Since != "" {
				nothing += " since " + o.Since
			}
			fmt.Fprintf(w, "%s: %s\n", console.Escape(nothing), console.Escape(path)) // a path on one line
		}
		for i, r := range runs {
			if i > 0 {
				fmt.Fprintln(w)
			}
			r.write(con, w, zone)
		}
	}
}

// How the line of a phone is laid out.
const (
	maxLabel     = 32 // a wider address with note does not widen the column
	reasonIndent = 6  // of the lines below
)

// write writes one run: a line about it, one about who did it, and one for each phone with its reasons below.
func (r run) write(con *console.Console, w io.Writer, zone *time.Location) {
	var what, about []string
	switch {
	case r.damaged && len(r.planned.Images) == 0:
		what = append(what, "run "+r.name) // whether it was a push cannot be read
	case !r.planned.Push:
		what = append(what, "rollout "+r.name)
	}
	for _, image := range r.planned.Images {
		what = append(what, imageText(image))
	}
	switch by := r.planned.By; {
	case by.User != "" && by.Host != "":
		about = append(about, "by "+by.User+" on "+by.Host)
	case by.User+by.Host != "":
		about = append(about, "by "+by.User+by.Host)
	}
	for _, image := range r.planned.Images {
		if digest := digestText(image); digest != "" {
			about = append(about, digest)
		}
	}
	fmt.Fprintln(w, con.Layout(0, len(time.DateTime)).Line(console.Cells(stamp(r.at, zone), strings.Join(what, "; "))...))
	if len(about) > 0 {
		fmt.Fprintln(w, con.Layout(2).Line(console.Cells(strings.Join(about, ", "))...))
	}
	if r.damaged {
		fmt.Fprintln(w, con.Layout(2).Line(console.Red.Cell("its events cannot be read")))
	}
	results, addresses := 0, 0
	for _, p := range r.phones {
		results, addresses = max(results, console.Columns(p.outcome())), max(addresses, min(console.Columns(console.Escape(p.label())), maxLabel))
	}
	layout, below := con.Layout(2, results, addresses), con.Layout(reasonIndent)
	for _, p := range r.phones {
		fmt.Fprintln(w, layout.Line(style(p).Cell(p.outcome()), console.Plain.Cell(p.label()), console.Plain.Cell(p.versions())))
		for _, text := range p.reasons(zone) {
			fmt.Fprintln(w, below.Line(console.Plain.Cell(text)))
		}
	}
}

// label returns the address of a phone and its note.
func (p phone) label() string {
	if note := p.state.Listed.Note; note != "" {
		return p.key.Phone + " (" + note + ")"
	}
	return p.key.Phone
}

// reasons returns why it ended so with a phone, and what was overridden.
func (p phone) reasons(zone *time.Location) (texts []string) {
	if why := p.why(zone); why != "" {
		texts = append(texts, why)
	}
	for _, o := range p.state.Overrides {
		texts = append(texts, "overridden: "+o.Rule+reason(o))
	}
	return texts
}

// reason returns why a rule was overridden, in parentheses.
func reason(o journal.Override) string {
	if o.Reason == "" {
		return ""
	}
	return " (" + o.Reason + ")"
}

// shownDigest is how many digits of a digest people get to see.
const shownDigest = 12

// imageText describes an image on one line.
func imageText(i journal.Image) string {
	text := strings.TrimSpace(i.SoftwareType + " " + i.Version)
	if i.Name != "" && text != "" {
		return i.Name + ", " + text
	}
	return i.Name + text
}

// digestText returns the beginning of an image's digest, "" if it has none.
func digestText(i journal.Image) string {
	switch {
	case i.SHA256 != "":
		return "sha256 " + shortened(i.SHA256)
	case i.PayloadSHA256 != "":
		return "payload sha256 " + shortened(i.PayloadSHA256)
	}
	return ""
}

// shortened cuts a digest, which --json and --csv have whole.
func shortened(digest string) string {
	if len(digest) <= shownDigest {
		return digest
	}
	return digest[:shownDigest] + "..."
}

// style returns the colour of an outcome.
func style(p phone) console.Style {
	switch o := p.state.Outcome; {
	case o == nil:
		return console.Yellow
	case o.Result == journal.Failed:
		return console.Red
	}
	return console.Green
}

// printCSV writes a row a phone, the newest run first.
func printCSV(con *console.Console, runs []run) error {
	return con.Part(func(w io.Writer) {
		c := csv.NewWriter(w)
		_ = c.Write([]string{"time", "run", "phone", "note", "mac", "outcome", "before", "after", "image", "version", "sha256", "payload_sha256", "user", "host", "override", "why"})
		for _, r := range runs {
			image := journal.Image{}
			if len(r.planned.Images) > 0 {
				image = r.planned.Images[0]
			}
			for _, p := range r.phones {
				var overrides []string
				for _, o := range p.state.Overrides {
					overrides = append(overrides, o.Rule+reason(o))
				}
				row := []string{
					r.at.UTC().Format(time.RFC3339), r.name, p.key.Phone, p.state.Listed.Note, p.mac(), p.outcome(), p.from(), p.to(), image.Name,
					image.Version, image.SHA256, image.PayloadSHA256, r.planned.By.User, r.planned.By.Host, strings.Join(overrides, "; "), p.why(time.UTC),
				}
				for i := range row {
					row[i] = plainCell(row[i])
				}
				_ = c.Write(row) // into memory
			}
		}
		c.Flush()
	})
}

// plainCell keeps a spreadsheet from taking a text of a phone or a list for a formula, and escapes what no terminal should get.
func plainCell(text string) string {
	text = console.Escape(text)
	if text != "" && strings.ContainsRune("=+-@\t", rune(text[0])) {
		return "'" + text
	}
	return text
}
