package console

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Lines tell how far it is, since when the attempt began; a new attempt begins anew.
func TestProgressLines(t *testing.T) {
	c, _, errOut := testConsole()
	p := c.StartProgress("x\x1b[2J.bind", "sent; waiting for the server", 200, nil)
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

// TestProgressReadBack checks that reading back is shown as such, from its own beginning, until an attempt begins anew.
func TestProgressReadBack(t *testing.T) {
	c, _, errOut := testConsole()
	p := c.StartProgress("x.bind", "sent", 200, nil)
	for _, update := range []func(){
		func() { p.Update(200) }, func() { p.UpdateRead(50) }, func() { p.UpdateRead(200) }, p.Restart, func() { p.Update(20) },
	} {
		update()
		p.Show()
	}
	p.End()
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	for i, want := range []string{"x.bind: sent", "x.bind: read back, 25 %, 50 bytes of 200 bytes, ", "x.bind: read back, 100 %, ", "x.bind: 10 %, "} {
		if len(lines) != 4 || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("%q, want %q", lines, want)
		}
	}
	c, out, _ := testConsole()
	c.JSON = true
	p = c.StartProgress("x.bind", "", 200, func(doc any) { _ = c.Emit(doc, nil) })
	p.Update(200)
	p.UpdateRead(50)
	p.Show()
	p.End()
	if want := `{"schema":1,"event":"progress","sent":200,"size":200,"read_back":50}` + "\n"; out.String() != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// A bar fits on one line, whatever the terminal's width, and is gone at the end.
func TestProgressBar(t *testing.T) {
	for _, width := range []int{20, 30, 49, 50, 60, 69, 70, 80, 200} {
		c, _, errOut := testConsole()
		c.ErrTerminal, c.ErrWidth = true, func() int { return width }
		p := c.StartProgress("x.bind", "sent; waiting for the server", 987654321, nil)
		for _, sent := range []int64{1, 12345678, 987654320, 987654321} {
			p.Update(sent)
			p.Show()
		}
		for _, read := range []int64{1, 12345678, 987654321} {
			p.UpdateRead(read)
			p.Show()
		}
		if drawn := errOut.String(); width >= 30 && !strings.Contains(drawn, "read back") {
			t.Errorf("%d columns: %q", width, drawn)
		}
		p.End()
		pictures := strings.Split(errOut.String(), "\r")
		if len(pictures) < 5 {
			t.Errorf("%d columns: %q", width, pictures)
		}
		for _, picture := range pictures {
			if shown := Columns(strings.TrimRight(picture, " ")); shown > width {
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
	for name, change := range map[string]func(c *Console) *Console{
		"quiet":  func(c *Console) *Console { c.Quiet = true; return c },
		"silent": func(c *Console) *Console { c.JSON = true; return c.Silent() },
	} {
		c, out, errOut := testConsole()
		p := change(c).StartProgress("x.bind", "sent; waiting for the server", 100, nil)
		p.Update(50)
		p.Show()
		p.End()
		if out.String()+errOut.String() != "" {
			t.Errorf("%s: %q %q", name, out, errOut)
		}
	}
	c, _, errOut := testConsole()
	c.ErrTerminal, c.ErrWidth = true, func() int { return 19 }
	p := c.StartProgress("x.bind", "sent; waiting for the server", 100, nil)
	p.Update(50)
	p.Show()
	p.End()
	if !strings.HasSuffix(errOut.String(), "/s\n") {
		t.Errorf("on a very narrow terminal: %q", errOut)
	}
}

// As JSON it is an object each time, of what there is to send by then.
func TestProgressJSON(t *testing.T) {
	c, out, errOut := testConsole()
	c.JSON, c.Quiet = true, true
	p := c.StartProgress("x.bind", "", 100, func(doc any) { _ = c.Emit(doc, nil) })
	p.Show()
	p.Update(50)
	p.Show()
	p.Resize(200)
	p.Show()
	p.End()
	want := `{"schema":1,"event":"progress","sent":50,"size":100}` + "\n" + `{"schema":1,"event":"progress","sent":50,"size":200}` + "\n"
	if out.String() != want || errOut.String() != "" {
		t.Errorf("%q %q, want %q", out, errOut, want)
	}
}

// Time makes it move: every five seconds elsewhere than on a terminal.
func TestProgressInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, errOut := testConsole()
		p := c.StartProgress("x.bind", "sent", 100, nil)
		p.Update(50)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		p.End()
		if n := strings.Count(errOut.String(), "x.bind: 50 %, 50 bytes of 100 bytes, "); n != 2 {
			t.Errorf("%d lines after 11 s\n%s", n, errOut)
		}
	})
}

// A bar makes room for what is said, and a new size is drawn from then on.
func TestProgressAside(t *testing.T) {
	c, _, errOut := testConsole()
	c.ErrTerminal, c.ErrWidth = true, func() int { return 80 }
	p := c.StartProgress("x.bind", "sent", 1000, nil)
	p.Update(500)
	p.Show()
	p.Resize(2000)
	p.Show()
	p.WithoutBar(func() { c.NoteAbout("note", "phone", "restarting") })
	p.End()
	said := strings.Split(errOut.String(), "note: phone: restarting\n")
	if len(said) != 2 || !strings.Contains(said[0], "50%") || !strings.Contains(said[0], "25%") || !strings.HasSuffix(said[0], "\r") {
		t.Errorf("%q", errOut)
	}
}

// TestStatusForms checks that a status is shown in the longest form that fits, also after the terminal was resized, and that no picture
// is wider than the terminal is then.
func TestStatusForms(t *testing.T) {
	c, _, errOut := testConsole()
	width := 80
	c.ErrTerminal, c.ErrWidth = true, func() int { return width }
	p := c.StartStatus(100, "")
	p.SetStatus("wave 2/4: 37 updated, 2 failed, 16 on their way, 27 waiting", "2/4: 37 updated, 2 failed", "2/4: 会議室会議室会議室")
	for _, step := range []struct {
		width      int
		want, lost string
	}{
		{80, "wave 2/4: 37 updated, 2 failed, 16 on their way, 27 waiting  10% [", ""},
		{41, "2/4: 37 updated, 2 failed  10% [", "wave"},
		{30, "2/4: 会議室...  10% [", "37"},
		{19, "", "2/4"},
		{100, "wave 2/4: 37 updated, 2 failed, 16 on their way, 27 waiting  10% [", ""},
	} {
		before := errOut.Len()
		narrower := step.width < width
		width = step.width
		p.Update(10)
		p.Show()
		p.WithoutBar(func() {})
		p.Show()
		drawn := errOut.String()[before:]
		if !strings.Contains(drawn, step.want) || step.lost != "" && strings.Contains(drawn, step.lost) {
			t.Errorf("%d columns: %q", width, drawn)
		}
		if lines := strings.Count(drawn, "\n"); lines > 1 || lines == 1 && !narrower {
			t.Errorf("%d columns: %d lines: %q", width, lines, drawn)
		}
		for _, picture := range strings.Split(drawn, "\r") {
			if Columns(strings.TrimSuffix(picture, "\n")) > width {
				t.Errorf("%d columns: a picture of %d: %q", width, Columns(picture), picture)
			}
		}
	}
	p.End()
}

// TestBarWriter clears what a bar has drawn, on Windows too, where the library only returns to the beginning of the line.
func TestBarWriter(t *testing.T) {
	t.Parallel()
	for system, want := range map[string]string{
		"windows": "\rlång bar 10%\r            \r\rbar\r            \r",
		"linux":   "\rlång bar 10%\r\rbar\r",
	} {
		var out strings.Builder
		w := barWriter(&out, system)
		for _, picture := range []string{"\rlång bar 10%", "\r", "\rbar", "\r"} {
			if n, err := io.WriteString(w, picture); err != nil || n != len(picture) {
				t.Fatal(n, err)
			}
		}
		if out.String() != want {
			t.Errorf("%s: %q, want %q", system, out.String(), want)
		}
	}
}
