//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestDocsPhones runs the commands of docs/phones.md with simulated phones in the place of 192.0.2.50 and those after it,
// and with shorter times to wait; the server of the page is a real one. What they print is what the page shows.
func TestDocsPhones(t *testing.T) {
	t.Parallel() // what it does most is wait
	page := readPage(t, "phones.md")
	t.Run("phones", func(t *testing.T) {
		run := newDocShell(t).run
		site := startPageSite(t, "", "", "reboots-with-old-version")
		run(`head -c 300000 /dev/zero > app.bin && cpupdate pack app.bin -q -o cp600.bind --model CP600 --software-type "Unify HFA" --software-version "V1 R9.2.0" --hw-levels 1-3,5`)
		run("cat > site.csv <<'END'\n" + site.real(page.block(t, "list")) + "END\n")
		page.compare(t, "phones", 5, func(line string) string { return site.run(line, run) })
	})
	t.Run("server", func(t *testing.T) {
		realservers.Require(t, realservers.VSFTPD)
		server := newPageSite(t, readPage(t, "servers.md"))
		server.vsftpd("vsftpd-plain")
		site := startPageSite(t, "")
		page.compare(t, "server", 1, func(line string) string { return site.run(line, server.shell) })
	})
}

// TestDocsPhonesCI runs the job of docs/ci.md that has phones, one of which refuses.
func TestDocsPhonesCI(t *testing.T) {
	t.Parallel() // what it does most is wait
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI jq must be installed")
		}
		t.Skip("jq is not installed, and the job uses it")
	}
	run := newDocShell(t).run
	site := startPageSite(t, "", "refuse-deployment")
	run(`head -c 300000 /dev/zero > app.bin && cpupdate pack app.bin -q -o cp600.bind --software-type "Unify HFA" --software-version "V1 R9.2.0" --hw-levels 3`)
	run("printf 'address,hw_level\\n%s,3\\n%s,3\\n' " + site.real("192.0.2.50 192.0.2.51") + " > site.csv")
	script := strings.Replace(readPage(t, "ci.md").block(t, "phones"), "--serve", "--serve"+site.short(), 1)
	out := strings.ReplaceAll(run("("+script+"); echo \"exit code $?\""), site.prefix, "192.0.2.")
	want := "192.0.2.51 8 192.0.2.51: it refused the update\n" +
		`{"schema":1,"event":"summary","phones":2,"outcomes":{"updated":1},"failures":{"not-taken":1},"code":10,"name":"partial","time":"","image":{"file":"cp600.bind","software_type":"Unify HFA","software_version":"V1 R9.2.0",` +
		`"payload_sha256":"886715e4051e827f4fe215df3053af3f85ad0d352db2c829c7487af6d78efe30"},"tool_version":""}` + "\nexit code 10\n"
	got := ""
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, `{"note"`) && !strings.HasPrefix(line, `{"schema":1,"error"`) { // standard error
			got += regexp.MustCompile(`"(time|tool_version)":"[^"]+"`).ReplaceAllString(line, `"$1":""`)
		}
	}
	if got != want {
		t.Errorf("the job prints\n%s, want\n%s", got, want)
	}
}

// A phoneSite is simulated phones at addresses of their own, as long as those that the page shows.
type phoneSite struct {
	t      *testing.T
	prefix string // of their addresses, instead of 192.0.2.
}

// startPageSite starts a phone for each fault, "" for none, at .50 and after it, with the port of real phones.
func startPageSite(t *testing.T, faults ...string) *phoneSite {
	t.Helper()
	var err error
	for range 50 {
		s := &phoneSite{t, fmt.Sprintf("127.%d.%d.", 1+rand.IntN(9), 1+rand.IntN(9))}
		if err = s.start(faults); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

func (s *phoneSite) start(faults []string) error {
	for i, fault := range faults {
		config := phonesim.Config{
			Listen: fmt.Sprintf("%s%d:8085", s.prefix, 50+i), MAC: fmt.Sprintf("00:1A:E8:00:00:%02d", 1+i),
			DeviceType: "OpenScape Desk Phone CP600", SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9},
			PartNumber: "S30817-S7720-A101-4", Level: 3, RestartTime: 2 * time.Second,
		}
		if fault != "" {
			config.Faults = []phonesim.Fault{phonesim.Fault(fault)}
		}
		phone, err := phonesim.Start(config)
		if err != nil {
			return err
		}
		s.t.Cleanup(func() { _ = phone.Close() })
	}
	return nil
}

func (s *phoneSite) real(text string) string { return strings.ReplaceAll(text, "192.0.2.", s.prefix) }

// short are the flags that make waiting short.
func (s *phoneSite) short() string {
	return " --listen 127.0.0.1:0 --contact-interval 5s --probe-interval 20ms --patience 1m"
}

// run runs a line of the page, with shorter times, and returns what it prints as the page shows it.
func (s *phoneSite) run(line string, run func(string) string) string {
	command, after, _ := strings.Cut(line, ";")
	if after != "" {
		after = ";" + after
	}
	out := run(s.real(command) + s.short() + after)
	out = regexp.MustCompile(`(?m)^(note: this machine: phones call back on port|all phones: ).*\n`).ReplaceAllString(out, "")
	return strings.NewReplacer(s.prefix, "192.0.2.", "at most 1 min", "at most 10 min", "queried within 5 s", "queried within 1 min").Replace(out)
}
