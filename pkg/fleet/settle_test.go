package fleet_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// otherVersion is neither what these phones ran nor what the image holds.
var otherVersion = bind.Version{Major: 1, Release: 6, Fix: 1}

// was is what the phones of these tests said before an earlier run instructed them.
func was(v bind.Version) fleet.Device {
	return fleet.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: hfa, Version: v.String(), MAC: macOf(1)}
}

// TestSettle takes phones that an earlier run instructed. They are queried, and never instructed again.
func TestSettle(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ago    time.Duration // how long ago it was instructed
		before bind.Version
		runs   bind.Version
		back   time.Duration // after which it can be reached, running the new version; 0: it runs what it runs
		down   bool          // it cannot be reached at all
		mac    string
		end    string
		says   string
		took   time.Duration // at most
		least  time.Duration
	}{
		"updated meanwhile":             {ago: 5 * time.Minute, before: oldVersion, runs: newVersion, end: "updated", took: 10 * time.Second},
		"updated long ago":              {ago: 40 * time.Hour, before: oldVersion, runs: newVersion, end: "updated", took: 10 * time.Second},
		"restarts now":                  {ago: time.Minute, before: oldVersion, back: 6 * time.Minute, end: "updated", took: 8 * time.Minute, least: 6 * time.Minute},
		"comes back at the last moment": {ago: time.Minute, before: oldVersion, back: 13*time.Minute + 30*time.Second, end: "updated", took: 15 * time.Minute, least: 13 * time.Minute},
		"old until it is settled":       {ago: 5 * time.Minute, before: oldVersion, runs: oldVersion, end: "unproven", says: "an earlier run instructed it at AT, and it still runs V1 R4.9.0", took: 10*time.Minute + 10*time.Second, least: 10 * time.Minute},
		"old, and long settled":         {ago: time.Hour, before: oldVersion, runs: oldVersion, end: "unproven", says: "at AT, and it still runs", took: 10 * time.Second},
		"never there":                   {ago: 5 * time.Minute, before: oldVersion, down: true, end: "no-answer", says: "does not report its version now: it cannot be reached", took: 21 * time.Minute, least: 10 * time.Minute},
		"ran it before":                 {ago: 5 * time.Minute, before: newVersion, runs: newVersion, end: "unproven", says: "may have run before", took: 10 * time.Second},
		"another phone there":           {ago: 5 * time.Minute, before: oldVersion, runs: newVersion, mac: macOf(7), end: "another-phone", says: macOf(7), took: 10 * time.Second},
		"somebody else updated it":      {ago: time.Minute, before: oldVersion, runs: otherVersion, end: "unproven", says: "it ran V1 R4.9.0 then and runs V1 R6.1.0 now", took: 10 * time.Second},
		"clock set back since":          {ago: -time.Hour, before: oldVersion, runs: newVersion, end: "updated", took: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{})
				start := func(runs bind.Version) *phonesim.Phone {
					return s.phone(1, func(c *phonesim.Config) {
						c.Version = runs
						if row.mac != "" {
							c.MAC = row.mac
						}
					})
				}
				switch {
				case row.down:
				case row.back > 0:
					s.others.Go(func() {
						time.Sleep(row.back)
						start(newVersion)
					})
				default:
					start(row.runs)
				}
				target := targetOf(hostOf(1))
				target.Earlier = &fleet.Earlier{At: time.Now().Add(-row.ago), Before: was(row.before)}
				s.plan.Phones = []fleet.Target{target}
				begun := time.Now()
				r := s.run()[0]
				says := strings.ReplaceAll(row.says, "AT", target.Earlier.At.Local().Format(time.DateTime))
				if ending(r) != row.end || r.Failure != nil && !strings.Contains(r.Failure.Error(), says) {
					t.Errorf("%s: %v, want %q", ending(r), r.Failure, says)
				}
				if took := time.Since(begun); took > row.took || took < row.least {
					t.Errorf("it took %s", took)
				}
				if strings.Contains(s.steps(), "told") || !r.Later || !r.Instructed {
					t.Errorf("steps %s, seen later %v, instructed %v", s.steps(), r.Later, r.Instructed)
				}
				if err := s.agree([]fleet.Result{r}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestCommit checks that nothing that cannot be undone is done before it is recorded.
func TestCommit(t *testing.T) {
	t.Parallel()
	full, taken := errors.New("no space left on device"), &fleet.Failure{Kind: fleet.KindTaken, Msg: "another run has it"}
	for name, row := range map[string]struct {
		web  bool
		err  error
		end  string
		step fleet.Step
	}{
		"recorded":              {end: "updated", step: fleet.StepInstructed},
		"not recorded":          {err: full, end: "not-recorded", step: fleet.StepInstructed},
		"another run":           {err: taken, end: "taken", step: fleet.StepInstructed},
		"web page":              {web: true, end: "updated", step: fleet.StepSending},
		"web page, not":         {web: true, err: full, end: "not-recorded", step: fleet.StepSending},
		"web page, another run": {web: true, err: taken, end: "taken", step: fleet.StepSending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var steps []string
				s := set(t, fleet.Options{})
				s.plan.Commit = func(_ context.Context, number int, step fleet.Step) error {
					if number != 0 || step != row.step {
						t.Errorf("phone %d, %s", number, step)
					}
					steps = append(steps, s.steps())
					return row.err
				}
				var p *phonesim.Phone
				if row.web {
					p = s.pagePhone(1)
					s.byPage(p, false, func(*fleet.Web) {})
				} else {
					p = s.phone(1, nil)
				}
				r := s.run(hostOf(1))[0]
				if ending(r) != row.end || r.Instructed != (row.err == nil) || len(steps) != 1 {
					t.Errorf("%s: %v, instructed %v, recorded %q", ending(r), r.Failure, r.Instructed, steps)
				}
				if strings.Contains(steps[0], "told") || strings.Contains(steps[0], "sending") {
					t.Errorf("it was recorded after %s", steps[0])
				}
				if updated := p.State().Version == newVersion; updated != (row.err == nil) {
					t.Errorf("updated: %v", updated)
				}
			})
		})
	}
}

