package console

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"":                                  0,
		"plain":                             5,
		"Größe":                             5,
		"Gro\u0308ße":                       5, // an accent of its own
		"日本語":                               6,
		"カ\u3099":                           2,
		"\uff76":                            1, // half as wide
		"한글":                                4,
		"\u1112\u1161\u11ab":                2, // the same in parts
		"🙂":                                 2,
		"กำ":                                2,
		"\u0301":                            0,
		"→ …":                               3,
		"\u1100\u1100\u1100":                6, // letters that wait for a vowel
		"🏽🏽":                                4, // patches of colour
		strings.Repeat("日", 99):             198,
		"e" + strings.Repeat("\u0301", 500): 1,
		"\xff\xc3":                          2,
	} {
		if got := Columns(text); got != want {
			t.Errorf("%+.40q takes %d columns, want %d", text, got, want)
		}
	}
}

// No line is longer than the terminal is wide: what it breaks off itself could pass for a line of ours.
func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text   string
		indent int
		want   string
	}{
		{"one two", 2, "one two"},
		{"seventeen letters here", 4, "seventeen\n    letters here"},
		{strings.Repeat("x", 35), 4, strings.Repeat("x", 16) + "\n    " + strings.Repeat("x", 16) + "\n    xxx"},
		{"a " + strings.Repeat("ö", 17) + " b", 4, "a\n    " + strings.Repeat("ö", 16) + "\n    ö b"},
		{"sha " + strings.Repeat("0f", 32) + " b", 4, "sha\n    " + strings.Repeat("0f", 32) + "\n    b"},
		{strings.Repeat("0f", 33), 0, strings.Repeat("0f", 10) + "\n" + strings.Repeat("0f", 10) + "\n" + strings.Repeat("0f", 10) + "\n0f0f0f"},
		{"日本語日本語日本語 a", 4, strings.Repeat("日本語", 3)[:24] + "\n    語 a"},
		{strings.Repeat("e\u0301", 17), 4, strings.Repeat("e\u0301", 16) + "\n    e\u0301"},
		{"x " + strings.Repeat("🙂", 9), 4, "x\n    " + strings.Repeat("🙂", 8) + "\n    🙂"},
		{"a hint for a narrow one", 12, "a hint\n    for a narrow one"},
	} {
		if got := Wrap(test.text, test.indent, 20); got != test.want {
			t.Errorf("wrap(%q, %d, 20) = %q, want %q", test.text, test.indent, got, test.want)
		}
	}
}

// hostileTexts are texts of which a terminal makes something else than a column a character.
func hostileTexts() []string {
	return []string{
		strings.Repeat("plain words of a usual length ", 9),
		strings.Repeat("日本語の電話機", 20),
		strings.Repeat("日本 ", 40) + "x",
		strings.Repeat("🙂👍🏽🇩🇪", 20),
		strings.Repeat("🏽", 60),
		strings.Repeat("🏟🌡", 30) + "🏟\U0003d3fd🏽",
		strings.Repeat("\u1100", 70) + strings.Repeat("\u1112\u1161\u11ab", 30),
		strings.Repeat("e\u0301\u0323", 200),
		"a" + strings.Repeat("\u0301", 700) + strings.Repeat("b", 90),
		"ＦＵＬＬ　ｗｉｄｔｈ " + strings.Repeat("ﾊﾝｶｸ", 30),
		"x\u3000y 日" + strings.Repeat("x", 15) + "日" + strings.Repeat("y", 31) + "日",
	}
}

// Whatever the text, no line is wider than the terminal, and nothing of it is lost.
func TestWrapHostile(t *testing.T) {
	for _, text := range hostileTexts() {
		for _, width := range []int{80, 79, 50, 40, 25, 20, 17} {
			for _, indent := range []int{0, 4, 28, 60} {
				checkWrap(t, text, indent, width)
			}
		}
	}
}

func checkWrap(t *testing.T, text string, indent, width int) {
	t.Helper()
	wrapped := Wrap(text, indent, width)
	for i, line := range strings.Split(wrapped, "\n") {
		columns := terminalColumns(line)
		if i == 0 {
			columns += indent
		}
		if columns > max(width, indent) && !isDigest(strings.TrimSpace(line)) {
			t.Fatalf("a line of %d columns on %d, indented by %d: %+q\n%+q", columns, width, indent, line, text)
		}
	}
	if withoutBlanks(wrapped) != withoutBlanks(text) {
		t.Fatalf("%+q became %+q", text, wrapped)
	}
}

func withoutBlanks(text string) string { return strings.Join(strings.Fields(text), "") }

// terminalColumns is the width of a text on a terminal that draws each character by itself, as most do.
func terminalColumns(text string) int {
	columns := 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me) || r >= 0x1160 && r <= 0x11FF:
		case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0x303E, r >= 0x3041 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3,
			r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF:
			columns += 2
		default:
			columns++
		}
	}
	return columns
}

// FuzzWrap looks for a text that is lost, or that gets a line wider than the terminal.
func FuzzWrap(f *testing.F) {
	for _, text := range hostileTexts() {
		f.Add(text, 4, 40)
	}
	f.Add("sha256:"+strings.Repeat("0f", 32)+"; and more", 12, 30)
	f.Fuzz(func(t *testing.T, text string, indent, width int) {
		if indent < 0 || width < 17 || indent > 200 || width > 200 || !utf8.ValidString(text) {
			return
		}
		checkWrap(t, Escape(text), indent, width)
	})
}
