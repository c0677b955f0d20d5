package main

import (
	"strings"
	"testing"
)

// Lines tell how far it is, since when the attempt began; a new attempt begins anew.
func TestProgressLines(t *testing.T) {
	a, _, errOut := testApp(t, nil)
	p := a.con.StartProgress("x\x1b[2J.bind", "sent; waiting for the server", 200, nil)
	p.Update(50)
	p.Show()
	p.Restart()
	p.Show()
	p.Update(200)
	p.Show()
	p.End()
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `x\u{1b}[2J.bind: 25 %, 50 bytes of 200 bytes, `) || lines[1] != `x\u{1b}[2J.bind: sent; waiting for the server` {
		t.Errorf("%q", lines)
	}
}

// A bar fits on one line, whatever the terminal's width, and is gone at the end.
func TestProgressBar(t *testing.T) {
	for _, width := range []int{20, 30, 49, 50, 60, 69, 70, 80, 200} {
		a, _, errOut := testApp(t, nil)
		a.con.ErrTerminal, a.con.ErrWidth = true, func() int { return width }
		p := a.con.StartProgress("x.bind", "sent; waiting for the server", 987654321, nil)
		for _, sent := range []int64{1, 12345678, 987654320, 987654321} {
			p.Update(sent)
			p.Show()
		}
		p.End()
		pictures := strings.Split(errOut.String(), "\r")
		if len(pictures) < 5 {
			t.Errorf("%d columns: %q", width, pictures)
		}
		for _, picture := range pictures {
			if shown := len([]rune(strings.TrimRight(picture, " "))); shown > width {
				t.Errorf("%d columns: a picture of %d: %q", width, shown, picture)
			}
		}
		if last := pictures[len(pictures)-1]; strings.TrimSpace(last) != "" {
			t.Errorf("%d columns: %q stays", width, last)
		}
	}
}

// Nothing is drawn where nothing is wanted.
func TestProgressIsQuiet(t *testing.T) {
	a, out, errOut := testApp(t, nil)
	a.con.Quiet = true
	p := a.con.StartProgress("x.bind", "sent; waiting for the server", 100, nil)
	p.Update(50)
	p.End()
	if out.String()+errOut.String() != "" {
		t.Errorf("%q %q", out, errOut)
	}
	b, _, errOut := testApp(t, nil)
	b.con.ErrTerminal, b.con.ErrWidth = true, func() int { return 19 }
	q := b.con.StartProgress("x.bind", "sent; waiting for the server", 100, nil)
	q.Update(50)
	q.Show()
	q.End()
	if !strings.HasSuffix(errOut.String(), "/s\n") {
		t.Errorf("on a very narrow terminal: %q", errOut)
	}
}
