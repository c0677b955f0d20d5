package rollout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// inTime runs a test in virtual time with a world of so many phones.
func inTime(t *testing.T, phones int, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range phones {
			w.phone()
		}
		test(t, w)
	})
}

// TestWaves carries a rollout out in one go: the waves begin one after the other, and the journal has all of it.
func TestWaves(t *testing.T) {
	inTime(t, 6, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{}, []int{direct}, 1, 2, 3)
		if d := w.run(nil); d.Verb != rollout.Done {
			t.Errorf("%v", d)
		}
		if got := w.ends(); got != "updated updated updated updated updated updated" {
			t.Error(got)
		}
		ended := map[string]int{}
		wave := map[string]int{}
		for i := range w.phones {
			wave[macOf(i)] = []int{0, 1, 1, 2, 2, 2}[i]
		}
		for _, e := range w.events() {
			switch e.Kind {
			case phonesim.Contacted:
				for mac, of := range wave {
					if of < wave[e.Phone] && ended[mac] == 0 {
						t.Errorf("%s of wave %d is contacted before %s is updated", e.Phone, wave[e.Phone], mac)
					}
				}
			case phonesim.Started:
				ended[e.Phone]++
			}
		}
		var opened []string
		for _, event := range w.stream("") {
			opened = append(opened, string(event.Body.Kind()))
		}
		if got := strings.Join(opened, " "); got != "planned run-begun wave-opened wave-opened wave-opened" {
			t.Error(got)
		}
		for i, p := range w.phones {
			if s := p.State(); s.Version != newVersion || s.Instructed != 1 || w.load().Steps[i][0].Commands != 1 {
				t.Errorf("phone %d: %+v", i, s)
			}
		}
	})
}

// TestLimit stops a rollout within a wave, and between waves. Resume lets it go on.
func TestLimit(t *testing.T) {
	inTime(t, 0, func(t *testing.T, w *world) {
		for n := range 12 {
			if n%2 == 1 {
				w.phone("reject-image")
			} else {
				w.phone()
			}
		}
		limits := rollout.Limits{{Cause: rollout.Rejected, Count: 1}}
		w.plan(rollout.Rules{StopOn: limits, Parallel: 1}, []int{direct}, 6, 4, 2)
		d := w.run(nil)
		if d.Verb != rollout.Over || d.Reached != limits[0] || d.Wave != 0 {
			t.Errorf("%v", d)
		}
		ends := w.ends()
		if !strings.Contains(ends, "rejected") || !strings.Contains(ends, "-") {
			t.Error(ends)
		}
		if again := w.run(nil); again.Verb != rollout.Over || w.ends() != ends {
			t.Errorf("%v: %s", again, w.ends())
		}
		fatal(t, rollout.Resume(t.Context(), w.ledger, name, journal.Origin{}, causes))
		if d := w.run(nil); d.Verb != rollout.Over || d.Wave != 1 || !strings.HasSuffix(w.ends(), "- -") {
			t.Errorf("after resume: %v: %s", d, w.ends())
		}
		n := 0
		for _, event := range w.stream("") {
			if event.Body.Kind() == journal.KindLimitReached {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%d times: limit reached", n)
		}
	})
}

// TestControl pauses, resumes and stops a rollout from another process while it runs.
func TestControl(t *testing.T) {
	inTime(t, 4, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{Pause: rollout.PauseEach, Parallel: 1}, []int{direct}, 2, 1, 1)
		var seen []string
		p := w.process(func(e *rollout.Engine) {
			e.Decided = func(_ *rollout.Saved, d rollout.Decision) { seen = append(seen, string(d.Verb)) }
		}).start()
		other := w.place.Open()
		time.Sleep(time.Second) // the first phone was contacted, and is not instructed yet: it is, all the same
		by := journal.Origin{User: "boss"}
		fatal(t, rollout.Hold(t.Context(), other, name, by, "lunch"))
		if err := rollout.Hold(t.Context(), other, name, by, ""); !errors.Is(err, rollout.ErrNothing) {
			t.Errorf("paused twice: %v", err)
		}
		time.Sleep(time.Hour)
		if got := w.ends(); strings.Count(got, "updated") != 1 {
			t.Errorf("paused: %s", got)
		}
		if s := w.load(); s.Reason != "lunch" || !s.Control.Paused {
			t.Errorf("%+v", s.Control)
		}
		fatal(t, rollout.Resume(t.Context(), other, name, by, causes))
		time.Sleep(time.Hour)
		if got := w.ends(); got != "updated updated - -" {
			t.Errorf("before the second wave: %s", got)
		}
		fatal(t, rollout.Resume(t.Context(), other, name, by, causes))
		time.Sleep(time.Hour)
		if got := w.ends(); got != "updated updated updated -" {
			t.Errorf("before the third wave: %s", got)
		}
		fatal(t, rollout.End(t.Context(), other, name, by, "enough"))
		d, err := p.wait()
		if err != nil || d.Verb != rollout.Stop {
			t.Errorf("%v, %v", d, err)
		}
		if got := strings.Join(seen, " "); got != "run paused run ask run ask stop" {
			t.Error(got)
		}
		if d := w.run(nil); d.Verb != rollout.Stop || w.ends() != "updated updated updated -" {
			t.Errorf("run after stop: %v, %s", d, w.ends())
		}
		fatal(t, rollout.Resume(t.Context(), other, name, by, causes))
		if d := w.run(nil); d.Verb != rollout.Done || w.ends() != "updated updated updated updated" {
			t.Errorf("run after resume: %v, %s", d, w.ends())
		}
		if err := rollout.Resume(t.Context(), other, name, by, causes); !errors.Is(err, rollout.ErrNothing) {
			t.Errorf("resume at the end: %v", err)
		}
	})
}

