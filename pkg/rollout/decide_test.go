package rollout

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// noon is when decisions of these tests are made.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// planOf returns a plan of waves with so many phones each.
func planOf(rules Rules, sizes ...int) *Plan {
	p := &Plan{Rules: rules}
	for w, size := range sizes {
		name := fmt.Sprint(size)
		if w == 0 {
			name = "canary"
		}
		wave := Wave{Name: name}
		for range size {
			wave.Phones = append(wave.Phones, len(p.Phones))
			p.Phones = append(p.Phones, Phone{Images: []int{0}, Class: "a"})
		}
		p.Waves = append(p.Waves, wave)
	}
	return p
}

// progressOf reads a letter a phone: . nothing, u updated, i may have been instructed, r rejected, v unverified, x unreachable (may
// pass), X unreachable for the last time.
func progressOf(letters string) []Progress {
	var all []Progress
	for _, c := range strings.ReplaceAll(letters, " ", "") {
		p := Progress{At: noon.Add(-time.Hour), Attempts: 1}
		switch c {
		case 'u':
			p.Ended, p.Updated = true, true
		case 'i':
			p.Instructed = true
		case 'r':
			p.Ended, p.Cause = true, Rejected
		case 'v':
			p.Ended, p.Cause = true, Unverified
		case 'x':
			p.Ended, p.Cause, p.MayPass = true, Unreachable, true
		case 'X':
			p.Ended, p.Cause, p.MayPass, p.Attempts = true, Unreachable, true, 3
		default:
			p.Attempts = 0
		}
		all = append(all, p)
	}
	return all
}

