package rollout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// othersOf reads what another site said of each wave: the letters of progressOf, and a word - for a wave without phones there.
func othersOf(letters string) []Other {
	var others []Other
	for _, word := range strings.Fields(letters) {
		if word == "-" {
			others = append(others, Other{})
			continue
		}
		plan := planOf(Rules{Attempts: 3}, len(word))
		sum := plan.sum(State{Phones: progressOf(word)}, 0)
		o := Other{Phones: len(word), Left: sum.Left, Ended: map[Cause]int{}}
		for cause, n := range sum.Ended {
			o.Ended[Cause(cause)] = n
		}
		if o.Left > 0 {
			o.Sites = []string{"bonn"}
		}
		others = append(others, o)
	}
	return others
}

// TestDecideSites decides at one site, by its own phones and by what another one said.
func TestDecideSites(t *testing.T) {
	t.Parallel()
	none := Rules{Pause: PauseNone, Attempts: 3}
	canary := Rules{Pause: PauseCanary, Attempts: 3}
	limits := Rules{Pause: PauseNone, Attempts: 3, StopOn: Limits{{Cause: Unverified, Count: 2}, {Cause: Unreachable, Percent: 50}}}
	night := Rules{Pause: PauseNone, Attempts: 3, Window: Window{From: 22 * 60, To: 6 * 60}}
	for name, test := range map[string]struct {
		rules         Rules
		phones, other string
		control       Control
		want          string
	}{
		"the beginning":                            {none, ".. ..", ".. ..", Control{}, "run 0 [0 1]"},
		"the other site is not done":               {none, "uu ..", "u. ..", Control{}, "wait 0 [] bonn"},
		"the other site has one to try again":      {none, "uu ..", "ux ..", Control{}, "wait 0 [] bonn"},
		"both are done":                            {none, "uu ..", "ur ..", Control{}, "run 1 [2 3]"},
		"the other site has none in the wave":      {none, ".. ..", "- ..", Control{}, "run 0 [0 1]"},
		"the other site has none in the next wave": {none, "uu ..", "uu -", Control{}, "run 1 [2 3]"},
		"done here":                                {none, "uu ur", "uu ..", Control{}, "done 1 []"},
		"done here in the wave before the last":    {none, "uu ..", "uu ..", Control{Stopped: true}, "stop 1 []"},
		"done everywhere":                          {none, "uu ur", "uu uu", Control{}, "done 1 []"},
		"the other site's canaries":                {canary, "uu ..", "u. ..", Control{}, "wait 0 [] bonn"},
		"canaries wait for a person":               {canary, "uu ..", "uu ..", Control{}, "ask 1 []"},
		"one here and one there":                   {limits, "v. ..", "v. ..", Control{}, "limit unverified=2 0 []"},
		"one here":                                 {limits, "v. ..", "u. ..", Control{}, "run 0 [1]"},
		"two there":                                {limits, ".. ..", "vv ..", Control{}, "limit unverified=2 0 []"},
		"two there, and one is on its way here":    {limits, "i. ..", "vv ..", Control{}, "limit unverified=2 0 [0]"},
		"two there, and done here":                 {limits, "uu uu", "vv ..", Control{}, "done 1 []"},
		"a limit there that a person forgave":      {limits, ".. ..", "vv ..", Control{Forgiven: 1}, "run 0 [0 1]"},
		"half of the wave at both sites":           {limits, "X. ..", "X. ..", Control{}, "limit unreachable=50% 0 []"},
		"all here are less than half of the wave":  {limits, "X .", "... ..", Control{}, "wait 0 [] bonn"},
		"half here is less than half of the wave":  {limits, "X. ..", ".. ..", Control{}, "run 0 [1]"},
		"what is tried again there does not count": {limits, ".. ..", "xx ..", Control{}, "run 0 [0 1]"},
		"paused":                       {none, "uu ..", "uu ..", Control{Paused: true}, "paused 1 []"},
		"outside the window":           {night, ".. ..", ".. ..", Control{}, "wait 0 [] 22:00"},
		"one to try again here, later": {none, "x. ..", "u. ..", Control{}, "run 0 [1]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sizes []int
			for _, word := range strings.Fields(test.phones) {
				sizes = append(sizes, len(word))
			}
			d := planOf(test.rules, sizes...).Decide(State{Phones: progressOf(test.phones), Control: test.control, Other: othersOf(test.other)}, noon)
			got := string(d.Verb)
			if d.Verb == Over {
				got += " " + d.Reached.String()
			}
			got += fmt.Sprintf(" %d %v", d.Wave, d.Phones)
			if !d.Until.IsZero() {
				got += d.Until.Format(" 15:04")
			}
			if len(d.Sites) > 0 {
				got += " " + strings.Join(d.Sites, " ")
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// headOf is the beginning of a rollout of two waves: berlin has 2 and 3 phones in them, bonn 1 and none.
const headOf = `{"images":[],"waves":["canary","rest"],"rules":{"pause":"none","parallel":1,"attempts":3,"settle":1},"sites":[{"name":"berlin","phones":6,"waves":[2,3]},{"name":"bonn","phones":2,"waves":[1]}]}`

// TestCount takes over sums, also those that cannot be: a damaged or hostile one hides nothing of another site, and lets nothing begin.
func TestCount(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sums []journal.SiteCounted
		want string // of each wave: phones, left, ended
	}{
		"nothing":            {nil, "3 3 map[], 3 3 map[]"},
		"one":                {[]journal.SiteCounted{{Site: "berlin", Wave: 1, Left: 1, Ended: map[string]int{"rejected": 1}}}, "3 2 map[rejected:1], 3 3 map[]"},
		"a later one":        {[]journal.SiteCounted{{Site: "berlin", Wave: 1, Left: 0}, {Site: "berlin", Wave: 1, Left: 2}}, "3 3 map[], 3 3 map[]"},
		"both":               {[]journal.SiteCounted{{Site: "berlin", Wave: 1, Ended: map[string]int{"x": 1}}, {Site: "bonn", Wave: 1, Ended: map[string]int{"x": 1}}}, "3 0 map[x:2], 3 3 map[]"},
		"a wrong wave":       {[]journal.SiteCounted{{Site: "berlin", Wave: 0}, {Site: "berlin", Wave: 3}, {Site: "bonn", Wave: 2}, {Site: "bonn", Wave: -1}}, "3 3 map[], 3 3 map[]"},
		"an unknown site":    {[]journal.SiteCounted{{Site: "paris", Wave: 1, Ended: map[string]int{"rejected": 9}}, {Wave: 1}}, "3 3 map[], 3 3 map[]"},
		"fewer than nothing": {[]journal.SiteCounted{{Site: "berlin", Wave: 1, Left: -5, Ended: map[string]int{"x": -5}}, {Site: "bonn", Wave: 1, Ended: map[string]int{"x": 1}}}, "3 0 map[x:1], 3 3 map[]"},
		"more than all":      {[]journal.SiteCounted{{Site: "bonn", Wave: 1, Left: 1 << 40}}, "3 3 map[], 3 3 map[]"},
	} {
		s := &Saved{Name: "spring"}
		events := []journal.Body{journal.Planned{Plan: []byte(headOf)}}
		for _, sum := range test.sums {
			events = append(events, sum)
		}
		for i, body := range events {
			if err := s.apply(journal.Event{Seq: journal.Seq(i + 1), At: noon, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		var words []string
		for _, o := range s.others("") {
			words = append(words, fmt.Sprint(o.Phones, " ", o.Left, " ", o.Ended))
		}
		if got := strings.Join(words, ", "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestSums tells other sites of bad ends, and that a wave has ended, and of nothing else.
func TestSums(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		was, now string // the phones of the two waves
		want     string
	}{
		"nothing happened":     {".. ...", ".. ...", ""},
		"one is updated":       {".. ...", "u. ...", ""},
		"one is on its way":    {".. ...", "i. ...", ""},
		"the wave has ended":   {".. ...", "uu ...", "1: 0 map[]"},
		"one ended badly":      {".. ...", "r. ...", "1: 1 map[rejected:1]"},
		"one more":             {"r. ...", "rv ...", "1: 0 map[rejected:1 unverified:1]"},
		"tried again":          {".. ...", "x. ...", ""},
		"tried for the last":   {"x. ...", "X. ...", "1: 1 map[unreachable:1]"},
		"both waves":           {".. ...", "uu r..", "1: 0 map[], 2: 2 map[rejected:1]"},
		"a person allowed one": {"rr ...", ".r ...", "1: 1 map[rejected:1]"},
		"and it ended well":    {".r ...", "ur ...", "1: 0 map[rejected:1]"},
	} {
		plan := planOf(Rules{Attempts: 3}, 2, 3)
		s := &Saved{Name: "spring", Site: "berlin"}
		s.Plan, s.Sites = *plan, []SitePart{{Name: "berlin", Phones: 5, Waves: []int{2, 3}}}
		s.Control.Run = "r1"
		for _, body := range s.sums(plan, State{Phones: progressOf(test.was)}) {
			if err := s.apply(journal.Event{At: noon, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		if s.stale {
			t.Errorf("%s: phones are to be read again after this run's own sums", name)
		}
		var words []string
		for _, body := range s.sums(plan, State{Phones: progressOf(test.now)}) {
			sum := body.(journal.SiteCounted) //nolint:forcetypeassert // it has no other
			if sum.Site != "berlin" || sum.Run != "r1" {
				t.Errorf("%+v", sum)
			}
			words = append(words, fmt.Sprint(sum.Wave, ": ", sum.Left, " ", sum.Ended))
		}
		if got := strings.Join(words, ", "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
