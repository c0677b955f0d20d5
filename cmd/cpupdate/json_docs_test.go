package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/internal/schemas"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestDocsJSON pushes to simulated phones on good and on bad days, and compares the lines of --json with docs/json.md: each
// event is on the page with the fields that it has, and none that it has never.
func TestDocsJSON(t *testing.T) {
	t.Parallel()
	section := clitest.Section(t, "json.md", "### A push to phones")
	want := schemas.EventsOfPage(section)
	for _, step := range append(constantsOf(t, "event.go", "Step"), "summary") {
		if want[step] == nil {
			t.Errorf("json.md does not know the event %s", step)
		}
	}
	for _, outcome := range constantsOf(t, "event.go", "Outcome") {
		if !strings.Contains(section, "`"+outcome+"`") {
			t.Errorf("json.md does not know the outcome %s", outcome)
		}
	}
	seen := &seenFields{events: map[string][]string{}}
	password := clitest.File(t, "secret", []byte(webPassword))
	image := filepath.Join(t.TempDir(), "a.bind")
	runHere(t, nil, "pack", clitest.File(t, "app.bin", make([]byte, 3<<20)), "-o", image, "-q",
		"--software-type", "Unify HFA", "--software-version", "V1 R9.2.0", "--hw-levels", "1-3")
	t.Run("runs", func(t *testing.T) {
		for _, test := range []struct {
			faults string
			args   []string
			code   exit.Code
		}{
			{"", []string{"--hw-level", "9", "--override", "--reason", "measured"}, exit.CodeOK},
			{"accepts", nil, exit.CodeOK},
			{"busy-forever", nil, exit.CodeUnreachable},
			{"cut-mid-download", nil, exit.CodeUnreachable},
			{"tls-1.0-only", nil, exit.CodeSettings},
			{"ignores-contact overload", nil, exit.CodeUnreachable},
			{"no-contact-port", []string{"--web", "--verbose"}, exit.CodeOK},
			{"web-cuts", []string{"--web"}, exit.CodeUnreachable},
		} {
			t.Run(test.faults, func(t *testing.T) {
				t.Parallel()
				seen.push(t, image, password, strings.Fields(test.faults), test.args, test.code)
			})
		}
	})
	// An unknown key needs a second program, and a page that breaks off with the last byte depends on timing.
	var out bytes.Buffer
	show := runview.NewReport(&console.Console{Out: &out, JSON: true}, []fleet.Target{{Address: "phone"}}, nil, 0, func(err error) { t.Error(err) })
	show.Event(fleet.Event{Step: fleet.StepAnswered, Err: errors.New("why")})
	show.Event(fleet.Event{Phone: fleet.NoPhone, Step: fleet.StepUnknownCaller, Err: errors.New("who")})
	show.Event(fleet.Event{Step: fleet.StepSettling, Err: errors.New("why")})
	seen.lines(t, out.String())
	seen.earlier(t, image)
	for event, fields := range want {
		got := seen.events[event]
		slices.Sort(got)
		if !slices.Equal(got, fields) {
			t.Errorf("the event %s has the fields %q, on the page %q", event, got, fields)
		}
	}
	for event := range seen.events {
		if want[event] == nil {
			t.Errorf("the event %s is not on the page", event)
		}
	}
}

// seenFields are the fields that each event had.
type seenFields struct {
	mu     sync.Mutex
	events map[string][]string
}

// push pushes to one simulated phone.
func (s *seenFields) push(t *testing.T, image, password string, faults, args []string, want exit.Code) {
	inMemory(t, func(site *site) {
		phone, pin := site.pagePhone(strings.Join(faults, " "), func(c *phonesim.Config) { c.PartNumber = "" })
		all := []string{"push", image, phone.Address(), "--json"}
		if slices.Contains(args, "--web") {
			all = append(all, "--pin", pin, "--password-file", password)
		} else {
			all = append(all, "--serve")
		}
		if !slices.Contains(args, "--hw-level") {
			all = append(all, "--hw-level", "3")
		}
		r := site.run(site.t.Context(), append(all, args...)...)
		if r.code != want {
			t.Errorf("exit code %d, want %d\n%s%s", r.code, want, r.out, r.errOut)
		}
		s.lines(site.t, r.out)
	})
}

// earlier pushes to phones that a run that was killed instructed.
func (s *seenFields) earlier(t *testing.T, image string) {
	for _, runs := range []string{versionOld, versionNew} {
		inMemory(t, func(site *site) {
			folder := site.t.TempDir()
			phone := site.phone("", func(c *phonesim.Config) { c.Version = version(site.t, runs) })
			killedRun(site.t, folder, phone.Address(), time.Minute, journal.Listed{Address: phone.Address()}, journal.Reported{Device: was(1)}, journal.Instructing{Version: versionNew})
			s.lines(site.t, site.push(folder, image, phone.Address(), "--serve", "--hw-level", "3", "--json").out)
		})
	}
}

// lines notes the fields of the lines of an answer.
func (s *seenFields) lines(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Errorf("%v in %s", err, line)
		}
		s.note(doc)
	}
}

func (s *seenFields) note(doc map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event, _ := doc["event"].(string)
	for field := range maps.Keys(doc) {
		if !slices.Contains(s.events[event], field) {
			s.events[event] = append(s.events[event], field)
		}
	}
}