// TestOpen asks a person before the wave after the canaries.
func TestOpen(t *testing.T) {
	inTime(t, 2, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{Pause: rollout.PauseCanary}, []int{direct}, 1, 1)
		asked := 0
		answer := func(open bool) func(*rollout.Engine) {
			return func(e *rollout.Engine) {
				e.Open = func(_ context.Context, s *rollout.Saved, d rollout.Decision) (bool, error) {
					asked++
					if d.Wave != 1 || w.ends() != "updated -" || s.Name != name {
						t.Errorf("wave %d, %s", d.Wave, w.ends())
					}
					return open, nil
				}
			}
		}
		if d := w.run(answer(false)); d.Verb != rollout.Ask || w.ends() != "updated -" {
			t.Errorf("%v, %s", d, w.ends())
		}
		if d := w.run(answer(true)); d.Verb != rollout.Done || w.ends() != "updated updated" || asked != 2 {
			t.Errorf("%v, %s, asked %d times", d, w.ends(), asked)
		}
	})
}

// TestPace holds phones back: outside the window, by the rate, and by networks.
func TestPace(t *testing.T) {
	t.Parallel()
	for row, rules := range map[string]rollout.Rules{
		"window": {Window: rollout.Window{From: 22 * 60, To: 22*60 + 1}, Parallel: 1},
		"rate":   {StartRate: 0.5},
		"subnet": {PerSubnet: 2},
	} {
		t.Run(row, func(t *testing.T) {
			phones := 20
			if rules.Window.IsSet() {
				phones = 40 // more than begin within a minute
			}
			inTime(t, phones, func(t *testing.T, w *world) {
				w.plan(rules, []int{direct}, phones)
				p := w.process(nil).start()
				if row == "window" {
					time.Sleep(3*24*time.Hour + time.Hour)
					fatal(t, rollout.End(t.Context(), w.ledger, name, journal.Origin{}, ""))
				}
				if _, err := p.wait(); err != nil {
					t.Error(err)
				}
				var begun []time.Time
				on, most := map[string]int{}, 0
				last := map[string]bool{}
				for _, e := range w.events() {
					switch e.Kind {
					case phonesim.Contacted:
						if !last[e.Phone] {
							last[e.Phone] = true
							begun = append(begun, e.Time)
							on[subnet(e.Phone)]++
							most = max(most, on[subnet(e.Phone)])
						}
					case phonesim.Started:
						on[subnet(e.Phone)]--
					}
				}
				switch row {
				case "window":
					for _, at := range begun {
						if !rules.Window.Open(at) {
							t.Errorf("begun at %s", at)
						}
					}
					if len(begun) == 0 || begun[len(begun)-1].Sub(begun[0]) < 23*time.Hour {
						t.Errorf("all %d phones are begun in one window of a minute", len(begun))
					}
				case "rate":
					for i := 1; i < len(begun); i++ {
						if pause := begun[i].Sub(begun[i-1]); pause < 2*time.Minute-time.Millisecond {
							t.Errorf("%s from one to the next", pause)
						}
					}
				case "subnet":
					if most != rules.PerSubnet {
						t.Errorf("%d phones of a network at a time", most)
					}
				}
				if row != "window" && strings.Count(w.ends(), "updated") != 20 {
					t.Error(w.ends())
				}
			})
		})
	}
}

