package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// A siteOfDocs is the site of docs/rollouts.md: 412 simulated phones, an export of another program that names them, and a
// folder of images. The page calls the networks 127.0.2.0/24 and 127.51.100.0/24 as documents do.
type siteOfDocs struct {
	*docShell
}

const sitePhones = 412

func newSiteOfDocs(t *testing.T) *siteOfDocs {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a loopback address for each phone")
	}
	s := &siteOfDocs{docShell: newDocShell(t)}
	var list strings.Builder
	list.WriteString("IP;MAC Address;Device;Board;Room\r\n")
	for i := range sitePhones {
		address, device := fmt.Sprintf("127.0.2.%d", i+1), "CP600"
		if i >= 254 {
			address = fmt.Sprintf("127.51.100.%d", i-253)
		}
		switch {
		case i%8 == 7:
			device = "CP400"
		case i%23 == 22:
			device = "CP200"
		}
		fmt.Fprintf(&list, "%s;00-1a-e8-00-%02x-%02x;%s;3;%d.%02d\r\n", address, i/256, i%256, device, i/60+1, i%60+1)
	}
	if err := os.WriteFile(filepath.Join(s.folder, "export.csv"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.docShell.run("mkdir firmware; head -c 500000 /dev/zero > app.bin")
	for _, line := range []string{
		`-o firmware/cp600.bind --model CP600 --hw-levels 1-3,5`,
		`-o firmware/cp400.bind --model CP400 --hw-levels 1-4`,
	} {
		s.docShell.run(`cpupdate pack app.bin -q --software-type "Unify HFA" --software-version "V1 R9.2.0" --built 2026-03-02T09:14:00Z ` + line)
	}
	s.terminal("cpupdate simulate --phones export.csv --columns 'address=IP,mac=MAC Address,model=Device,hw_level=Board,note=Room' --restart-time 300ms --install-time 100ms" +
		" --fault 20=reject-image --fault 40=reject-image --fault 60=reject-image --fault 300=no-contact-port --fault 350=never-comes-back")
	return s
}

// run runs a line of the page.
func (s *siteOfDocs) run(line string) string {
	s.t.Helper()
	line = typed(line)
	if strings.HasPrefix(line, "cpupdate rollout run ") {
		run, rest, _ := strings.Cut(line, ";")
		line = run + forTests + ";" + rest
	}
	return asOnPage(s.docShell.run(line))
}

// interrupted runs a line, presses Ctrl-C when it waits for somebody, and returns what it prints.
func (s *siteOfDocs) interrupted(line string) string {
	s.t.Helper()
	line = typed(line) + forTests
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	cmd := s.command(ctx, "exec "+line)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out waits
	out.on, out.text = cancel, "rollout resume"
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // interrupted
	return asOnPage(out.String())
}

// waits keeps what is written, and calls a function when a text was.
type waits struct {
	strings.Builder
	text string
	on   func()
}

func (w *waits) Write(p []byte) (int, error) {
	n, err := w.Builder.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.on()
	}
	return n, err
}

// forTests are flags of rollout run that the page does not show: any port, and the patience of somebody who knows how fast the phones are.
const forTests = " --listen 127.0.0.1:0 --contact-interval 1s --probe-interval 200ms --patience 10s"

// typed returns a line of the page as it is run here.
func typed(line string) string {
	line = strings.ReplaceAll(line, "192.0.2.", "127.0.2.")
	return strings.ReplaceAll(line, "198.51.100.", "127.51.100.")
}

// asOnPage returns what was printed as the page shows it.
func asOnPage(text string) string {
	for _, r := range []struct{ pattern, by string }{
		{`\r`, ""}, // of the export
		{`\b127\.0\.2\.`, "192.0.2."},
		{`\b127\.51\.100\.`, "198.51.100."},
		{`\bwithin 10 s\b`, "within 10 min"}, // the default
		{`(?m)^(  by +)\S+ on \S+, `, "${1}ada on laptop, "},
		{`serve 127\.0\.0\.1:0`, "serve 0.0.0.0:18443"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.by)
	}
	return text
}

// TestRolloutsPage runs the story of docs/rollouts.md, with 412 simulated phones in a process of their own.
func TestRolloutsPage(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("412 phones take minutes with the race detector: the page is compared without it")
	}
	s := newSiteOfDocs(t)
	readPage(t, "rollouts.md").comparePhones(t, s)
}

// comparePhones compares the page with what its commands print.
func (p *docPage) comparePhones(t *testing.T, s *siteOfDocs) {
	t.Helper()
	comparePage(t, p.path, 10, func(info string) func(string) string {
		switch info {
		case "console site":
			return s.run
		case "console site interrupted":
			return s.interrupted
		}
		return nil
	})
}
