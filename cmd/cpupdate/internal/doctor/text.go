package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// answer is the JSON answer of doctor.
type answer struct {
	Schema int       `json:"schema"`
	Route  route     `json:"route"`
	Origin string    `json:"origin"` // "flags", "defaults", "profile berlin"; "nothing" if no route was named
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
}

// add records a line, and prints it at once, because some checks take long.
func (x *diagnosis) add(f finding) error {
	if f.Hints == nil || f.State == stateOK || f.State == stateSkip {
		f.Hints = []string{}
	}
	f = x.withoutPassword(f)
	f.Hints = append([]string{}, x.con.Flags.Fit(f.Hints)...)
	if f.err != nil && f.State == stateFailed {
		f.Error = exit.NewErrorDoc(f.err)
	}
	x.found = append(x.found, f)
	return x.con.Part(func(w io.Writer) { x.draw(w, f) })
}

// draw writes a line, and a heading before the first line of a group or phone.
func (x *diagnosis) draw(w io.Writer, f finding) {
	if x.shown == "" {
		fmt.Fprintf(w, "%s\n", x.con.Paint(console.Bold, console.Escape(x.routeText())))
	}
	heading := f.Group
	if f.About != "" {
		heading += " " + fleet.Target{Address: f.About, Note: f.Note}.Label()
	}
	if heading != x.shown {
		x.shown = heading
		fmt.Fprintf(w, "\n%s\n", console.Escape(heading))
	}
	const nameWidth, indent = 13, 23
	word, style := stateWord(f.State)
	fmt.Fprintln(w, x.con.Layout(2, len(word), nameWidth).Line(style.Cell(word), console.Plain.Cell(f.Check), console.Plain.Cell(f.Text)))
	below := x.con.Layout(indent)
	below.Lead = "-> "
	for _, hint := range f.Hints {
		fmt.Fprintln(w, below.Line(console.Plain.Cell(hint)))
	}
}

// stateWord returns a state as a word of four letters: colour alone carries no meaning.
func stateWord(s state) (string, console.Style) {
	switch s {
	case stateOK:
		return "ok  ", console.Green
	case stateWarn:
		return "warn", console.Yellow
	case stateFailed:
		return "FAIL", console.Red
	case stateSkip:
	}
	return "-   ", console.Faint
}

// routeText says which route is checked, and why.
func (x *diagnosis) routeText() string {
	switch {
	case x.origin == "nothing":
		return "Route: --serve (no other route is named, and no defaults are stored)"
	case x.byPage():
		return "Route: --web (the image is uploaded to the phones' own web pages)"
	case x.route == routeServe:
		return "Route: --serve (phones fetch from this machine)"
	case x.origin == "flags":
		return "Route: the server that the flags name"
	}
	return "Route: the server of the " + x.origin
}

// wait prints that doctor waits for phones.
func (x *diagnosis) wait(phones int) {
	if phones > 0 && !x.con.JSON {
		x.con.NoteAbout("note", "this machine", fmt.Sprintf("%s being contacted; waiting at most %s for the call-back", console.PluralAre(phones, "phone"), display.Span(x.o.Listen.Patience)))
	}
}

// end writes the last line of the answer, or all of --json.
func (x *diagnosis) end(clear bool) error {
	counts := map[state]int{}
	for _, f := range x.found {
		counts[f.State]++
	}
	text := x.con.Paint(console.Green, "All required checks passed.")
	if !clear {
		text = x.con.Paint(console.Red, "Not all required checks passed.")
	}
	for _, s := range []struct {
		state state
		word  string
	}{{stateFailed, "FAIL"}, {stateOK, "ok"}, {stateWarn, "warn"}, {stateSkip, "skipped"}} {
		if n := counts[s.state]; n > 0 {
			text += fmt.Sprintf(" %d %s,", n, s.word)
		}
	}
	text = strings.TrimSuffix(text, ",") + "."
	return x.con.Print(answer{1, x.route, x.origin, clear, x.found}, func(w io.Writer) { fmt.Fprintf(w, "\n%s\n", text) })
}
