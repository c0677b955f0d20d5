package console

import (
	"fmt"
	"io"
	"strings"
)

// A Cell is a text of a line, and how it is set off.
type Cell struct {
	Text  string
	Style Style
}

// Cell returns a cell that is set off in this style.
func (s Style) Cell(text string) Cell { return Cell{text, s} }

// Cells returns plain cells.
func Cells(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, text := range texts {
		cells[i].Text = text
	}
	return cells
}

// gap is what stands between two cells.
const gap = 2

// A Layout is where the cells of a line stand: behind the indent, each in its column, two blanks apart. A cell that is
// wider than its column moves the others on. The last cell has the rest of the line, and goes on below itself.
type Layout struct {
	Indent int
	Widths []int  // in columns, of all cells but the last
	Lead   string // stands right before the last cell, which goes on behind it
	Width  int    // of the terminal, in columns; 0: a line is as long as it is

	console *Console
}

// Layout returns a layout for lines on stdout.
func (c *Console) Layout(indent int, widths ...int) Layout {
	return Layout{Indent: indent, Widths: widths, Width: c.Width, console: c}
}

// Line returns a line without its end. What is in the cells is escaped here.
func (l Layout) Line(cells ...Cell) string { return l.line(escaped(cells)) }

// Fits reports whether a line with these cells needs no second one.
func (l Layout) Fits(cells ...Cell) bool { return l.Width == 0 || l.columns(escaped(cells)) <= l.Width }

// columns returns how long a line is that is not wrapped.
func (l Layout) columns(cells []Cell) int {
	columns, last := l.Indent, len(cells)-1
	for i, cell := range cells[:last] {
		columns += max(l.Widths[i], Columns(cell.Text)) + gap
	}
	return columns + Columns(l.Lead) + Columns(cells[last].Text)
}

// line puts cells that are escaped into a line. Where the terminal is too narrow for them they go on below.
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
		text, next := cell.Text, column+l.Widths[i]
		if l.Width > 0 && column+Columns(text) > l.Width {
			text, next = wrap(text, column, below, l.Width), 0
		}
		write(text, l.console.Paint(cell.Style, text))
		column = max(column, next) + gap
	}
	text, lead := cells[last].Text, Columns(l.Lead)
	if l.Width > 0 {
		if all := column + lead; all+leastRoom > l.Width && all+Columns(text) > l.Width {
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

// A Table is lines whose columns are as wide as what is in them.
type Table struct {
	Layout     // its widths are the least
	Limit  int // a cell of more columns does not widen its own; 0: all do
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

// Columns returns how long the longest line is that has as many cells as the first one.
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
