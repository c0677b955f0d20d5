package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// matrixText writes the matrix: the answer, the images, the table, and why no image fits some phones.
func matrixText(w io.Writer, con *console, images []*image, doc matrixDoc) {
	fmt.Fprintf(w, "%s\n\n", matrixHeadline(con, doc))
	good := usable(images)
	matrixLegend(w, con, images, good)
	if len(good) == 0 {
		return
	}
	for first := 0; first < len(good); {
		fmt.Fprintln(w)
		first = matrixBlock(w, con, first, len(good), doc.Phones)
	}
	overridesText(w, con, doc.Phones)
	misfitsText(w, con, doc.Phones)
}

func matrixHeadline(con *console, doc matrixDoc) string {
	text := fmt.Sprintf("an image fits %d of %s", doc.Fitting, plural(len(doc.Phones), "phone"))
	if doc.Unknown > 0 {
		text += fmt.Sprintf("; %d cannot be determined", doc.Unknown)
	}
	switch {
	case doc.Fitting == len(doc.Phones):
		return con.paint(green, text)
	case doc.Fitting+doc.Unknown == len(doc.Phones):
		return con.paint(yellow, text)
	}
	return con.paint(red, text)
}

// matrixLegend writes the names of the columns, and the images that cannot be used.
func matrixLegend(w io.Writer, con *console, images, good []*image) {
	width := 0
	for _, im := range images {
		width = max(width, utf8.RuneCountInString(escape(im.name)))
	}
	for i, im := range good {
		line, about := fmt.Sprintf("  %-2s  %s", letter(i), pad(escape(im.name), width)), imageAbout(im)
		if utf8.RuneCountInString(line+"  "+about) > con.width {
			line, about = strings.TrimRight(line, " "), "\n        "+wrap(about, 8, con.width)
		} else {
			about = "  " + about
		}
		fmt.Fprintln(w, line+about)
	}
	for _, im := range images {
		if im.err != nil {
			fmt.Fprintf(w, "  --  %s  %s\n        %s\n", pad(escape(im.name), width), con.paint(red, im.state()), wrap(escape(im.cause.Error()), 8, con.width))
		}
	}
}

// imageAbout describes an image in short, and says if its payload was not read.
func imageAbout(im *image) string {
	text := strings.TrimSpace(im.facts.SoftwareType.Value + " " + im.facts.Version.Value.String())
	text = fmt.Sprintf("%s, levels %s", escape(text), im.facts.Levels.Value)
	if im.state() == stateUnread {
		text += ", payload not read"
	}
	return text
}

// letter returns the name of a column: A to Z, then AA.
func letter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letter(i/26-1) + letter(i%26)
}

// cellWidth is the width of a column of the table, with the gap before it.
const cellWidth = 6

// matrixBlock writes as many columns as fit on the terminal, starting with first, and returns the next column.
func matrixBlock(w io.Writer, con *console, first, images int, rows []fitRow) int {
	name, known := len("phone"), len("known as")
	for _, row := range rows {
		name, known = max(name, utf8.RuneCountInString(escape(row.Name))), max(known, utf8.RuneCountInString(knownAs(row)))
	}
	next := min(first+max((con.width-4-name-known)/cellWidth, 1), images)
	line := "  " + pad("phone", name) + "  " + pad("known as", known)
	for i := first; i < next; i++ {
		line += "  " + pad(letter(i), cellWidth-2)
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
	for _, row := range rows {
		line := "  " + pad(escape(row.Name), name) + "  " + pad(knownAs(row), known)
		for _, cell := range row.Cells[first:next] {
			word, color := cellWord(cell.Verdict)
			line += "  " + con.paint(color, word) + strings.Repeat(" ", cellWidth-2-len(word))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	return next
}

// cellWord returns a verdict in at most four letters.
func cellWord(v hwcheck.Verdict) (string, style) {
	switch {
	case v.NothingToDo:
		return "same", green
	case v.Answer == hwcheck.Compatible && slices.ContainsFunc(v.Findings, overridden):
		return "yes*", yellow
	case v.Answer == hwcheck.Compatible:
		return "yes", green
	case v.Answer == hwcheck.CannotTell:
		return "?", yellow
	}
	return "no", red
}

// overridesText writes which phones accept an image only by override, and the reason for the override.
func overridesText(w io.Writer, con *console, rows []fitRow) {
	title := "\n  * by override\n"
	for _, row := range rows {
		i := slices.IndexFunc(row.Cells, func(c fitCell) bool { word, _ := cellWord(c.Verdict); return word == "yes*" })
		if i < 0 {
			continue
		}
		fmt.Fprint(w, title)
		title = ""
		if reason := row.Cells[i].Reason; reason != "" {
			fmt.Fprintf(w, "    %s\n", wrap(escape(row.Name)+": "+escape(reason), 6, con.width))
		}
	}
}

// A misfit is a set of phones that no image fits, for the same reasons.
type misfit struct {
	names   []string
	unknown bool
	reasons string
}

// misfitsText writes why no image fits some phones. Phones with the same reasons are shown together, because a long list
// has few different reasons.
func misfitsText(w io.Writer, con *console, rows []fitRow) {
	const shown = 3
	for _, m := range misfits(con, rows) {
		names, more := m.names, ""
		if len(names) > shown && !con.verbose {
			names, more = names[:shown], fmt.Sprintf(" and %d more", len(names)-shown)
		}
		title := "no image fits "
		if m.unknown {
			title = "cannot be determined for "
		}
		fmt.Fprintf(w, "\n  %s\n%s", con.paint(bold, wrap(title+strings.Join(names, ", ")+more+":", 4, con.width)), m.reasons)
	}
}

// misfits groups the phones by their reasons, in the order of the list.
func misfits(con *console, rows []fitRow) []misfit {
	var all []misfit
	seen := map[string]int{}
	for _, row := range rows {
		if row.Answer == hwcheck.Compatible {
			continue
		}
		reasons := misfitReasons(con, row)
		i, known := seen[reasons]
		if !known {
			i = len(all)
			seen[reasons] = i
			all = append(all, misfit{unknown: row.Answer == hwcheck.CannotTell, reasons: reasons})
		}
		all[i].names = append(all[i].names, escape(row.Name))
	}
	return all
}

// misfitReasons returns for each image why it does not fit; for a phone that an image may fit, what is missing to know.
func misfitReasons(con *console, row fitRow) string {
	var b strings.Builder
	if row.why != "" {
		fmt.Fprintf(&b, "    %s\n", wrap("the phone did not report it: "+escape(row.why), 6, con.width))
	}
	for i, cell := range row.Cells {
		name := letter(i)
		for _, f := range cell.Findings {
			reason := misfitReason(f)
			switch {
			case f.Outcome == hwcheck.Overridden, row.Answer == hwcheck.CannotTell && cell.Answer != hwcheck.CannotTell:
				continue
			case f.Outcome == hwcheck.Unknown:
				reason = fmt.Sprintf("%s: %s. %s", f.Rule, f.Reason, f.Advice)
			}
			fmt.Fprintf(&b, "    %-2s  %s\n", name, wrap(escape(reason), 8, con.width))
			name = ""
		}
	}
	return b.String()
}

// misfitReason returns what a rule found, with both values if there are two.
func misfitReason(f hwcheck.Finding) string {
	if f.Image.Value == "" || f.Phone.Value == "" {
		return fmt.Sprintf("%s: %s", f.Rule, f.Reason)
	}
	return fmt.Sprintf("%s: image %s; phone %s", f.Rule, f.Image.Value, f.Phone.Value)
}
