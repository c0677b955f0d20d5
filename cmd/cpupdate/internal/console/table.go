package console

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// tableWidths returns the widths of the columns. Very long cells, and the last cell of a row, do not count.
func tableWidths(rows [][]string) []int {
	const most = 40
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:max(len(row)-1, 1)] {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), most))
		}
	}
	return widths
}

// Widest returns the width of the widest row of phones that answered.
func Widest(rows [][]string) int {
	sum := 0
	for _, width := range tableWidths(rows) {
		sum += width + 2
	}
	last := 0
	for _, row := range rows {
		if len(row) == len(rows[0]) {
			last = max(last, utf8.RuneCountInString(row[len(row)-1]))
		}
	}
	return sum + last - 2
}

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
