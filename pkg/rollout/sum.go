package rollout

import (
	"context"
	"iter"
	"maps"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A part is the phones of a wave at a site.
type part struct {
	site string
	wave int // of the plan, from 0
}

// An Other is what a decision needs of the phones of a wave at other sites, as far as these have said.
type Other struct {
	Phones int
	Left   int           // without an outcome
	Ended  map[Cause]int // badly
	Sites  []string      // that have phones left
}

// count takes over a sum of a site. What it says of a wave or a number that cannot be is left out.
func (s *Saved) count(body journal.SiteCounted) {
	at := s.partAt(body.Site)
	w := body.Wave - 1
	if at == nil || w < 0 || w >= len(at.Waves) {
		return
	}
	body.Left = min(max(body.Left, 0), at.Waves[w])
	body.Ended = maps.Clone(body.Ended)
	maps.DeleteFunc(body.Ended, func(_ string, phones int) bool { return phones <= 0 })
	if s.counted == nil {
		s.counted = map[part]journal.SiteCounted{}
	}
	s.counted[part{body.Site, w}] = body
	if s.Site != "" && body.Site == s.Site && body.Run != s.Control.Run {
		s.stale = true // a person let phones begin anew
	}
}

// others returns what sites have said about each wave, one of them excepted. What a site has not said is not done.
func (s *Saved) others(except string) []Other {
	others := make([]Other, len(s.Plan.Waves))
	for w := range others {
		others[w].Ended = map[Cause]int{}
	}
	for _, site := range s.Sites {
		for w, phones := range site.Waves {
			if phones == 0 || w >= len(others) || except != "" && site.Name == except {
				continue
			}
			counted, known := s.counted[part{site.Name, w}]
			if !known {
				counted.Left = phones
			}
			o := &others[w]
			o.Phones += phones
			if o.Left += counted.Left; counted.Left > 0 {
				o.Sites = append(o.Sites, site.Name)
			}
			for cause, n := range counted.Ended {
				o.Ended[Cause(cause)] += n
			}
		}
	}
	return others
}

// sum counts the phones of a wave that are here.
func (p *Plan) sum(s State, w int) (sum journal.SiteCounted) {
	sum.Wave = w + 1
	for _, i := range p.Waves[w].Phones {
		if at := s.Phones[i]; !at.Ended || p.mayRetry(at) {
			sum.Left++
		}
	}
	for cause, n := range p.endedHere(s, w) {
		if sum.Ended == nil {
			sum.Ended = map[string]int{}
		}
		sum.Ended[string(cause)] = n
	}
	return sum
}

// sums returns what the other sites have to know of the phones of this one and do not: that phones of a wave ended badly, and that
// none of a wave is left. Phones that end well are not worth an event.
func (s *Saved) sums(plan *Plan, state State) []journal.Body {
	var bodies []journal.Body
	for w, wave := range plan.Waves {
		if len(wave.Phones) == 0 {
			continue
		}
		was, known := s.counted[part{s.Site, w}]
		if !known {
			was.Left = len(wave.Phones)
		}
		now := plan.sum(state, w)
		if maps.Equal(was.Ended, now.Ended) && (was.Left == 0) == (now.Left == 0) {
			continue
		}
		now.Site, now.Run = s.Site, s.Control.Run
		bodies = append(bodies, now)
	}
	return bodies
}

// A TailReader is a ledger that can read the end of a stream without what is before it. With any other ledger, a run reads the whole
// stream of the rollout whenever it looks whether somebody decided something.
type TailReader interface {
	// ReadAfter returns the events of a stream after a place, in order.
	ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error]
}

// refreshed returns what is known of a rollout with what was decided about it since. It leaves the receiver alone.
func (s *Saved) refreshed(ctx context.Context, l journal.Ledger) (*Saved, error) {
	key := journal.Key{Rollout: s.Name}
	events := l.Read(ctx, key)
	if tail, ok := l.(TailReader); ok {
		events = tail.ReadAfter(ctx, key, s.Seq)
	}
	now := s
	for event, err := range events {
		if err != nil {
			return nil, err
		}
		if event.Seq <= s.Seq {
			continue
		}
		if now == s {
			now = s.copied()
		}
		if err := now.apply(event); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// publish records what the other sites have to know of this one, and reports whether something was to be recorded.
func (e *Engine) publish(ctx context.Context, s *Saved) (bool, error) {
	if e.Site == "" {
		return false, nil
	}
	bodies := s.sums(&s.Plan, s.State(e.Causes))
	return len(bodies) > 0, e.note(ctx, s, bodies...)
}
