package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// A siteOfDocs is the site of docs/rollouts.md: 412 simulated phones, an export of another program that names them, and a
// folder of images. The page calls the networks 127.N.2.0/24 and 127.NN.100.0/24 as documents do.
type siteOfDocs struct {
	*docShell
	typed, shown *strings.Replacer // addresses of the page as they are here, and back
}

const sitePhones = 412

func newSiteOfDocs(t *testing.T) *siteOfDocs {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a loopback address for each phone")
	}
	one, two := freeNetworks(t)
	s := &siteOfDocs{docShell: newDocShell(t), typed: strings.NewReplacer("192.0.2.", one, "198.51.100.", two), shown: strings.NewReplacer(one, "192.0.2.", two, "198.51.100.", "\r", "")}
	var list strings.Builder
	list.WriteString("IP;MAC Address;Device;Board;Room\r\n")
	for i := range sitePhones {
		address, device := fmt.Sprintf("%s%d", one, i+1), "CP600"
		if i >= 254 {
			address = fmt.Sprintf("%s%d", two, i-253)
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
	s.terminal("cpupdate simulate --phones export.csv --columns 'address=IP,mac=MAC Address,model=Device,hw_level=Board,note=Room' --restart-time 1500ms --install-time 100ms" +
		" --fault 20=reject-image --fault 40=reject-image --fault 60=reject-image --fault 300=no-contact-port --fault 350=never-comes-back")
	return s
}

// freeNetworks returns the beginnings of two networks of loopback addresses in which nobody listens for contact requests. They are as long as
// those of the page.
func freeNetworks(t *testing.T) (one, two string) {
	t.Helper()
	for n := range 9 {
		one, two := fmt.Sprintf("127.%d.2.", n+1), fmt.Sprintf("127.%d.100.", 10*(n+1))
		first, err := new(net.ListenConfig).Listen(t.Context(), "tcp", one+"1:8085")
		if err != nil {
			continue
		}
		_ = first.Close()
		return one, two
	}
	t.Fatal("no network of loopback addresses is free")
	return "", ""
}

// run runs a line of the page.
func (s *siteOfDocs) run(line string) string {
	s.t.Helper()
	line = s.typed.Replace(line)
	if strings.HasPrefix(line, "cpupdate rollout run ") {
		run, rest, _ := strings.Cut(line, ";")
		line = run + forTests + ";" + rest
	}
	return s.asOnPage(s.docShell.run(line))
}

// interrupted runs a line, presses Ctrl-C when it waits for somebody, and returns what it prints.
func (s *siteOfDocs) interrupted(line string) string {
	s.t.Helper()
	line = s.typed.Replace(line) + forTests
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	cmd := s.command(ctx, "exec "+line)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out waits
	out.on, out.text = cancel, "rollout resume"
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // interrupted
	return s.asOnPage(out.String())
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
const forTests = " --listen 127.0.0.1:0 --contact-interval 1s --probe-interval 200ms --patience 20s"

// asOnPage returns what was printed as the page shows it.
func (s *siteOfDocs) asOnPage(text string) string {
	text = s.shown.Replace(text)
	for _, r := range []struct{ pattern, by string }{
		{`\bwithin 20 s\b`, "within 10 min"}, // the default
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