// TestBegin checks that a phone is not contacted before it may begin, nor if it may not.
func TestBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := set(t, fleet.Options{})
		s.plan.Begin = func(ctx context.Context, number int) error {
			if number == 1 {
				return errors.New("outside the window")
			}
			select {
			case <-time.After(time.Hour):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s.phone(1, nil)
		s.phone(2, nil)
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepContacted && time.Since(begun) < time.Hour {
				t.Errorf("contacted after %s", time.Since(begun))
			}
		}
		results := s.run(hostOf(1), hostOf(2))
		if ending(results[0]) != "updated" || ending(results[1]) != "not-begun" || !strings.Contains(results[1].Failure.Error(), "outside the window") {
			t.Errorf("%s, %s: %v", ending(results[0]), ending(results[1]), results[1].Failure)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		s.plan.Begin = func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}
		s.phone(1, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if r := s.runUntil(ctx, hostOf(1))[0]; ending(r) != "interrupted" || r.Instructed {
			t.Errorf("%s: %v", ending(r), r.Failure)
		}
	})
}

// TestPlansInTurn runs several plans with one runner: each phone is found again, also one that was in the plan before.
func TestPlansInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		s.phone(1, nil)
		s.phone(2, nil)
		for turn, want := range [][]string{{"updated"}, {"nothing-to-do", "updated"}, {"nothing-to-do", "nothing-to-do"}} {
			s.plan.Phones = nil
			addresses := []string{hostOf(1), hostOf(2)}[:len(want)]
			for i, r := range s.run(addresses...) {
				if ending(r) != want[i] {
					t.Errorf("plan %d, phone %d: %s, %v", turn, i, ending(r), r.Failure)
				}
			}
		}
	})
}

// TestSettleByPage takes phones that an earlier run sent the image to by their web page. Without a call, what the page says
// without a password has to do.
func TestSettleByPage(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		faults string
		runs   bind.Version
		ago    time.Duration
		end    string
		says   string
		logins int
	}{
		"it calls":               {runs: newVersion, end: "updated"},
		"by its page alone":      {faults: "no-contact-port", runs: newVersion, end: "updated", logins: 1},
		"by its page, old":       {faults: "no-contact-port", runs: oldVersion, end: "unproven", says: "still runs V1 R4.9.0", logins: 1},
		"not settled yet":        {faults: "no-contact-port", runs: oldVersion, ago: time.Minute, end: "no-answer", says: "does not report its version", logins: 1},
		"a page without version": {faults: "no-contact-port web-no-version", runs: newVersion, end: "no-answer", says: "does not report its version", logins: 1},
		"login locked out":       {faults: "no-contact-port web-password-suspended", runs: newVersion, end: "no-answer", says: "does not report its version", logins: 1},
		"another MAC address":    {faults: "no-contact-port web-other-mac", runs: newVersion, end: "another-phone", says: "another phone", logins: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{})
				p := s.phone(1, func(c *phonesim.Config) {
					c.Web, c.Password, c.Version = hostOf(1)+":443", pagePassword, row.runs
				}, strings.Fields(row.faults)...)
				logins := 0
				s.byPage(p, false, func(w *fleet.Web) {
					w.Admit = func(context.Context, fleet.Device) (secret.Secret, *fleet.Failure) {
						logins++
						return w.Password, nil
					}
				})
				target := targetOf(hostOf(1))
				target.Earlier = &fleet.Earlier{At: time.Now().Add(-cmp.Or(row.ago, time.Hour)), Before: was(oldVersion)}
				s.plan.Phones = []fleet.Target{target}
				r := s.run()[0]
				if ending(r) != row.end || r.Failure != nil && !strings.Contains(r.Failure.Error(), row.says) {
					t.Errorf("%s: %v", ending(r), r.Failure)
				}
				if posted := strings.Count(fmt.Sprint(s.told()), "login "); logins != row.logins || posted > row.logins {
					t.Errorf("the password was asked for %d times, and sent %d times", logins, posted)
				}
				if steps := s.steps(); strings.Contains(steps, "sending") {
					t.Error(steps)
				}
			})
		})
	}
}

// TestImageOfTarget gives each phone its own image: one that fits, and one that does not.
func TestImageOfTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		newer := build(t, 512<<10, func(b *bind.Builder) { b.Version = bind.Version{Major: 1, Release: 10} })
		second := s.phone(2, nil)
		s.phone(1, nil)
		one, two := targetOf(hostOf(1)), targetOf(hostOf(2))
		two.Image = &fleet.Image{Facts: newer.facts, Priority: s.plan.Image.Priority, Source: fleet.Served(s.https, name, newer.content, s.back)}
		s.plan.Phones = []fleet.Target{one, two}
		for i, r := range s.run() {
			if ending(r) != "updated" {
				t.Errorf("phone %d: %s, %v", i, ending(r), r.Failure)
			}
		}
		if v := second.State().Version; v != newer.facts.Version.Value {
			t.Errorf("the second runs %s", v)
		}
	})
}
