package main

import (
	"fmt"
	"io"
	"strings"
)

// doctorDoc is the JSON answer of doctor.
type doctorDoc struct {
	Schema int       `json:"schema"`
	Route  route     `json:"route"`
	Origin string    `json:"origin"` // "flags", "defaults", "profile berlin"; "nothing" if no route was named
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
}

// add records a line, and prints it at once, because some checks take long.
func (x *examination) add(f finding) error {
	if f.Hints == nil || f.State == stateWell || f.State == stateSkip {
		f.Hints = []string{}
	}
	f = x.withoutPassword(f)
	if f.err != nil && f.State == stateBad {
		f.Error = newErrorDoc(f.err)
	}
	x.found = append(x.found, f)
	if x.con.json {
		return nil
	}
	return x.con.print(nil, func(w io.Writer) { x.draw(w, f) })
}

// draw writes a line, and a heading before the first line of a group or phone.
func (x *examination) draw(w io.Writer, f finding) {
	if x.shown == "" {
		fmt.Fprintf(w, "%s\n", x.con.paint(bold, escape(x.routeText())))
	}
	heading := f.Group
	if f.About != "" {
		heading += " " + f.About
	}
	if heading != x.shown {
		x.shown = heading
		fmt.Fprintf(w, "\n%s\n", escape(heading))
	}
	const nameWidth, indent = 15, 23
	word, style := stateWord(f.State)
	fmt.Fprintf(w, "  %s  %s%s\n", x.con.paint(style, word), pad(f.Check, nameWidth), wrap(escape(f.Text), indent, x.con.width))
	for _, hint := range f.Hints {
		fmt.Fprintf(w, "%s-> %s\n", strings.Repeat(" ", indent), wrap(escape(hint), indent+3, x.con.width))
	}
}

// stateWord returns a state as a word of four letters: colour alone carries no meaning.
func stateWord(s state) (string, style) {
	switch s {
	case stateWell:
		return "ok  ", green
	case stateMind:
		return "warn", yellow
	case stateBad:
		return "FAIL", red
	case stateSkip:
	}
	return "-   ", faint
}

// routeText says which route is checked, and why.
func (x *examination) routeText() string {
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
func (x *examination) wait(phones int) {
	if phones > 0 && !x.con.json {
		x.con.remark("note", "this machine", fmt.Sprintf("%s being contacted; waiting at most %s for the call-back", pluralAre(phones, "phone"), span(x.o.talk.patience)))
	}
}

// pluralAre returns text such as "1 phone is" and "3 phones are".
func pluralAre(n int, noun string) string { return plural(n, noun) + " " + isAre(n) }

// end writes the last line of the answer, or all of --json.
func (x *examination) end(clear bool) error {
	if x.con.json {
		return x.con.print(doctorDoc{1, x.route, x.origin, clear, x.found}, nil)
	}
	counts := map[state]int{}
	for _, f := range x.found {
		counts[f.State]++
	}
	text := x.con.paint(green, "All required checks passed.")
	if !clear {
		text = x.con.paint(red, "Not all required checks passed.")
	}
	for _, s := range []struct {
		state state
		word  string
	}{{stateBad, "FAIL"}, {stateWell, "ok"}, {stateMind, "warn"}, {stateSkip, "skipped"}} {
		if n := counts[s.state]; n > 0 {
			text += fmt.Sprintf(" %d %s,", n, s.word)
		}
	}
	text = strings.TrimSuffix(text, ",") + "."
	return x.con.print(nil, func(w io.Writer) { fmt.Fprintf(w, "\n%s\n", text) })
}
