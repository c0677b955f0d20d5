package rollout_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A begun is that a run began with a phone that was not instructed.
type begun struct {
	phone int
	run   string
	at    time.Time
}

// An end is how it ended badly with a phone.
type end struct {
	phone int
	cause rollout.Cause
	at    time.Time
}

// check compares what happened with what may happen.
func (s *simulation) check() {
	if os.Getenv("TRACE") != "" {
		s.trace()
	}
	if s.full != "" {
		s.problem("%s", s.full)
	}
	s.checkPhones()
	s.checkFetches()
	all, ends, forgiven := s.history()
	for _, b := range all {
		s.checkBegun(b)
	}
	s.checkRate(all)
	for w := range s.sizes {
		s.checkLimit(w, all, ends, forgiven[w])
	}
}

// checkPhones compares the journal with the phones.
func (s *simulation) checkPhones() {
	told, times := map[string]time.Time{}, map[string]int{}
	for _, e := range s.events() {
		switch e.Kind {
		case phonesim.Instructed:
			told[e.Phone] = e.Time
			times[e.Phone]++
		case phonesim.Busy: // it did not take the command, and may get it again
			times[e.Phone]--
		}
	}
	saved := s.load()
	for i, p := range s.phones {
		is, st := p.State(), saved.Steps[i][0]
		s.told += min(is.Instructed, 1)
		switch {
		case times[macOf(i)] > 1+s.retried[i]:
			s.problem("phone %d was instructed %d times", i, times[macOf(i)])
		case st.Outcome == nil:
			s.problem("phone %d has no outcome", i)
		case is.Instructed > 0 && st.Commands == 0:
			s.problem("phone %d was instructed, and the journal does not know", i)
		case st.Outcome.Result == journal.Updated && is.Version != newVersion:
			s.problem("phone %d is not updated: it runs %s", i, is.Version)
		case is.Instructed == 0 && st.Outcome.Instructed && st.Commands == 0:
			s.problem("phone %d was not instructed, but the journal says so", i)
		}
		for _, event := range s.stream(hostOf(i)) {
			if event.Body.Kind() == journal.KindInstructing && times[macOf(i)] == 1 && event.At.After(told[macOf(i)].Add(time.Millisecond)) && st.Commands == 1 {
				s.problem("phone %d was instructed before that was recorded", i)
			}
		}
	}
}

// checkFetches counts the phones that fetch at a time.
func (s *simulation) checkFetches() {
	if s.twoRuns {
		return // each of them may have as many
	}
	on, most := map[string]bool{}, 0
	cuts := s.cuts
	for _, e := range s.events() {
		for len(cuts) > 0 && e.Time.After(cuts[0]) {
			clear(on) // a phone may notice later that its server is gone
			cuts = cuts[1:]
		}
		switch e.Kind {
		case phonesim.Fetching:
			on[e.Phone] = !s.stalls[e.Phone]
			n := 0
			for _, fetches := range on {
				if fetches {
					n++
				}
			}
			most = max(most, n)
		case phonesim.Fetched, phonesim.FetchEnded, phonesim.Restarting, phonesim.Refused, phonesim.Installing:
			delete(on, e.Phone)
		}
	}
	if most > s.rules.Parallel {
		s.problem("%d phones fetch at a time, not %d", most, s.rules.Parallel)
	}
}

// history returns when phones were begun, and how they ended badly, as the journal has it; and when a person let a wave go on in
// spite of its limits.
func (s *simulation) history() (all []begun, ends []end, forgiven map[int]time.Time) {
	forgiven = map[int]time.Time{}
	for i := range s.phones {
		var st journal.State
		for _, event := range s.stream(hostOf(i)) {
			switch body := event.Body.(type) {
			case journal.Begun:
				if st.Told.IsZero() {
					all = append(all, begun{i, body.Run, event.At})
				}
			case journal.Outcome:
				if body.Result == journal.Failed {
					cause, _ := causes(fleet.Kind(body.Failure), body.Instructed)
					ends = append(ends, end{i, cause, event.At})
				}
			}
			st = st.Apply(event)
		}
	}
	slices.SortFunc(all, func(a, b begun) int { return a.at.Compare(b.at) })
	slices.SortFunc(ends, func(a, b end) int { return a.at.Compare(b.at) })
	reached := 0
	for _, event := range s.stream("") {
		switch body := event.Body.(type) {
		case journal.LimitReached:
			reached = max(reached, body.Wave)
		case journal.Resumed:
			for w := range reached {
				if forgiven[w].IsZero() {
					forgiven[w] = event.At
				}
			}
		}
	}
	return all, ends, forgiven
}

