package console

import (
	"bytes"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for _, test := range []struct {
		name   string
		indent int
		widths []int
		lead   string
		width  int
		cells  []string
		want   string
	}{
		{"one cell", 2, nil, "", 30, []string{"text"}, "  text"},
		{"columns", 2, []int{4, 6}, "", 30, []string{"ok", "name", "text"}, "  ok    name    text"},
		{"wide characters", 2, []int{4, 6}, "", 30, []string{"好", "日本", "text"}, "  好    日本    text"},
		{"a cell that uses one blank of the gap", 2, []int{4, 6}, "", 30, []string{"ok", "a name!", "text"}, "  ok    a name! text"},
		{"a wider cell", 2, []int{4, 6}, "", 30, []string{"ok", "longer name", "text"}, "  ok    longer name  text"},
		{"nothing at the end", 2, []int{4, 6}, "", 30, []string{"ok", "name", ""}, "  ok    name"},
		{"nothing in between", 2, []int{4, 6}, "", 30, []string{"ok", "", "text"}, "  ok            text"},
		{"fewer cells", 2, []int{4, 6}, "", 30, []string{"ok", "what it says"}, "  ok    what it says"},
		{"escaped", 0, []int{4}, "", 30, []string{"\x1b", "\u202e"}, `\u{1b}  \u{202e}`},
		{"wrapped", 2, []int{4}, "", 30, []string{"ok", "some text that is too long for it"}, "  ok    some text that is too\n        long for it"},
		{"behind a lead", 8, nil, "-> ", 30, []string{"some text that is too long for it"}, "        -> some text that is\n           too long for it"},
		{"behind a cell and a lead", 2, []int{4}, "image ", 30, []string{"ok", "some text that is too long"}, "  ok    image some text that\n              is too long"},
		{"not wrapped", 2, []int{4}, "", 0, []string{"ok", "some text that is too  long for it"}, "  ok    some text that is too  long for it"},
		{"no room beside", 2, []int{4, 12}, "", 30, []string{"ok", "name", "some text that is too long for it"}, "  ok    name\n    some text that is too long\n    for it"},
		{"little room, and little text", 2, []int{4, 12}, "", 30, []string{"ok", "name", "text"}, "  ok    name          text"},
		{"no room for the columns", 2, []int{4, 12}, "", 17, []string{"fail", "hardware-level", "text that is too long"}, "  fail\n hardware-level\n text that is too\n long"},
		{"no room for the indent", 23, nil, "-> ", 30, []string{"some text that is long"}, "           -> some text that\n              is long"},
	} {
		c, _, _ := testConsole()
		l := c.Layout(test.indent, test.widths...)
		l.Lead, l.Width = test.lead, test.width
		if got := l.Line(Cells(test.cells...)...); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

// Colours change nothing about where the cells stand.
func TestLinePainted(t *testing.T) {
	c, _, _ := testConsole()
	c.ColorOut = true
	if got, want := c.Layout(1, 4).Line(Red.Cell("no"), Faint.Cell("x")), " \x1b[1;31mno\x1b[0m    \x1b[2mx\x1b[0m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFits(t *testing.T) {
	c, _, _ := testConsole()
	l := c.Layout(2, 4)
	l.Lead = "-> "
	for width, want := range map[int]bool{0: true, 14: false, 15: true} {
		l.Width = width
		if got := l.Fits(Cells("ok", "日本")...); got != want {
			t.Errorf("%d columns: %v", width, got)
		}
	}
}

func TestTable(t *testing.T) {
	c, _, _ := testConsole()
	table := c.Table(2, 0, 5)
	table.Limit = 10
	table.Row(Cells("name", "is", "text")...)
	table.Row(Cells("日本語", "x", "a longer text")...)
	table.Row(Cells("no more than an error, and a long one")...)
	table.Row(Cells("far too long a name", "y", "z")...)
	table.Row(Cells("name", "an error as long as it is")...)
	var b bytes.Buffer
	table.Draw(&b)
	want := `  name    is     text
  日本語  x      a longer text
  no more than an error, and a long one
  far too long a name  y      z
  name    an error as long as it is
`
	if b.String() != want {
		t.Errorf("\n%swant\n%s", b.String(), want)
	}
	if got := table.Columns(); got != 2+19+2+5+2+1 {
		t.Errorf("%d columns", got)
	}
}

// Whatever is in the cells, no line is wider than the terminal, and nothing of it is lost.
func TestLinesAreNotTooWide(t *testing.T) {
	c, _, _ := testConsole()
	texts := append(hostileTexts(), "name", "ok", "")
	for _, width := range []int{80, 40, 20} {
		c.Width = width
		for _, first := range texts {
			for _, last := range texts {
				table := c.Table(2, 4)
				table.Limit = 30
				table.Lead = "-> "
				table.Row(Cells(first, "name", last)...)
				table.Row(Cells("ok", first, last)...)
				var b bytes.Buffer
				table.Draw(&b)
				for line := range strings.Lines(b.String()) {
					if columns := terminalColumns(strings.TrimSuffix(line, "\n")); columns > width {
						t.Fatalf("%d columns on %d: %+q", columns, width, line)
					}
				}
				var want strings.Builder
				for _, text := range []string{first, "name", "->", last, "ok", first, "->", last} {
					want.WriteString(Escape(text))
				}
				if got := withoutBlanks(b.String()); got != withoutBlanks(want.String()) {
					t.Fatalf("%+q\nwant\n%+q", got, want.String())
				}
			}
		}
	}
}
