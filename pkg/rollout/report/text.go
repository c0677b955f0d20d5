package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// A LineFunc lays out one line of a text: its cells after an indent, the last of them wrapped below itself. All cells but the
// last are as wide as widths says. The console of a command has one.
type LineFunc func(indent int, widths []int, cells ...string) string

// Limits of the text, which is short. The other forms have every phone.
const (
	textPhones  = 20 // of a cause
	textWaves   = 40
	textGroups  = 10
	textSlowest = 3
)

// WriteText writes the report for a terminal: what was done, and which phones need somebody.
func (r *Report) WriteText(w io.Writer, line LineFunc) error {
	t := &textWriter{w: w, line: line}
	t.row(0, nil, shown(fmt.Sprintf("%s: %s, %s", r.Rollout, r.State, r.Counts.summary())))
	about := []int{8}
	for _, image := range r.Images {
		t.row(2, about, "image", shown(joined(", ", image.Name, image.Version, "sha256 "+image.SHA256)))
	}
	t.row(2, about, "by", shown(joined(", ", cmp.Or(byText(r.By), "unknown"), "planned "+r.stamp(r.Planned))))
	switch {
	case r.Begun.IsZero():
	case r.Ended.IsZero():
		t.row(2, about, "begun", r.stamp(r.Begun))
	default:
		t.row(2, about, "begun", fmt.Sprintf("%s, ended %s (%s)", r.stamp(r.Begun), r.stamp(r.Ended), display.Took(r.Ended.Sub(r.Begun))))
	}
	if n := len(r.Runs); n > 0 {
		route := r.Runs[n-1].Route
		t.row(2, about, "route", shown(cmp.Or(joined(" ", route.Way, route.Server, route.Listen), "not recorded")))
	}
	if r.Reason != "" {
		t.row(2, about, "reason", shown(r.Reason))
	}
	for _, o := range r.Overrides {
		t.row(2, about, "override", shown(fmt.Sprintf("%s: %s", display.Plural(o.Phones, "phone"), joined(", ", o.Reason, strings.Join(o.Rules, ", ")))))
	}
	r.textWaves(t)
	r.textCauses(t)
	r.textRest(t)
	return t.err
}

// causeWords returns what people read for a cause.
func causeWords(kind string) string {
	if o := Outcome(kind); o == NotKnown || o == NotDone {
		return o.Words()
	}
	return kind
}

// A textWriter writes lines, and keeps the first error.
type textWriter struct {
	w    io.Writer
	line LineFunc
	err  error
}

func (t *textWriter) row(indent int, widths []int, cells ...string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, t.line(indent, widths, cells...))
	}
}

func (t *textWriter) heading(text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, "\n%s\n", text)
	}
}

func (r *Report) textWaves(t *textWriter) {
	if len(r.Waves) == 0 {
		return
	}
	t.heading("waves")
	name, when := 0, 0
	for _, wave := range r.Waves[:min(len(r.Waves), textWaves)] {
		name, when = max(name, len(shown(wave.Name))), max(when, len(r.period(wave.Begun, wave.Ended)))
	}
	for _, wave := range r.Waves[:min(len(r.Waves), textWaves)] {
		t.row(2, []int{2, min(name, 12), when}, fmt.Sprintf("%2d", wave.Number), shown(wave.Name), r.period(wave.Begun, wave.Ended), wave.Counts.summary())
	}
	t.more(len(r.Waves)-textWaves, "wave")
}

func (r *Report) textCauses(t *textWriter) {
	for _, cause := range r.Causes {
		t.heading(shown(fmt.Sprintf("%s: %s", display.Plural(cause.Phones, "phone"), causeWords(cause.Kind))))
		if cause.Next != "" {
			t.row(2, []int{4}, "next", display.Visible(cause.Next))
		}
		n := 0
		for _, p := range r.Phones {
			if p.Cause != cause.Kind {
				continue
			}
			if n++; n <= textPhones {
				t.row(2, nil, shown(joined(": ", joined("  ", label(p.Address, p.Note), p.versions()), p.Why)))
			}
		}
		t.more(n-textPhones, "phone")
	}
}

func (r *Report) textRest(t *textWriter) {
	if len(r.Left) > 0 {
		t.heading("left alone")
		for _, group := range r.Left[:min(len(r.Left), textGroups)] {
			t.row(2, []int{5}, fmt.Sprintf("%5d", group.Counts.Phones), shown(cmp.Or(group.Text, "no reason is recorded")))
		}
		t.more(len(r.Left)-textGroups, "reason")
	}
	if len(r.Slowest) == 0 {
		return
	}
	t.heading("slowest")
	phones := slowest(r.Phones)
	for _, p := range phones[:min(len(phones), textSlowest)] {
		t.row(2, []int{12}, display.Took(p.Took), shown(label(p.Address, p.Note)))
	}
}

func (t *textWriter) more(n int, noun string) {
	if n > 0 {
		t.row(2, nil, fmt.Sprintf("and %d more %s", n, strings.TrimPrefix(display.Plural(n, noun), fmt.Sprint(n, " "))))
	}
}

// versions returns "V1 R3.1.0 -> V1 R4.9.0".
func (p Phone) versions() string {
	switch {
	case p.After == "" || p.Before == p.After:
		return p.Before
	case p.Before == "":
		return p.After
	}
	return p.Before + " -> " + p.After
}

// summary returns "9 updated, 3 failed".
func (c Counts) summary() string {
	var parts []string
	for _, o := range outcomes() {
		if n := *c.of(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o.Words()))
		}
	}
	if len(parts) == 0 {
		return "0 phones"
	}
	return strings.Join(parts, ", ")
}

// stamp formats a time for people; "" if it is not known.
func (r *Report) stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(r.place).Format("2006-01-02 15:04:05")
}

// period formats a time from one to another, with the second date only if it is another one.
func (r *Report) period(from, to time.Time) string {
	const date, clock = "2006-01-02", "15:04"
	if from.IsZero() {
		return "not begun"
	}
	from, to = from.In(r.place), to.In(r.place)
	begin := from.Format(date + " " + clock)
	switch {
	case to.IsZero():
		return begin + " to ..."
	case from.Format(date) == to.Format(date):
		return begin + " to " + to.Format(clock)
	}
	return begin + " to " + to.Format(date+" "+clock)
}
