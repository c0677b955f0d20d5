package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestRolloutChangedPhones changes what is at the address of a phone, after the plan and between two runs: another phone is left alone,
// and a phone that somebody else updated is not instructed. A second phone shows that the rollout goes on.
func TestRolloutChangedPhones(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	oldOne, newOne, between, newer, other := version(t, versionOld), version(t, versionNew), version(t, "V1 R6.0.0"), version(t, "V1 R10.0.0"), "00:1A:E8:77:77:77"
	for name, row := range map[string]struct {
		unlisted bool          // the list has no MAC address; the plan knows what the phone says
		at       time.Duration // the first run is stopped then; 0: there is none
		mac      string        // of what is there afterwards, "": the same phone
		runs     bind.Version
		end      string // outcome in the status, or kind of failure
		code     exit.Code
		says     string
		told     int // how often what is there afterwards is instructed
	}{
		"after the plan, another phone":              {mac: other, runs: oldOne, end: "another-phone", code: exit.CodePartial, says: other},
		"after the plan, another phone, unlisted":    {unlisted: true, mac: other, runs: oldOne, end: "another-phone", code: exit.CodePartial, says: other},
		"after the plan, another phone, up to date":  {mac: other, runs: newOne, end: "another-phone", code: exit.CodePartial, says: other},
		"after the plan, updated":                    {runs: newOne},
		"after the plan, a version between":          {runs: between, told: 1},
		"after the plan, a newer version":            {runs: newer, end: "refused", code: exit.CodePartial, says: "downgrade"},
		"before the command, another phone":          {at: time.Second, mac: other, runs: oldOne, end: "another-phone", code: exit.CodePartial, says: other},
		"before the command, updated":                {at: time.Second, runs: newOne},
		"after the command, another phone":           {at: 20 * time.Second, mac: other, runs: oldOne, end: "another-phone", code: exit.CodePartial, says: other},
		"after the command, another phone, updated":  {at: 20 * time.Second, mac: other, runs: newOne, end: "another-phone", code: exit.CodePartial, says: other},
		"after the command, a third version":         {at: 20 * time.Second, runs: between, end: "unproven", code: exit.CodePartial, says: "runs V1 R6.0.0 now"},
		"after the command, updated by somebody":     {at: 20 * time.Second, runs: newOne},
		"after the command, it lost the new version": {at: 20 * time.Second, runs: oldOne, end: "unproven", code: exit.CodePartial, says: "still runs " + versionOld},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				folder := s.t.TempDir()
				first, second := s.phone("", nil), s.phone("", nil)
				if row.unlisted {
					list := listOf(s.t, "address,model,hw_level", first.Address()+",CP600,3", second.Address()+",CP600,3")
					if r := s.rollout(s.t.Context(), folder, 0, "plan", image, "--phones", list, "--name", "spring", "--pause", "none", "--stop-on", "any=100"); r.code != exit.CodeOK {
						s.t.Fatalf("plan: %d\n%s", r.code, r.errOut)
					}
				} else {
					s.plan(folder, 0, image, []*phonesim.Phone{first, second})
				}
				if row.at > 0 {
					ctx, stop := context.WithTimeout(s.t.Context(), row.at)
					defer stop()
					if r := s.rollout(ctx, folder, 0, "run", "spring"); r.code != exit.CodeInterrupted {
						s.t.Fatalf("the first run ends with %d\n%s", r.code, r.errOut)
					}
				}
				if told := first.State().Instructed; (told > 0) != (row.at > 10*time.Second) {
					s.t.Fatalf("the first run instructed the phone %d times", told)
				}
				mac := first.State().MAC
				if row.mac != "" {
					mac = row.mac
				}
				_ = first.Close()
				time.Sleep(time.Minute)
				now := s.phone("", func(c *phonesim.Config) { c.Listen, c.MAC, c.Version = "10.0.0.1:8085", mac, row.runs })
				r := s.rollout(s.t.Context(), folder, 0, "run", "spring")
				says := strings.Join(strings.Fields(r.out), " ")
				if r.code != row.code || row.end != "" && !strings.Contains(says, row.end+" 10.0.0.1:8085") || !strings.Contains(says, row.says) {
					s.t.Errorf("exit code %d, want %d, %s, %q\n%s%s", r.code, row.code, row.end, row.says, r.out, r.errOut)
				}
				if told := now.State().Instructed; told != row.told || (row.told == 0) != (now.State().Version == row.runs) {
					s.t.Errorf("what is there now was instructed %d times, and runs %s", told, now.State().Version)
				}
				if state := second.State(); state.Instructed != 1 || state.Version != newOne {
					s.t.Errorf("the second phone was instructed %d times, and runs %s", state.Instructed, state.Version)
				}
				if report := s.rollout(s.t.Context(), folder, 0, "report", "spring", "--json"); report.code != exit.CodeOK || row.end != "" && !strings.Contains(report.out, `"cause": "`+row.end+`"`) {
					s.t.Errorf("the report: %d\n%s", report.code, report.out)
				}
			})
		})
	}
}
