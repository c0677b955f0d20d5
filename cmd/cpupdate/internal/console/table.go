package console

import (
	"fmt"
	"io"
	"strings"
)

// A Cell is a text in a line, with its style.
type Cell struct {
	Text  string
	Style Style
}

// Cell returns a cell in this style.
func (s Style) Cell(text string) Cell { return Cell{text, s} }

// Cells returns plain cells.
func Cells(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, text := range texts {
		cells[i].Text = text
	}
	return cells
}

// gap is the number of blanks between two cells.
const gap = 2

// A Layout places the cells of a line: an indent, then columns with two blanks between them. A cell that is wider than its
// column shifts the cells after it. The last cell gets the rest of the line, and is wrapped below itself.
type Layout struct {
	Indent int
	Widths []int  // in columns, of all cells but the last
	Lead   string // text before the last cell, which is wrapped to the right of it
	Width  int    // of the terminal, in columns; 0: lines are not wrapped

	console *Console
}

// Layout returns a layout for lines on stdout.
func (c *Console) Layout(indent int, widths ...int) Layout {
	return Layout{Indent: indent, Widths: widths, Width: c.Width, console: c}
}

// Line returns a line without line break. It escapes the cells.
func (l Layout) Line(cells ...Cell) string { return l.line(escaped(cells)) }

// Fits reports whether the cells fit on one line.
func (l Layout) Fits(cells ...Cell) bool { return l.Width == 0 || l.columns(escaped(cells)) <= l.Width }

// columns returns the width of a line that is not wrapped.
func (l Layout) columns(cells []Cell) int {
	column, last := l.Indent, len(cells)-1
	for i, cell := range cells[:last] {
		column = l.next(i, column, column+Columns(cell.Text))
	}
	return column + Columns(l.Lead) + Columns(cells[last].Text)
}

// next returns the column after the cell i, which begins at start and ends at end. A cell may use one blank of the gap.
func (l Layout) next(i, start, end int) int {
	next := start + l.Widths[i] + gap
	if end < next {
		return next
	}
	return end + gap
}

// line returns a line of escaped cells. On a terminal that is too narrow it continues on the next lines.
func (l Layout) line(cells []Cell) string {
	var b strings.Builder
	column, written, last := l.Indent, 0, len(cells)-1
	below := max(min(l.Indent+gap, l.Width-leastRoom), 0)
	write := func(text, painted string) {
		if text == "" {
			return
		}
		if text[0] != '\n' {
			b.WriteString(blanks(column - written))
		}
		b.WriteString(painted)
		if end := strings.LastIndexByte(text, '\n'); end >= 0 {
			column, text = 0, text[end+1:]
		}
		column += Columns(text)
		written = column
	}
	for i, cell := range cells[:last] {
		text, start := cell.Text, column
		if l.Width > 0 && start+Columns(text) > l.Width {
			text, start = wrap(text, start, below, l.Width), below
		}
		write(text, l.console.Paint(cell.Style, text))
		column = l.next(i, start, column)
	}
	text, lead := cells[last].Text, Columns(l.Lead)
	if l.Width > 0 {
		if all := column + lead; all+max(leastRoom, l.Width/4) > l.Width && all+Columns(text) > l.Width {
			if written > 0 {
				b.WriteByte('\n')
			}
			column, written = max(min(below, l.Width-leastRoom-lead), 0), 0
		}
		text = wrap(text, column+lead, column+lead, l.Width)
	}
	write(l.Lead, l.Lead)
	write(text, l.console.Paint(cells[last].Style, text))
	return strings.TrimRight(b.String(), " ")
}

func escaped(cells []Cell) []Cell {
	safe := make([]Cell, len(cells))
	for i, cell := range cells {
		safe[i] = Cell{Escape(cell.Text), cell.Style}
	}
	return safe
}

// A Table is a layout whose columns are as wide as their widest cells.
type Table struct {
	Layout     // with the minimum widths
	Limit  int // a wider cell does not widen its column; 0: every cell does
	rows   [][]Cell
}

// Table returns a table without rows for stdout.
func (c *Console) Table(indent int, widths ...int) *Table {
	return &Table{Layout: c.Layout(indent, widths...)}
}

// Row adds a line.
func (t *Table) Row(cells ...Cell) {
	cells = escaped(cells)
	t.rows = append(t.rows, cells)
	for i, cell := range cells[:max(len(cells)-1, 1)] {
		if i == len(t.Widths) {
			t.Widths = append(t.Widths, 0)
		}
		if columns := Columns(cell.Text); t.Limit == 0 || columns <= t.Limit {
			t.Widths[i] = max(t.Widths[i], columns)
		}
	}
}

// Columns returns the width of the widest row with as many cells as the first row.
func (t *Table) Columns() int {
	columns := 0
	for _, row := range t.rows {
		if len(row) == len(t.rows[0]) {
			columns = max(columns, t.columns(row))
		}
	}
	return columns
}

// Draw writes the table.
func (t *Table) Draw(w io.Writer) {
	for _, row := range t.rows {
		fmt.Fprintln(w, t.line(row))
	}
}
