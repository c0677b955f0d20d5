package verdict

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// MatrixText writes the matrix: the answer, the images, the table, and why no image fits some phones.
func MatrixText(w io.Writer, con *console.Console, images []*images.Image, doc matrixDoc) {
	fmt.Fprintf(w, "%s\n\n", matrixHeadline(con, doc))
	good := usable(images)
	matrixLegend(w, con, images, good)
	if len(good) == 0 {
		return
	}
	matrixBlocks(w, con, len(good), doc.Phones)
	overridesText(w, con, doc.Phones)
	misfitsText(w, con, doc.Phones)
}

func matrixHeadline(con *console.Console, doc matrixDoc) string {
	text := fmt.Sprintf("an image fits %d of %s", doc.Fitting, display.Plural(len(doc.Phones), "phone"))
	if doc.Unknown > 0 {
		text += fmt.Sprintf("; %d cannot be determined", doc.Unknown)
	}
	switch {
	case doc.Fitting == len(doc.Phones):
		return con.Paint(console.Green, text)
	case doc.Fitting+doc.Unknown == len(doc.Phones):
		return con.Paint(console.Yellow, text)
	}
	return con.Paint(console.Red, text)
}

// matrixLegend writes the names of the columns, and the images that cannot be used.
func matrixLegend(w io.Writer, con *console.Console, images, good []*images.Image) {
	width := 0
	for _, im := range images {
		width = max(width, console.Columns(console.Escape(im.Name)))
	}
	line, below := con.Layout(2, 2, width), con.Layout(8)
	for i, im := range good {
		cells, about := console.Cells(letter(i), im.Name), console.Plain.Cell(imageAbout(im))
		if line.Fits(append(cells, about)...) {
			fmt.Fprintln(w, line.Line(append(cells, about)...))
		} else {
			fmt.Fprintf(w, "%s\n%s\n", line.Line(cells...), below.Line(about))
		}
	}
	for _, im := range images {
		if im.Err != nil {
			fmt.Fprintln(w, line.Line(console.Plain.Cell("--"), console.Plain.Cell(im.Name), console.Red.Cell(im.State())))
			fmt.Fprintln(w, below.Line(console.Plain.Cell(im.Cause.Error())))
		}
	}
}

// imageAbout describes an image in short, and says if its payload was not read.
func imageAbout(im *images.Image) string {
	text := strings.TrimSpace(im.Facts.SoftwareType.Value + " " + im.Facts.Version.Value.String())
	text = fmt.Sprintf("%s, levels %s", text, im.Facts.Levels.Value)
	if im.State() == images.StateUnread {
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

// aboutRoom is the number of columns that a narrow table keeps for what is known of a phone.
const aboutRoom = 28

// matrixBlocks writes the table, in blocks of as many columns as fit on the terminal. If not even one fits, such as beside
// long notes, what is known of a phone and its note follow the verdicts, where they can be wrapped.
func matrixBlocks(w io.Writer, con *console.Console, images int, rows []fitRow) {
	wide, narrow := con.Table(2), con.Table(2)
	wide.Row(console.Cells("phone", "known as", "")...)
	narrow.Row(console.Cells("phone", "")...)
	for _, row := range rows {
		wide.Row(console.Cells(row.label(), knownAs(row), "")...)
		narrow.Row(console.Cells(row.Name, "")...)
	}
	widths, most := wide.Widths, (con.Width+2-wide.Columns())/cellWidth
	last := most < 1 && con.Width > 0
	if most = max(most, 1); last {
		widths, most = narrow.Widths, max((con.Width-aboutRoom-narrow.Columns())/cellWidth, 1)
	}
	for first := 0; first < images; first += most {
		next := min(first+most, images)
		table := con.Table(2, append(slices.Clone(widths), slices.Repeat([]int{cellWidth - 2}, next-first)...)...)
		line := func(name, about string, cells []console.Cell) {
			if last {
				table.Row(append(append(console.Cells(name), cells...), console.Plain.Cell(about))...)
				return
			}
			table.Row(append(console.Cells(name, about), cells...)...)
		}
		cells := make([]console.Cell, 0, next-first)
		for i := first; i < next; i++ {
			cells = append(cells, console.Plain.Cell(letter(i)))
		}
		line("phone", "known as", cells)
		for _, row := range rows {
			cells := make([]console.Cell, 0, next-first)
			for _, cell := range row.Cells[first:next] {
				word, color := cellWord(cell.Verdict)
				cells = append(cells, color.Cell(word))
			}
			if last {
				line(row.Name, row.about(), cells)
			} else {
				line(row.label(), knownAs(row), cells)
			}
		}
		fmt.Fprintln(w)
		table.Draw(w)
	}
}

// cellWord returns a verdict in at most four letters.
func cellWord(v hwcheck.Verdict) (string, console.Style) {
	switch {
	case v.NothingToDo:
		return "same", console.Green
	case v.Answer == hwcheck.Compatible && slices.ContainsFunc(v.Findings, overridden):
		return "yes*", console.Yellow
	case v.Answer == hwcheck.Compatible:
		return "yes", console.Green
	case v.Answer == hwcheck.CannotTell:
		return "?", console.Yellow
	}
	return "no", console.Red
}

// overridesText writes which phones accept an image only by override, and the reason for the override.
func overridesText(w io.Writer, con *console.Console, rows []fitRow) {
	title := "\n  * by override\n"
	for _, row := range rows {
		i := slices.IndexFunc(row.Cells, func(c fitCell) bool { word, _ := cellWord(c.Verdict); return word == "yes*" })
		if i < 0 {
			continue
		}
		fmt.Fprint(w, title)
		title = ""
		if reason := row.Cells[i].Reason; reason != "" {
			fmt.Fprintf(w, "    %s\n", console.Wrap(console.Escape(row.label())+": "+console.Escape(reason), 6, con.Width))
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
func misfitsText(w io.Writer, con *console.Console, rows []fitRow) {
	const shown = 3
	for _, m := range misfits(con, rows) {
		names, more := m.names, ""
		if len(names) > shown && !con.Verbose {
			names, more = names[:shown], fmt.Sprintf(" and %d more", len(names)-shown)
		}
		title := "no image fits "
		if m.unknown {
			title = "cannot be determined for "
		}
		fmt.Fprintf(w, "\n  %s\n%s", con.Paint(console.Bold, console.Wrap(title+strings.Join(names, ", ")+more+":", 4, con.Width)), m.reasons)
	}
}

// misfits groups the phones by their reasons, in the order of the list.
func misfits(con *console.Console, rows []fitRow) []misfit {
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
		all[i].names = append(all[i].names, console.Escape(row.label()))
	}
	return all
}

// misfitReasons returns for each image why it does not fit; for a phone that an image may fit, what is missing to know.
func misfitReasons(con *console.Console, row fitRow) string {
	var b strings.Builder
	line := con.Layout(4, 2)
	if row.Why != "" {
		fmt.Fprintf(&b, "    %s\n", console.Wrap("the phone did not report it: "+console.Escape(row.Why), 6, con.Width))
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
			fmt.Fprintln(&b, line.Line(console.Cells(name, reason)...))
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
