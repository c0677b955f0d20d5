package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// A rolloutSite is phones of another process, and a rollout to them that is planned: "spring", without questions and limits.
type rolloutSite struct {
	*swarm
	image, journal string
	flags          []string // of runs
}

// newSite starts phones, and plans a rollout of an image of 1 MiB to them.
func newSite(t *testing.T, phones int, flags ...string) *rolloutSite {
	t.Helper()
	return newSiteOf(t, newSwarm(t, phones), newImageOf(t, 1<<20), t.TempDir(), flags...)
}

// newSiteOf is newSite with phones that were started, an image, and the journal in a folder.
func newSiteOf(t *testing.T, phones *swarm, image, folder string, flags ...string) *rolloutSite {
	t.Helper()
	s := &rolloutSite{swarm: phones, image: image, journal: folder + "/journal.db"}
	certificate, key := clitest.ServiceFiles(t)
	s.flags = []string{
		"--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0",
		"--contact-interval", "100ms", "--patience", "20s", "--probe-interval", "50ms",
	}
	plan := []string{"plan", s.image, "--phones", s.list, "--offline", "--name", "spring", "--pause", "none", "--stop-on", "any=1000"}
	if r := s.here(append(plan, flags...)...); r.code != exit.CodeOK {
		t.Fatalf("plan: %d\n%s", r.code, r.errOut)
	}
	return s
}

// args returns the command line of a command of rollout.
func (s *rolloutSite) args(args ...string) []string {
	args = append([]string{"rollout"}, append(args, "--journal", s.journal)...)
	if args[1] == "run" {
		args = slices.Insert(args, 2, s.flags...) // what the caller says comes after them
	}
	return args
}

// here runs a command of rollout in the test process.
func (s *rolloutSite) here(args ...string) ran {
	s.t.Helper()
	a, out, errOut := testApp(s.t, nil)
	c := run(s.t.Context(), a, s.args(args...))
	return ran{c, out.String(), errOut.String()}
}

// A rolloutProcess is a command in a process of its own.
type rolloutProcess struct {
	cmd         *exec.Cmd
	out, errOut bytes.Buffer
	ended       chan struct{} // closed when it has ended
	err         error
}

// start starts a command of rollout in a process of its own.
func (s *rolloutSite) start(args ...string) *rolloutProcess {
	s.t.Helper()
	return startCommand(s.t, s.args(args...)...)
}

// startCommand starts a process that nobody asks anything.
func startCommand(t *testing.T, args ...string) *rolloutProcess {
	t.Helper()
	p := &rolloutProcess{cmd: exec.CommandContext(t.Context(), "cpupdate", args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errOut
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// wait waits until the process has ended. The code of one that a signal ended is -1.
func (p *rolloutProcess) wait() ran {
	<-p.ended
	code := exit.CodeOK
	if failure := (*exec.ExitError)(nil); errors.As(p.err, &failure) {
		code = exit.Code(failure.ExitCode())
	}
	return ran{code, p.out.String(), p.errOut.String()}
}

// agree ends the phones, and compares them with journal and report: each runs the new version, and everybody says so.
func (s *rolloutSite) agree() {
	s.t.Helper()
	states := s.end()
	s.compare(s.journal, states)
	r := s.here("report", "spring", "--json")
	var doc report.Report
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil || r.code != exit.CodeOK {
		s.t.Fatalf("report: %d, %v\n%s", r.code, err, r.errOut)
	}
	if len(doc.Phones) != len(states) || doc.State != report.Complete {
		s.t.Errorf("the report has %d phones of %d, and is %s", len(doc.Phones), len(states), doc.State)
	}
	for _, phone := range doc.Phones {
		if state := states[phone.Address]; phone.After != state.Version || phone.Outcome != report.Updated && phone.Outcome != report.NothingToDo {
			s.t.Errorf("%s runs %s, and the report says %s, %s", phone.Address, state.Version, phone.Outcome, phone.After)
		}
	}
}

// saysLines looks for lines in a text.
func saysLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !regexp.MustCompile("(?m)" + line).MatchString(text) {
			t.Errorf("there is no line %q in\n%s", line, text)
		}
	}
}