// checkBegun checks that a phone was begun when its wave and the clock allowed it.
func (s *simulation) checkBegun(b begun) {
	w := s.wave[b.phone]
	if s.rules.Pause == rollout.PauseEach && w > 0 && !s.opened[w] || s.rules.Pause == rollout.PauseCanary && w == 1 && !s.opened[w] {
		s.problem("phone %d was begun, and nobody opened its wave", b.phone)
	}
	for other, of := range s.wave {
		if at, ended := s.ended[other]; of < w && (!ended || at.After(b.at.Add(time.Millisecond))) {
			s.problem("phone %d of wave %d was begun before phone %d of wave %d had ended", b.phone, w, other, of)
		}
	}
	if clock, win := b.at.Hour()*60+b.at.Minute(), s.rules.Window; win.IsSet() {
		if win.From < win.To && (clock < win.From || clock >= win.To) || win.From > win.To && clock < win.From && clock >= win.To {
			s.problem("phone %d was begun at %s, outside of %s", b.phone, b.at.Format(time.TimeOnly), win)
		}
	}
}

// checkRate checks how fast phones were begun after each other by one run.
func (s *simulation) checkRate(all []begun) {
	if s.rules.StartRate == 0 {
		return
	}
	last := map[string]time.Time{}
	for _, b := range all {
		if before, ok := last[b.run]; ok && b.at.Sub(before).Minutes()*s.rules.StartRate < 0.99 {
			s.problem("phone %d was begun %s after another one, at %.2f a minute", b.phone, b.at.Sub(before), s.rules.StartRate)
		}
		last[b.run] = b.at
	}
}

// checkLimit checks that no phone was begun after a limit of a wave was reached, until a person let the rollout go on.
func (s *simulation) checkLimit(w int, all []begun, ends []end, forgiven time.Time) {
	count := map[rollout.Cause]int{}
	for _, e := range ends {
		if s.wave[e.phone] != w {
			continue
		}
		count[e.cause]++
		count[rollout.AnyCause]++
		for _, limit := range s.rules.StopOn {
			most := float64(limit.Count)
			if limit.Percent > 0 {
				most = float64(limit.Percent) * float64(s.sizes[w]) / 100
			}
			if float64(count[limit.Cause]) >= most && count[limit.Cause] > 0 {
				s.checkStopped(limit, e, all, forgiven)
				return // a person lets the wave go on in spite of its limits
			}
		}
	}
}

// checkStopped checks that no phone was begun after a limit was reached.
func (s *simulation) checkStopped(limit rollout.Limit, e end, all []begun, forgiven time.Time) {
	for _, b := range all {
		if b.at.After(e.at.Add(2*time.Millisecond)) && (forgiven.IsZero() || b.at.Before(forgiven)) {
			s.problem("phone %d was begun after %s was reached", b.phone, limit)
		}
	}
}

// trace prints what happened, for a person.
func (s *simulation) trace() {
	var lines []string
	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, at.UTC().Format("02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
	for _, e := range s.events() {
		add(e.Time, "  phone %s: %s %s", e.Phone[len("00:1A:E8:00:"):], e.Kind, e.Detail)
	}
	for _, r := range journaltest.List(s.t, s.ledger.ReadAll(s.t.Context(), name)) {
		add(r.Event.At, "journal %s: %s %+v", cmp.Or(r.Key.Phone, "all"), r.Event.Body.Kind(), r.Event.Body)
	}
	slices.Sort(lines)
	s.t.Logf("rules %+v, waves %v\n%s", s.rules, s.sizes, strings.Join(lines, "\n"))
}
