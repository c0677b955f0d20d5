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
			By: r.planned.By, Phones: []phoneDoc{},
		}
		for _, p := range r.phones {
			d.Phones = append(d.Phones, phoneDoc{
				Phone: p.key.Phone, Note: p.state.Listed.Note, MAC: p.mac(), Time: p.state.At.UTC().Format(time.RFC3339Nano), Outcome: p.outcome(),
				Final: p.state.Outcome != nil, Before: p.from(), After: p.to(), Told: !p.state.Told.IsZero(), Why: p.why(), Overrides: p.state.Overrides,
			})
		}
		doc.Runs = append(doc.Runs, d)
	}
	return doc
}

// text writes the answer for people: each run with its phones below it.
func text(con *console.Console, runs []run, name string) func(io.Writer) {
	return func(w io.Writer) {
		if len(runs) == 0 {
			if name == "" {
				fmt.Fprintln(w, "nothing is recorded")
			} else {
				fmt.Fprintf(w, "nothing is recorded of %s\n", console.Escape(name))
			}
		}
		for i, r := range runs {
			if i > 0 {
				fmt.Fprintln(w)
			}
			r.write(con, w)
		}
	}
}

// write writes one run.
func (r run) write(con *console.Console, w io.Writer) {
	row := func(cells ...string) { fmt.Fprintln(w, con.Layout(2, 8).Line(console.Cells(cells...)...)) }
	fmt.Fprintf(w, "%s  %s\n", stamp(r.at), console.Escape(r.name))
	for _, image := range r.planned.Images {
		row("image", what(image))
	}
	if by := r.planned.By; by.User != "" || by.Host != "" {
		row("by", strings.Trim(by.User+" on "+by.Host, " "))
	}
	width := 0
	for _, p := range r.phones {
		width = max(width, len(p.outcome()))
	}
	layout := con.Layout(2, width)
	for _, p := range r.phones {
		line := p.key.Phone
		if note := p.state.Listed.Note; note != "" {
			line += " (" + note + ")"
		}
		switch from, to := p.from(), p.to(); {
		case from != "" && to != "" && from != to:
			line += "  " + from + " -> " + to
		case from+to != "":
			line += "  " + strings.TrimSpace(from+" "+strings.TrimPrefix(to, from))
		}
		if why := p.why(); why != "" {
			line += ": " + why
		}
		for _, o := range p.state.Overrides {
			line += fmt.Sprintf("; %s was overridden: %s", o.Rule, o.Reason)
		}
		fmt.Fprintln(w, layout.Line(style(p).Cell(p.outcome()), console.Plain.Cell(line)))
	}
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
		_ = c.Write([]string{"time", "run", "phone", "note", "mac", "outcome", "before", "after", "image", "version", "sha256", "user", "host", "override", "why"})
		for _, r := range runs {
			image := journal.Image{}
			if len(r.planned.Images) > 0 {
				image = r.planned.Images[0]
			}
			for _, p := range r.phones {
				var overrides []string
				for _, o := range p.state.Overrides {
					overrides = append(overrides, o.Rule+": "+o.Reason)
				}
				row := []string{
					r.at.UTC().Format(time.RFC3339), r.name, p.key.Phone, p.state.Listed.Note, p.mac(), p.outcome(), p.from(), p.to(), image.Name,
					image.Version, image.SHA256, r.planned.By.User, r.planned.By.Host, strings.Join(overrides, "; "), p.why(),
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
