package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"iter"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

//go:embed live.html
var liveText string

//go:embed live.css
var liveStyle string

//go:embed live.js
var liveScript string

// A Live makes the page of a rollout that goes on, again and again. Each part of the page and each row of a phone is made anew only
// if it may have changed. A Live is for one goroutine at a time; what it makes is for any number of them.
type Live struct {
	rollout *rollout.Follower
	builder *builder
	page    *template.Template
	id      string
	causes  map[string]string // the id of each kind, which stays
	changed map[int]bool      // phones with events since the last Moment
	control bool              // the rollout itself has events since then
	last    *Moment
}

// NewLive reads a rollout. The follower has read the records. It belongs to the Live from now on.
func NewLive(f *rollout.Follower, records iter.Seq2[journal.Record, error], o Options) (*Live, error) {
	page, err := templates(liveText)
	if err != nil {
		return nil, err
	}
	o.Running = true
	s := f.Saved
	l := &Live{rollout: f, builder: newBuilder(s, o), page: page, id: liveID(s), causes: map[string]string{}, changed: map[int]bool{}}
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		l.builder.add(r)
	}
	for i := range s.Plan.Phones {
		l.changed[i] = true
	}
	l.last = &Moment{rows: make([]liveRow, len(s.Plan.Phones))}
	return l, nil
}

// liveID identifies the rollout and the program: only pages with the same one can use its changes.
func liveID(s *rollout.Saved) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %d %d %q", s.Name, s.At.UnixMilli(), len(s.Plan.Phones), []string{liveText, partsText, liveStyle, styleText, liveScript, scriptText})
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

// Add takes over an event. One that is known already changes nothing.
func (l *Live) Add(r journal.Record) {
	s := l.rollout.Saved
	if _, planned := r.Event.Body.(journal.Planned); planned {
		return // it was read before
	}
	if at, known := l.builder.streams[r.Key.Phone]; r.Key.Phone != "" && known {
		if r.Event.Seq <= s.Steps[at.phone][at.step].Seq {
			return
		}
		l.changed[at.phone] = true
	} else if r.Key.Phone == "" {
		if r.Event.Seq <= s.Seq {
			return
		}
		l.control = true
	}
	l.rollout.Apply(r)
	l.builder.add(r)
}

// Make makes the page of what was added until now.
func (l *Live) Make(at time.Time) (*Moment, error) {
	l.builder.options.At = at
	r := l.builder.report()
	p := r.page(l.causes)
	p.Done = r.State == Complete
	if !r.last.IsZero() {
		p.Last = r.stamp(r.last)
	}
	m := &Moment{template: l.page, page: p, id: l.id, version: l.last.version, rows: append([]liveRow{}, l.last.rows...)}
	var made bytes.Buffer
	for i, phone := range r.Phones {
		unsure := l.control && (phone.Outcome == InProgress || phone.Outcome == NotDone)
		if !l.changed[i] && !unsure {
			continue
		}
		row := r.row(phone, l.causes)
		row.Number, row.List = i, phone.Outcome.section()
		made.Reset()
		if err := l.page.ExecuteTemplate(&made, "row", row); err != nil {
			return nil, err
		}
		if html := made.String(); html != string(m.rows[i].html) {
			m.version++
			m.rows[i] = liveRow{template.HTML(html), row.List, m.version} //nolint:gosec // a template has made it
		}
	}
	m.lists = r.liveLists()
	if err := l.makeParts(m, l.last); err != nil {
		return nil, err
	}
	clear(l.changed)
	l.control, l.last = false, m
	return m, nil
}

// makeParts makes the parts of the page.
func (l *Live) makeParts(m, before *Moment) error {
	add := func(name, of string, data any) error {
		var made bytes.Buffer
		if err := l.page.ExecuteTemplate(&made, of, data); err != nil {
			return err
		}
		part := livePart{name, template.HTML(made.String()), 0} //nolint:gosec // a template has made it
		if i := len(m.parts); i < len(before.parts) && before.parts[i].html == part.html {
			part.version = before.parts[i].version
		} else {
			m.version++
			part.version = m.version
		}
		m.parts = append(m.parts, part)
		return nil
	}
	for _, name := range []string{"title", "lead", "moment", "sections", "what", "outcomes", "waves", "causes", "tables", "choices", "log"} {
		if err := add(name, name, m.page); err != nil {
			return err
		}
	}
	for _, list := range m.lists {
		if err := add("count-"+list.ID, "count", list); err != nil {
			return err
		}
	}
	return nil
}

// liveLists returns all lists of phones, also those that have none now.
func (r *Report) liveLists() []phoneList {
	counts := map[string]int{}
	for _, p := range r.Phones {
		counts[p.Outcome.section()]++
	}
	lists := r.emptyLists()
	for i := range lists {
		l := &lists[i]
		l.Live, l.Filled, l.Count = true, counts[l.ID] > 0, display.Plural(counts[l.ID], "phone")
	}
	return lists
}

// A Moment is the page at a moment. It never changes.
type Moment struct {
	template *template.Template
	page     page
	id       string
	lists    []phoneList
	parts    []livePart
	rows     []liveRow // of each phone
	version  uint64    // of the part or row that changed last
}

type (
	livePart struct {
		name    string
		html    template.HTML
		version uint64
	}
	liveRow struct {
		html    template.HTML
		list    string
		version uint64
	}
	livePage struct {
		page
		ID, At string
		Parts  map[string]template.HTML
		Lists  []phoneList
	}
)

// A Position says which changes a page has.
type Position struct{ Parts, Rows uint64 }

// Position returns the position of the whole page.
func (m *Moment) Position() Position { return Position{m.version, m.version} }

// ID identifies the rollout and the program. Changes are for pages with the same one.
func (m *Moment) ID() string { return m.id }

// Policy returns the Content-Security-Policy of the page.
func (m *Moment) Policy() string {
	return policy(styleText+liveStyle, scriptText+liveScript, "; connect-src 'self'")
}

// WriteHTML writes the whole page. at is what the page says when it asks for changes: see live.js.
func (m *Moment) WriteHTML(w io.Writer, at string) error {
	p := livePage{page: m.page, ID: m.id, At: at, Parts: map[string]template.HTML{}}
	p.Policy, p.Style, p.Script = m.Policy(), template.CSS(styleText+liveStyle), template.JS(scriptText+liveScript) //nolint:gosec // they are of this package
	for _, part := range m.parts {
		p.Parts[part.name] = part.html
	}
	for _, list := range m.lists {
		list.Made = func(yield func(template.HTML) bool) {
			for _, row := range m.rows {
				if row.list == list.ID && !yield(row.html) {
					return
				}
			}
		}
		p.Lists = append(p.Lists, list)
	}
	return execute(w, m.template, p)
}
