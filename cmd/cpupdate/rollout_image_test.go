package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestRolloutWithoutItsImage runs rollouts whose image cannot be read any more, or is another one: they end with exit code 3, and begin
// nothing. Once the file is back, the rollout goes on.
func TestRolloutWithoutItsImage(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(phoneImage(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		spoil func(file string) error
		says  string
	}{
		"removed":    {os.Remove, "no such file"},
		"a folder":   {func(file string) error { return cmp.Or(os.Remove(file), os.Mkdir(file, 0o700)) }, "is a folder"},
		"cut":        {func(file string) error { return os.Truncate(file, int64(len(good)/2)) }, ""},
		"empty":      {func(file string) error { return os.Truncate(file, 0) }, ""},
		"one bit":    {func(file string) error { return os.WriteFile(file, flipped(good), 0o600) }, ""},
		"other file": {func(file string) error { return os.WriteFile(file, append(good[:len(good):len(good)], 0), 0o600) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				folder := s.t.TempDir()
				image := filepath.Join(folder, "cp.bind")
				if err := os.WriteFile(image, good, 0o600); err != nil {
					s.t.Fatal(err)
				}
				phones := []*phonesim.Phone{s.phone("", nil), s.phone("", nil)}
				list := listOf(s.t, "address,model,hw_level,running,software_type", phones[0].Address()+",CP600,3,"+versionOld+",Unify HFA", phones[1].Address()+",CP600,3,"+versionOld+",Unify HFA")
				run := func(args ...string) ran {
					a, out, errOut := s.app()
					a.record.Folder = folder
					certificate, key := clitest.ServiceFiles(s.t)
					if args[1] == "run" {
						args = append(args, "--service-cert", certificate, "--service-key", key)
					}
					return ran{run(s.t.Context(), a, args), out.String(), errOut.String()}
				}
				if r := run("rollout", "plan", image, "--phones", list, "--offline", "--name", "spring", "--pause", "none"); r.code != exit.CodeOK {
					s.t.Fatal(r.errOut)
				}
				if err := row.spoil(image); err != nil {
					s.t.Fatal(err)
				}
				r := run("rollout", "run", "spring")
				if r.code != exit.CodeImage || !strings.Contains(r.errOut, row.says) || !strings.Contains(r.errOut, "\nhint: ") {
					s.t.Errorf("exit code %d\n%s", r.code, r.errOut)
				}
				for _, p := range phones {
					if state := p.State(); state.Contacts > 0 {
						s.t.Errorf("a phone was contacted %d times", state.Contacts)
					}
				}
				if kinds := kindsOf(s.t, folder, "spring"); kinds != "planned listed listed" {
					s.t.Errorf("recorded: %s", kinds)
				}
				_ = os.RemoveAll(image)
				if err := os.WriteFile(image, good, 0o600); err != nil {
					s.t.Fatal(err)
				}
				if r := run("rollout", "run", "spring"); r.code != exit.CodeOK || phones[0].State().Version.String() != versionNew || phones[1].State().Version.String() != versionNew {
					s.t.Errorf("with its image: exit code %d\n%s%s", r.code, r.out, r.errOut)
				}
			})
		})
	}
}

// TestRolloutImageChanges writes into the image while the first phone calls: the run ends with exit code 3, and no phone is instructed.
func TestRolloutImageChanges(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(phoneImage(t))
	if err != nil {
		t.Fatal(err)
	}
	inMemory(t, func(s *site) {
		folder := s.t.TempDir()
		image := filepath.Join(folder, "cp.bind")
		if err := os.WriteFile(image, good, 0o600); err != nil {
			s.t.Fatal(err)
		}
		spoil := func(e phonesim.Event) {
			if e.Kind == phonesim.Contacted {
				_ = os.WriteFile(image, flipped(good), 0o600)
			}
		}
		list := []string{"address,model,hw_level,running,software_type"}
		var phones []*phonesim.Phone
		for range 3 {
			p := s.phone("", func(c *phonesim.Config) { c.Event = spoil })
			phones, list = append(phones, p), append(list, p.Address()+",CP600,3,"+versionOld+",Unify HFA")
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
		if r := run("rollout", "plan", image, "--phones", listOf(s.t, list...), "--offline", "--name", "spring", "--pause", "none", "--parallel", "1"); r.code != exit.CodeOK {
			s.t.Fatal(r.errOut)
		}
		r := run("rollout", "run", "spring")
		instructed, contacted := 0, 0
		for _, p := range phones {
			instructed += p.State().Instructed
			contacted += min(p.State().Contacts, 1)
		}
		if r.code != exit.CodeImage || instructed > 0 || contacted != 1 || !strings.Contains(r.errOut, "cpupdate rollout run spring") {
			s.t.Errorf("exit code %d, %d contacted, %d instructed\n%s%s", r.code, contacted, instructed, r.out, r.errOut)
		}
	})
}

// flipped returns an image with one bit changed, behind its header.
func flipped(image []byte) []byte {
	changed := append([]byte(nil), image...)
	changed[len(changed)-1] ^= 1
	return changed
}

// kindsOf returns what is recorded of a rollout, kind by kind.
func kindsOf(t *testing.T, folder, rollout string) string {
	t.Helper()
	ledger, err := sqlite.Open(t.Context(), filepath.Join(folder, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	var kinds []string
	for r, err := range ledger.ReadAll(t.Context(), rollout) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, string(r.Event.Body.Kind()))
	}
	return strings.Join(kinds, " ")
}
