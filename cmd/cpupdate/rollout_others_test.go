package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// TestRolloutAndKilledPush runs a rollout with phones that a push instructed before it was killed, one of them with another version.
func TestRolloutAndKilledPush(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		folder := s.t.TempDir()
		list := []string{"address,model,hw_level,running,software_type"}
		for i, target := range []string{versionNew, "V1 R6.0.0", ""} {
			address := s.phone("", nil).Address()
			list = append(list, address+",CP600,3,"+versionOld+",Unify HFA")
			if target != "" {
				killedRun(s.t, folder, address, time.Minute, journal.Listed{Address: address}, journal.Begun{Run: "dead", Attempt: 1}, journal.Reported{Device: was(i + 1)},
					journal.Instructing{Run: "dead", Attempt: 1, Version: target})
				time.Sleep(time.Second) // the next run has another name
			}
		}
		run := func(args ...string) ran {
			a, out, errOut := s.app()
			a.record.Folder = folder
			certificate, key := clitest.ServiceFiles(s.t)
			if args[1] == "run" {
				args = append(args, "--service-cert", certificate, "--service-key", key)
			}
			return ran{run(s.t.Context(), a, args), out.String(), errOut.String()}
		}
		if r := run("rollout", "plan", image, "--phones", listOf(s.t, list...), "--offline", "--name", "spring", "--pause", "none", "--waves", "rest", "--stop-on", "unverified=3"); r.code != exit.CodeOK {
			s.t.Fatal(r.errOut)
		}
		r := run("rollout", "run", "spring")
		said := strings.Join(strings.Fields(r.errOut), " ")
		for _, want := range []string{"another run instructed 1 phone, and how that ended is not recorded", "1 phone waits for another run"} {
			if !strings.Contains(said, want) {
				s.t.Errorf("it does not say %q\n%s", want, r.errOut)
			}
		}
		if r.code != exit.CodePartial || !strings.Contains(r.out, "unproven") {
			s.t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
		}
		// A push is no rollout: nothing goes on with it by its name.
		for _, command := range []string{"run", "status", "pause", "retry", "report"} {
			if r := run("rollout", command, pushOf(s.t, folder)); r.code != exit.CodeSettings {
				s.t.Errorf("rollout %s of a push: %d\n%s", command, r.code, r.errOut)
			}
		}
	})
}

// pushOf returns the name of the push that was recorded last.
func pushOf(t *testing.T, folder string) string {
	t.Helper()
	ledger, err := sqlite.Open(t.Context(), filepath.Join(folder, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	for r, err := range ledger.Rollouts(t.Context(), journal.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(r.Name, "push-") {
			return r.Name
		}
	}
	t.Fatal("no push is recorded")
	return ""
}