// subnet names the network of a phone by its MAC address.
func subnet(mac string) string {
	for n := range 256 {
		if macOf(n) == mac {
			return hostOf(n)[:len(hostOf(n))-2]
		}
	}
	return ""
}

// TestRetries tries a phone again that cannot be reached, with growing pauses, and not one that was instructed.
func TestRetries(t *testing.T) {
	inTime(t, 0, func(t *testing.T, w *world) {
		w.phone("no-contact-port")
		w.phone("never-fetches")
		w.phone()
		w.plan(rollout.Rules{}, []int{direct}, 2, 1)
		if d := w.run(nil); d.Verb != rollout.Done {
			t.Errorf("%v", d)
		}
		if got := w.ends(); got != "unreachable never-fetched updated" {
			t.Error(got)
		}
		attempts, again := 0, 0
		for _, event := range w.stream(hostOf(0)) {
			switch body := event.Body.(type) {
			case journal.Begun:
				if attempts++; body.Attempt != attempts {
					t.Errorf("attempt %d is the number %d", attempts, body.Attempt)
				}
			case journal.LetGo:
				if again++; !body.Again || body.Failure != "unreachable" {
					t.Errorf("%+v", body)
				}
			}
		}
		if attempts != 3 || again != 2 {
			t.Errorf("%d attempts, let go %d times", attempts, again)
		}
		if n := w.phones[1].State().Instructed; n != 1 {
			t.Errorf("instructed %d times", n)
		}
		// Only a person lets them begin anew.
		s := w.load()
		if got := s.Failed(causes, rollout.Unverified); len(got) != 1 || got[0] != 1 {
			t.Errorf("failed and unverified: %v", got)
		}
		fatal(t, rollout.Retry(t.Context(), w.ledger, s, s.Failed(causes), journal.Origin{User: "boss"}, "new cable", causes))
		if err := rollout.Retry(t.Context(), w.ledger, s, s.Failed(causes), journal.Origin{}, "", causes); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("retried twice: %v", err)
		}
		w.run(nil)
		if got := w.ends(); got != "unreachable never-fetched updated" || w.phones[1].State().Instructed != 2 {
			t.Errorf("%s, instructed %d times", got, w.phones[1].State().Instructed)
		}
	})
}

// TestSteppingStone gives a phone two images one after the other.
func TestSteppingStone(t *testing.T) {
	inTime(t, 2, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{}, []int{stone, last}, 1, 1)
		if d := w.run(nil); d.Verb != rollout.Done || w.ends() != "updated updated" {
			t.Errorf("%v, %s", d, w.ends())
		}
		for i, p := range w.phones {
			if s := p.State(); s.Version != newVersion || s.Instructed != 2 || s.Restarts != 2 {
				t.Errorf("phone %d: %+v", i, s)
			}
		}
		times := map[string]time.Time{}
		for _, e := range w.events() {
			if e.Kind != phonesim.Contacted {
				continue
			}
			if before, ok := times[e.Phone]; ok && e.Time.Sub(before) < time.Minute-time.Second {
				t.Errorf("contacted again after %s", e.Time.Sub(before))
			}
			times[e.Phone] = e.Time
		}
	})
}
