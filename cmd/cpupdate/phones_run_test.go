package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// The versions that tests move phones between.
const (
	versionOld = "V1 R4.9.0"
	versionNew = "V1 R9.2.0"
)

// startPhone starts a phone that takes an image of levels 1-3, with faults parted by blanks. Its restarts are long enough
// to be seen; a call that it is in ends as soon as it has said so, but for the fault busy-forever.
func startPhone(t *testing.T, faults string, change func(c *phonesim.Config)) *phonesim.Phone {
	t.Helper()
	c := phonesim.Config{
		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01",
		PartNumber: "S30817-S7720-A101-4", SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9},
		Level: 3, RestartTime: 1500 * time.Millisecond, InstallTime: 10 * time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	for _, name := range strings.Fields(faults) {
		if err := c.AddFault(name); err != nil {
			t.Fatal(err)
		}
	}
	busy, tell := make(chan struct{}, 1), c.Event
	c.Event = func(e phonesim.Event) {
		if tell != nil {
			tell(e)
		}
		if e.Kind == phonesim.Busy {
			select {
			case busy <- struct{}{}:
			default:
			}
		}
	}
	p := start(t, c)
	if !strings.Contains(faults, "busy-forever") {
		go hangUp(t.Context(), p, busy)
	}
	return p
}

func hangUp(ctx context.Context, p *phonesim.Phone, busy <-chan struct{}) {
	select {
	case <-busy:
		p.HangUp()
	case <-ctx.Done():
	}
}

// phoneImage writes an image for levels 1-3, large enough to be cut half way.
func phoneImage(t *testing.T) string {
	t.Helper()
	return newImageOf(t, 3<<20)
}

// newImageOf writes an image for levels 1-3.
func newImageOf(t *testing.T, size int) string {
	t.Helper()
	payload := clitest.File(t, "payload", make([]byte, size))
	image := filepath.Join(t.TempDir(), "cp600.bind")
	r := runHere(t, nil, "pack", payload, "-q", "-o", image, "--family", "OpenScape Desk Phone CP", "--model", "CP600",
		"--software-type", "Unify HFA", "--software-version", versionNew, "--hw-levels", "1-3")
	if r.code != exit.CodeOK {
		t.Fatal(r.errOut)
	}
	return image
}

// serviceFlags are those of a certificate that is made once, since making one takes long, of a free port, and of
// patience: enough of it for a slow machine, unless a test wants to see its end.
func serviceFlags(t *testing.T) []string {
	t.Helper()
	certificate, key := clitest.ServiceFiles(t)
	return []string{
		"--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0", "--timeout", "10s",
		"--contact-interval", "1s", "--patience", "20s", "--probe-interval", "200ms",
	}
}

// A pushLine is what tests look at of a line of push --json.
type pushLine struct {
	Event    string
	Phone    string
	Outcome  string
	Told     *bool
	Error    *exit.ErrorDoc
	Why      string
	Verdict  string
	Outcomes map[string]int
	Failures map[string]int
}

// pushLines reads the answer of push --json: nothing but JSON, without characters that move a terminal's cursor.
func pushLines(t *testing.T, out string) []pushLine {
	t.Helper()
	var lines []pushLine
	for text := range strings.Lines(out) {
		var line pushLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		lines = append(lines, line)
	}
	checkPlain(t, out)
	return lines
}

// checkPlain finds control characters, and the password that a phone tells.
func checkPlain(t *testing.T, text string) {
	t.Helper()
	if problem := notPlain(text); problem != "" {
		t.Error(problem)
	}
}

// notPlain says what is in an output that must not be there.
func notPlain(text string) string {
	if strings.Contains(text, phonesim.CanaryPassword) {
		return "a phone's password is shown"
	}
	for i, r := range text {
		if r != '\n' && !bind.Prints(r) {
			return fmt.Sprintf("byte %d is %U, in %q", i, r, text[max(0, i-40):min(len(text), i+40)])
		}
	}
	return ""
}

// stepsOf are the steps of the only phone, one of those that repeat at once. Trouble and silence come when they come, and
// of a quick fetch only the end may be seen: they are left out.
func stepsOf(lines []pushLine) string {
	var steps []string
	for _, line := range lines {
		last := len(steps) - 1
		switch {
		case line.Phone == "", line.Event == "trouble", line.Event == "silent", last >= 0 && steps[last] == line.Event:
		case line.Event == "fetched" && last >= 0 && steps[last] == "fetching":
			steps[last] = line.Event
		default:
			steps = append(steps, line.Event)
		}
	}
	return strings.Join(steps, " ")
}

// lastLine is the last line of a phone.
func lastLine(t *testing.T, lines []pushLine) pushLine {
	t.Helper()
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].Phone != "" {
			return lines[i]
		}
	}
	t.Fatal("no line is about the phone")
	return pushLine{}
}

// listOf writes a phone list.
func listOf(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "phones.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
