//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestRolloutSignals ends a run while phones are on their way, as a terminal that closes and as a system that shuts down do, and goes on.
func TestRolloutSignals(t *testing.T) {
	t.Parallel()
	// Tests may have been started with nohup. What this process takes itself, those that it starts do not ignore.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	for _, with := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		t.Run(with.String(), func(t *testing.T) {
			t.Parallel()
			// Two waves, each 4 s: the signal arrives long before the run can be done.
			s := newSiteOf(t, newSwarm(t, 8, "--restart-time", "4s"), newImageOf(t, 1<<20), t.TempDir(), "--waves", "2,rest", "--parallel", "3", "--settle", "1s")
			p := s.start("run", "spring")
			s.next(s.count(), "restarting", "", p.ended)
			if err := p.cmd.Process.Signal(with); err != nil {
				t.Fatal(err)
			}
			r := p.wait()
			if r.code != exit.CodeInterrupted {
				t.Errorf("exit code %d\n%s", r.code, r.errOut)
			}
			saysLines(t, r.errOut, `^cpupdate: interrupted: the rollout is not complete(; [1-3] ha(s|ve) the update command.*)?$`, `^hint: to go on: cpupdate rollout run spring --journal \S+$`)
			s.finish()
		})
	}
}

// TestRolloutAfterKill kills a run while phones restart: the next one says that it only queries them, and goes on.
func TestRolloutAfterKill(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, newSwarm(t, 4, "--restart-time", "4s"), newImageOf(t, 1<<20), t.TempDir(), "--waves", "rest", "--parallel", "2", "--settle", "6s")
	p := s.start("run", "spring")
	s.next(s.count(), "restarting", "", p.ended)
	_ = p.cmd.Process.Kill() // it has not ended
	p.wait()
	r := s.start("run", "spring").wait()
	if r.code != exit.CodeOK && r.code != exit.CodePartial { // one whose fetch was cut off keeps its software
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	saysLines(t, r.errOut, `^note: the journal: an earlier run instructed [1-4] of 4 phones, and how that ended is not recorded: they are queried for up to 6 s \(--settle\) since then, and not instructed again$`)
	s.checkOnce()
	s.finish()
}

// finish carries a rollout out to its end, and compares journal, report and phones. What was cut off while it fetched is unproven: a
// person lets it begin anew.
func (s *rolloutSite) finish() {
	s.t.Helper()
	r := s.here("run", "spring")
	s.checkOnce()
	s.checkWaves()
	if r.code == exit.CodePartial {
		if r := s.here("retry", "spring"); r.code != exit.CodeOK {
			s.t.Fatalf("retry: %d\n%s", r.code, r.errOut)
		}
		r = s.here("run", "spring")
	}
	if r.code != exit.CodeOK {
		s.t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.agree()
}

// TestRolloutClosedPipe stops reading what a run says: the run follows its phones to their end, and the end says that not everything
// could be written.
func TestRolloutClosedPipe(t *testing.T) {
	t.Parallel()
	s := newSite(t, 8, "--waves", "2,rest", "--parallel", "3")
	cmd := exec.CommandContext(t.Context(), "cpupdate", s.args("run", "spring", "--json")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut strings.Builder
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, `"event":`) {
		t.Errorf("%v: %s", err, line)
	}
	_ = out.Close()
	_ = cmd.Wait() // its state says how it ended
	if r := (ran{exit.Code(cmd.ProcessState.ExitCode()), "", errOut.String()}); r.code != exit.CodeInternal || !strings.Contains(r.failure(t).Message, "writing the answer") {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
	s.checkOnce()
	s.checkWaves()
	s.agree()
}

// TestRolloutAsleep stops the process of a run, as a laptop sleeps, from the restart of a phone until that phone is back, and for longer
// than the process takes for a pause. Once awake, it goes on: no phone is instructed twice.
func TestRolloutAsleep(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, newSwarm(t, 4, "--restart-time", "4s"), newImageOf(t, 1<<20), t.TempDir(), "--waves", "rest", "--parallel", "2")
	p := s.start("run", "spring", "--patience", "8s")
	from := s.count()
	phone := s.next(from, "restarting", "", p.ended)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.next(from, "started", phone, p.ended)
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if r := p.wait(); r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	s.checkOnce()
	s.agree()
}
