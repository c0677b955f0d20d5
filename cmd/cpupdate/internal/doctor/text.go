package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// answer is the answer of doctor.
type answer struct {
	Schema int       `json:"schema"`
	Route  route     `json:"route"`
	Origin string    `json:"origin"` // "flags", "defaults", "profile berlin"; "nothing" if the route is assumed
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
}

// add notes a line, and shows it at once: there is much to wait for.
func (x *examination) add(f finding) error {
	if f.Hints == nil || f.State == stateWell || f.State == stateSkip {
		f.Hints = []string{}
	}
	f = x.withoutPassword(f)
	if f.err != nil && f.State == stateBad {
		f.Error = exit.NewErrorDoc(f.err)
	}
	x.found = append(x.found, f)
	if x.con.JSON {
		return nil
	}
	return x.con.Print(nil, func(w io.Writer) { x.draw(w, f) })
}

// draw writes a line, and before the first of its group or phone a heading.
func (x *examination) draw(w io.Writer, f finding) {
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
	const nameWidth, indent = 15, 23
	word, style := stateWord(f.State)
	fmt.Fprintf(w, "  %s  %s%s\n", x.con.Paint(style, word), console.Pad(f.Check, nameWidth), console.Wrap(console.Escape(f.Text), indent, x.con.Width))
	for _, hint := range f.Hints {
		fmt.Fprintf(w, "%s-> %s\n", strings.Repeat(" ", indent), console.Wrap(console.Escape(hint), indent+3, x.con.Width))
	}
}

// stateWord is a state as a word of four letters: nothing is said by colour alone.
func stateWord(s state) (string, console.Style) {
	switch s {
	case stateWell:
		return "ok  ", console.Green
	case stateMind:
		return "warn", console.Yellow
	case stateBad:
		return "FAIL", console.Red
	case stateSkip:
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
	case x.route == routeServe:
		return "The way of --serve: phones fetch from this machine"
	case x.origin == "flags":
		return "The way by the server that the flags name"
	}
	return "The way by the server of the " + x.origin
}

// wait says that phones are waited for.
func (x *examination) wait(phones int) {
	if phones > 0 && !x.con.JSON {
		x.con.Remark("note", "this machine", fmt.Sprintf("%s asked to call; waiting for at most %s", console.PluralAre(phones, "phone"), console.LimitText(x.o.Talk.Patience)))
	}
}

// end writes the last line of the answer, or all of --json.
func (x *examination) end(clear bool) error {
	if x.con.JSON {
		return x.con.Print(answer{1, x.route, x.origin, clear, x.found}, nil)
	}
	counts := map[state]int{}
	for _, f := range x.found {
		counts[f.State]++
	}
	text := x.con.Paint(console.Green, "The way is clear.")
	if !clear {
		text = x.con.Paint(console.Red, "The way is not clear.")
	}
	for _, s := range []struct {
		state state
		word  string
	}{{stateBad, "FAIL"}, {stateWell, "ok"}, {stateMind, "warn"}, {stateSkip, "not looked at"}} {
		if n := counts[s.state]; n > 0 {
			text += fmt.Sprintf(" %d %s,", n, s.word)
		}
	}
	text = strings.TrimSuffix(text, ",") + "."
	return x.con.Print(nil, func(w io.Writer) { fmt.Fprintf(w, "\n%s\n", text) })
}
