package rollout_test

import (
	"os"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// checkSites compares what happened with what may happen.
func (s *sitesSim) checkSites() {
	if os.Getenv("TRACE") != "" {
		s.trace()
	}
	s.checkPhones()
	s.checkParallel()
	all, ends, forgiven := s.history()
	for _, b := range all {
		s.checkBegun(b)
		s.checkWave(b)
		if !s.holds(b.run, b.at) {
			s.problem("phone %d was begun by %s at %s, which had no lease", b.phone, b.run, b.at.Format(time.TimeOnly))
		}
		if site := s.runs[b.run].site; site != s.sites[b.phone] {
			s.problem("phone %d of %s was begun by a worker of %s", b.phone, s.sites[b.phone], site)
		}
	}
	s.checkRate(all)
	if len(s.retried) > 0 {
		return // phones that begin anew do not count any more
	}
	for w := range s.sizes {
		s.checkSums(w, all, forgiven[w])
		for _, site := range s.names {
			s.checkOwn(w, site, all, ends, forgiven[w])
		}
	}
}

// checkWave checks by the journal that the waves before had ended at all sites.
func (s *sitesSim) checkWave(b begun) {
	for i, w := range s.wave {
		if w >= s.wave[b.phone] {
			continue
		}
		ended := false
		for _, e := range s.stream(hostOf(i)) {
			if e.Body.Kind() == journal.KindOutcome && !e.At.After(b.at.Add(time.Millisecond)) {
				ended = true
			}
		}
		if !ended {
			s.problem("phone %d of wave %d was begun, and phone %d of wave %d at %s had no outcome", b.phone, s.wave[b.phone], i, w, s.sites[i])
		}
	}
}

// reached returns whether a limit is reached by so many phones of a wave.
func (s *sitesSim) reached(w int, ended map[rollout.Cause]int) (rollout.Limit, bool) {
	return s.rules.StopOn.Reached(ended, s.sizes[w])
}

// most is how long it takes at most from a sum until every worker knows it: it is stored, and a worker looks again.
const most = 200*time.Millisecond + 2*time.Second + 400*time.Millisecond

// checkSums checks that no worker begins a phone after the sums say that a limit is reached.
func (s *sitesSim) checkSums(w int, all []begun, forgiven time.Time) {
	sums := map[string]map[string]int{}
	for _, event := range s.stream("") {
		sum, ok := event.Body.(journal.SiteCounted)
		if !ok || sum.Wave != w+1 {
			continue
		}
		sums[sum.Site] = sum.Ended
		ended := map[rollout.Cause]int{}
		for _, counts := range sums {
			for cause, n := range counts {
				ended[rollout.Cause(cause)] += n
			}
		}
		limit, reached := s.reached(w, ended)
		if !reached {
			continue
		}
		for _, b := range all {
			if b.at.After(event.At.Add(most)) && (forgiven.IsZero() || b.at.Before(forgiven)) {
				s.problem("phone %d was begun at %s, after the sums said at %s that %s was reached", b.phone, b.at.Format(time.TimeOnly), event.At.Format(time.TimeOnly), limit)
			}
		}
		return
	}
}

// checkOwn checks that no worker begins a phone after the phones of its own site alone have reached a limit.
func (s *sitesSim) checkOwn(w int, site string, all []begun, ends []end, forgiven time.Time) {
	ended := map[rollout.Cause]int{}
	for _, e := range ends {
		if s.wave[e.phone] != w || s.sites[e.phone] != site {
			continue
		}
		ended[e.cause]++
		limit, reached := s.reached(w, ended)
		if !reached {
			continue
		}
		for _, b := range all {
			if s.sites[b.phone] == site && b.at.After(e.at.Add(2*time.Millisecond)) && (forgiven.IsZero() || b.at.Before(forgiven)) {
				s.problem("phone %d of %s was begun after %s was reached there", b.phone, site, limit)
			}
		}
		return
	}
}

// checkParallel counts the phones of a site that fetch at a time. While two workers of a site live, each of them may have as many.
func (s *sitesSim) checkParallel() {
	for _, site := range s.names {
		overlaps, runs := false, 0
		for _, r := range s.runs {
			if r.site == site {
				overlaps, runs = overlaps || r.overlaps, runs+1
			}
		}
		if overlaps || runs > 1 && s.stops > 0 {
			continue // phones may notice later that their server is gone
		}
		mine := map[string]bool{}
		for _, n := range s.at(site) {
			mine[macOf(n)] = true
		}
		on, most := map[string]bool{}, 0
		for _, e := range s.events() {
			switch {
			case !mine[e.Phone]:
			case e.Kind == phonesim.Fetching && !s.stalls[e.Phone]:
				on[e.Phone] = true
				most = max(most, len(on))
			case e.Kind == phonesim.Fetched, e.Kind == phonesim.FetchEnded, e.Kind == phonesim.Restarting, e.Kind == phonesim.Refused, e.Kind == phonesim.Installing:
				delete(on, e.Phone)
			}
		}
		if most > s.rules.Parallel {
			s.problem("%d phones of %s fetch at a time, not %d", most, site, s.rules.Parallel)
		}
	}
}
