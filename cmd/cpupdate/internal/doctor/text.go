package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// DoctorDoc is the answer of doctor.
type DoctorDoc struct {
	Schema int       `json:"schema"`
	Route  route     `json:"route"`
	Origin string    `json:"origin"` // "flags", "defaults", "profile berlin"; "nothing" if the route is assumed
	OK     bool      `json:"ok"`
	Checks []Finding `json:"checks"`
}

// add notes a line, and shows it at once: there is much to wait for.
func (x *examination) add(f Finding) error {
	if f.Hints == nil || f.State == StateWell || f.State == StateSkip {
		f.Hints = []string{}
	}
	f = x.withoutPassword(f)
	if f.err != nil && f.State == StateBad {
		f.Error = exit.NewErrorDoc(f.err)
	}
	x.found = append(x.found, f)
	return x.con.Part(func(w io.Writer) { x.draw(w, f) })
}

// draw writes a line, and before the first of its group or phone a heading.
func (x *examination) draw(w io.Writer, f Finding) {
	if x.shown == "" {
		fmt.Fprintf(w, "%s\n", x.con.Paint(console.Bold, console.Escape(x.routeText())))
	}
	heading := f.Group
	if f.About != "" {
		heading += " " + f.About
	}
	if heading != x.shown {
		x.shown = heading
		fmt.Fprintf(w, "\n%s\n", console.Escape(heading))
	}
	const nameWidth, indent = 13, 23
	word, style := StateWord(f.State)
	fmt.Fprintln(w, x.con.Layout(2, len(word), nameWidth).Line(style.Cell(word), console.Plain.Cell(f.Check), console.Plain.Cell(f.Text)))
	below := x.con.Layout(indent)
	below.Lead = "-> "
	for _, hint := range f.Hints {
		fmt.Fprintln(w, below.Line(console.Plain.Cell(hint)))
	}
}

// StateWord is a state as a word of four letters: nothing is said by colour alone.
func StateWord(s State) (string, console.Style) {
	switch s {
	case StateWell:
		return "ok  ", console.Green
	case StateMind:
		return "warn", console.Yellow
	case StateBad:
		return "FAIL", console.Red
	case StateSkip:
	}
	return "-   ", console.Faint
}

// routeText says which way is looked at, and why that one.
func (x *examination) routeText() string {
	switch {
	case x.origin == "nothing":
		return "The way of --serve: no other is named, and no defaults are stored"
	case x.byPage():
		return "The way of --web: the image goes into the phones' own web pages"
	case x.route == RouteServe:
		return "The way of --serve: phones fetch from this machine"
	case x.origin == "flags":
		return "The way by the server that the flags name"
	}
	return "The way by the server of the " + x.origin
}

// wait says that phones are waited for.
func (x *examination) wait(phones int) {
	if phones > 0 && !x.con.JSON {
		x.con.Remark("note", "this machine", fmt.Sprintf("%s asked to call; waiting for at most %s", console.PluralAre(phones, "phone"), console.Span(x.o.Talk.Patience)))
	}
}

// end writes the last line of the answer, or all of --json.
func (x *examination) end(clear bool) error {
	counts := map[State]int{}
	for _, f := range x.found {
		counts[f.State]++
	}
	text := x.con.Paint(console.Green, "The way is clear.")
	if !clear {
		text = x.con.Paint(console.Red, "The way is not clear.")
	}
	for _, s := range []struct {
		state State
		word  string
	}{{StateBad, "FAIL"}, {StateWell, "ok"}, {StateMind, "warn"}, {StateSkip, "not looked at"}} {
		if n := counts[s.state]; n > 0 {
			text += fmt.Sprintf(" %d %s,", n, s.word)
		}
	}
	text = strings.TrimSuffix(text, ",") + "."
	return x.con.Print(DoctorDoc{1, x.route, x.origin, clear, x.found}, func(w io.Writer) { fmt.Fprintf(w, "\n%s\n", text) })
}