// TestDecide decides what comes next. Phones that may have been instructed are taken on whatever the decision is.
func TestDecide(t *testing.T) {
	t.Parallel()
	none := Rules{Pause: PauseNone, Attempts: 3}
	canary := Rules{Pause: PauseCanary, Attempts: 3}
	each := Rules{Pause: PauseEach, Attempts: 3}
	limits := Rules{Pause: PauseNone, Attempts: 3, StopOn: Limits{{Cause: Unverified, Count: 1}, {Cause: Unreachable, Percent: 50}}}
	night := Rules{Pause: PauseNone, Attempts: 3, Window: Window{From: 22 * 60, To: 6 * 60}}
	for name, test := range map[string]struct {
		rules   Rules
		phones  string
		control Control
		want    string
	}{
		"the beginning":                        {none, ".. ....", Control{}, "run 0 [0 1]"},
		"the wave before is not done":          {none, "u. ....", Control{}, "run 0 [1]"},
		"the wave before is followed":          {none, "ui ....", Control{}, "run 0 [1]"},
		"the next wave":                        {none, "uu ....", Control{}, "run 1 [2 3 4 5]"},
		"a bad end is an end":                  {none, "ur ....", Control{}, "run 1 [2 3 4 5]"},
		"tried again at the end of the wave":   {none, "x. ....", Control{}, "run 0 [1]"},
		"tried again":                          {none, "xu ....", Control{}, "run 0 [0]"},
		"not tried for ever":                   {none, "Xu ....", Control{}, "run 1 [2 3 4 5]"},
		"never tried again that was told":      {none, "vr ....", Control{}, "run 1 [2 3 4 5]"},
		"all done":                             {none, "uu urXv", Control{}, "done 1 []"},
		"no phones":                            {none, "", Control{}, "done 0 []"},
		"canaries wait for a person":           {canary, "uu ....", Control{}, "ask 1 []"},
		"opened":                               {canary, "uu ....", Control{Opened: 2}, "run 1 [2 3 4 5]"},
		"no question before the canaries":      {each, ".. ....", Control{}, "run 0 [0 1]"},
		"no question within a wave":            {canary, "uu u...", Control{Opened: 2}, "run 1 [3 4 5]"},
		"no question after the end":            {each, "uu uuuu", Control{}, "done 1 []"},
		"paused":                               {none, "u. ....", Control{Paused: true}, "paused 0 []"},
		"paused, and one is on its way":        {none, "ui ....", Control{Paused: true}, "paused 0 [1]"},
		"stopped":                              {none, "u. ....", Control{Stopped: true}, "stop 0 []"},
		"stopped, and one is on its way":       {none, "ui ....", Control{Stopped: true}, "stop 0 [1]"},
		"stopped, and all done":                {none, "uu uuuu", Control{Stopped: true}, "done 1 []"},
		"a limit":                              {limits, "v. ....", Control{}, "limit unverified=1 0 []"},
		"a limit of the wave before":           {limits, "uv ....", Control{}, "limit unverified=1 0 []"},
		"a limit, and one is on its way":       {limits, "vi ....", Control{}, "limit unverified=1 0 [1]"},
		"a limit that a person forgave":        {limits, "uv ....", Control{Forgiven: 1}, "run 1 [2 3 4 5]"},
		"and another in the next wave":         {limits, "uv v...", Control{Forgiven: 1}, "limit unverified=1 1 []"},
		"half of the wave":                     {limits, "uu XX..", Control{}, "limit unreachable=50% 1 []"},
		"less than half":                       {limits, "uu X...", Control{}, "run 1 [3 4 5]"},
		"what is tried again does not count":   {limits, "uu xx..", Control{}, "run 1 [4 5]"},
		"a limit at the very end":              {limits, "uu uuuv", Control{}, "done 1 []"},
		"outside the window":                   {night, "u. ....", Control{}, "wait 0 [] 22:00"},
		"outside, and one is on its way":       {night, "ui ....", Control{}, "wait 0 [1] 22:00"},
		"outside, and all done":                {night, "uu uuuu", Control{}, "done 1 []"},
		"a window does not outlast a question": {Rules{Pause: PauseEach, Window: night.Window}, "uu ....", Control{}, "ask 1 []"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sizes []int
			for _, word := range strings.Fields(test.phones) {
				sizes = append(sizes, len(word))
			}
			d := planOf(test.rules, sizes...).Decide(State{Phones: progressOf(test.phones), Control: test.control}, noon)
			got := string(d.Verb)
			if d.Verb == Over {
				got += " " + d.Reached.String()
			}
			got += fmt.Sprintf(" %d %v", d.Wave, d.Phones)
			if d.Verb == Wait {
				got += d.Until.Format(" 15:04")
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestRetryPauses lets the pauses between attempts grow.
func TestRetryPauses(t *testing.T) {
	t.Parallel()
	p := planOf(Rules{Pause: PauseNone, Attempts: 10}, 2)
	for attempts, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute, 5: 15 * time.Minute, 9: 15 * time.Minute} {
		s := State{Phones: progressOf("ux")}
		s.Phones[1].Attempts, s.Phones[1].At = attempts, noon
		if d := p.Decide(s, noon); d.Verb != Wait || !d.Until.Equal(noon.Add(want)) {
			t.Errorf("after %d attempts: %+v", attempts, d)
		}
		if d := p.Decide(s, noon.Add(want)); d.Verb != Run || fmt.Sprint(d.Phones) != "[1]" {
			t.Errorf("after %d attempts and %s: %+v", attempts, want, d)
		}
		if d := p.Decide(s, noon.Add(-time.Hour)); d.Verb != Run || fmt.Sprint(d.Phones) != "[1]" {
			t.Errorf("after %d attempts, with the clock set back since: %+v", attempts, d)
		}
	}
}

// TestForecast says how long a rollout takes if every phone takes as long as those before.
func TestForecast(t *testing.T) {
	t.Parallel()
	m := Measured{Whole: 10 * time.Minute, Slot: 2 * time.Minute}
	for name, test := range map[string]struct {
		rules  Rules
		phones string
		at     time.Time
		want   string
	}{
		"one":                 {Rules{Parallel: 1}, ".", noon, "1 10m0s 0"},
		"two at a time":       {Rules{Parallel: 2}, "..", noon, "2 10m0s 0"},
		"one after the other": {Rules{Parallel: 1}, "...", noon, "3 14m0s 0"},
		"two waves":           {Rules{Parallel: 16}, "uu ...", noon, "3 10m0s 0"},
		"and both to do":      {Rules{Parallel: 16}, ".. ...", noon, "5 20m0s 0"},
		"some on their way":   {Rules{Parallel: 1}, "ii.", noon, "3 10m0s 0"},
		"only those":          {Rules{Parallel: 1}, "iiu", noon, "2 8m0s 0"},
		"done":                {Rules{Parallel: 16}, "uu uuu", noon, "0 0s 0"},
		"a start rate":        {Rules{Parallel: 16, StartRate: 0.5}, "....", noon, "4 16m0s 0"},
		"before the window":   {Rules{Parallel: 1, Window: Window{From: 22 * 60, To: 6 * 60}}, "..", noon, "2 10h12m0s 0"},
		"too many for one":    {Rules{Parallel: 1, Window: Window{From: 22 * 60, To: 6 * 60}}, "....", noon.Add(17*time.Hour + 56*time.Minute), "4 16h16m0s 2"},
	} {
		var sizes []int
		for _, word := range strings.Fields(test.phones) {
			sizes = append(sizes, len(word))
		}
		f := planOf(test.rules, sizes...).Forecast(State{Phones: progressOf(test.phones)}, m, test.at)
		if got := fmt.Sprint(f.Phones, " ", f.Takes, " ", f.Missed); got != test.want || !f.Ends.Equal(test.at.Add(f.Takes)) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
