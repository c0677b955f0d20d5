package console

import (
	"fmt"
	"io"
)

// Pad fills text with blanks to a width in columns.
func Pad(text string, width int) string { return text + blanks(width-Columns(text)) }

// tableWidths are the columns' widths. What a phone says at length, and the last cell of a line, count for nobody else.
func tableWidths(rows [][]string) []int {
	const most = 40
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:max(len(row)-1, 1)] {
			widths[i] = max(widths[i], min(Columns(cell), most))
		}
	}
	return widths
}

// Widest is the width of the widest line of phones that answered.
func Widest(rows [][]string) int {
	sum := 0
	for _, width := range tableWidths(rows) {
		sum += width + 2
	}
	last := 0
	for _, row := range rows {
		if len(row) == len(rows[0]) {
			last = max(last, Columns(row[len(row)-1]))
		}
	}
	return sum + last - 2
}

// DrawTable writes a table.
func DrawTable(w io.Writer, rows [][]string) {
	widths := tableWidths(rows)
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			if i < len(row)-1 {
				cell = Pad(cell, widths[i]+2)
			}
			line += cell
		}
		fmt.Fprintln(w, line)
	}
}
