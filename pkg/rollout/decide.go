package rollout

import (
	"maps"
	"slices"
	"time"
)

// A Progress is what the journal says of one phone of a plan.
type Progress struct {
	Ended      bool  // it has an outcome
	Updated    bool  // a good one
	Cause      Cause // of a bad one
	MayPass    bool  // the cause may pass, and the phone got no update command and no image
	Instructed bool  // it may have got the update command or the image, and has no outcome yet: it is only queried
	Attempts   int
	At         time.Time // when it ended
}

// A Control is what people and limits decided about a rollout.
type Control struct {
	Paused   bool
	Stopped  bool
	Opened   int    // how many waves were opened, by the rollout itself or by a person
	Forgiven int    // limits of so many waves do not count any more: a person went on in spite of them
	Run      string // the run that carries the rollout out: the last one that began; "" before the first one

	reached int // how many waves had a limit reached
}

// A State is all that a decision needs.
type State struct {
	Phones  []Progress // as in the plan
	Control Control
	Other   []Other // for each wave, what is known of the phones of other sites; nil if the plan has all phones
}

// A Verb is what to do next.
type Verb string

// The verbs.
const (
	Run    Verb = "run"    // take Phones on
	Wait   Verb = "wait"   // until the time Until
	Ask    Verb = "ask"    // a person has to open the next wave
	Paused Verb = "paused" // a person paused the rollout
	Over   Verb = "limit"  // a limit is reached
	Stop   Verb = "stop"   // a person stopped the rollout
	Done   Verb = "done"   // every phone has an outcome
)

// A Decision is what to do next. Whatever it says, phones that may have been instructed are followed to their end.
type Decision struct {
	Verb    Verb
	Wave    int   // of the plan, from 0
	Phones  []int // of the plan: to be taken on now, in their order
	Until   time.Time
	Reached Limit // with Over

	Sites []string // with Wait and no phones: other sites, whose phones of the wave have to end first
}

// Decide returns what to do next, as a function of plan, state and time alone. Two processes that see the same state decide the
// same.
func (p *Plan) Decide(s State, now time.Time) Decision {
	settling := p.settling(s)
	d := p.gate(s)
	switch d.Verb {
	case Done:
		return d
	case Run:
	default:
		d.Phones = settling
		return d
	}
	if opens := p.Rules.Window.Next(now); opens.After(now) {
		return Decision{Verb: Wait, Wave: d.Wave, Until: opens, Phones: settling}
	}
	begin, due := p.open(s, d.Wave, now)
	d.Phones = append(settling, begin...)
	if len(d.Phones) == 0 {
		return Decision{Verb: Wait, Wave: d.Wave, Until: due, Sites: s.other(d.Wave).Sites}
	}
	return d
}

// other returns what is known of the phones of a wave at other sites.
func (s State) other(w int) Other {
	if w < len(s.Other) {
		return s.Other[w]
	}
	return Other{}
}

// size returns how many phones a wave has, at all sites.
func (p *Plan) size(s State, w int) int { return len(p.Waves[w].Phones) + s.other(w).Phones }

// settling returns the phones that may have been instructed, of all waves.
func (p *Plan) settling(s State) []int {
	var phones []int
	for _, wave := range p.Waves {
		for _, i := range wave.Phones {
			if at := s.Phones[i]; at.Instructed && !at.Ended {
				phones = append(phones, i)
			}
		}
	}
	return phones
}

// gate decides whether phones of a wave may be begun: of the first that has phones without an outcome.
func (p *Plan) gate(s State) Decision {
	if s.Other != nil && len(p.Phones) > 0 && p.allEndedHere(s) {
		return Decision{Verb: Done, Wave: max(len(p.Waves)-1, 0)} // nothing is left to do here
	}
	for w, wave := range p.Waves {
		d := Decision{Wave: w}
		if limit, reached := p.Rules.StopOn.Reached(p.ended(s, w), p.size(s, w)); reached && w >= s.Control.Forgiven {
			d.Verb, d.Reached = Over, limit
			if !s.Control.Stopped && p.allEnded(s) {
				d.Verb = Done
			}
			return d
		}
		if s.other(w).Left == 0 && !slices.ContainsFunc(wave.Phones, func(i int) bool { return !s.Phones[i].Ended || p.mayRetry(s.Phones[i]) }) {
			continue
		}
		switch {
		case s.Control.Stopped:
			d.Verb = Stop
		case s.Control.Paused:
			d.Verb = Paused
		case w >= s.Control.Opened && p.pausesBefore(w):
			d.Verb = Ask
		default:
			d.Verb = Run
		}
		return d
	}
	return Decision{Verb: Done, Wave: max(len(p.Waves)-1, 0)}
}

// pausesBefore reports whether a person opens a wave.
func (p *Plan) pausesBefore(w int) bool {
	switch p.Rules.Pause {
	case PauseEach:
		return w > 0
	case PauseCanary:
		return w == 1 && p.Waves[0].Name == WaveSize{Canary: true}.String()
	case PauseNone:
	}
	return false
}

// ended counts the phones of a wave that ended badly, at all sites, by their causes. Those that are to be tried again do not count.
func (p *Plan) ended(s State, w int) map[Cause]int { return with(p.endedHere(s, w), s.other(w)) }

// with returns counts of phones here with those of other sites.
func with(here map[Cause]int, other Other) map[Cause]int {
	count := maps.Clone(here)
	for cause, n := range other.Ended {
		count[cause] += n
	}
	return count
}

// endedHere does what ended does, without other sites.
func (p *Plan) endedHere(s State, w int) map[Cause]int {
	count := map[Cause]int{}
	for _, i := range p.Waves[w].Phones {
		if at := s.Phones[i]; at.Ended && !at.Updated && !p.mayRetry(at) {
			count[at.Cause]++
		}
	}
	return count
}

// mayRetry reports whether a phone that ended badly is tried again by the rollout itself.
func (p *Plan) mayRetry(at Progress) bool {
	return at.Ended && !at.Updated && at.MayPass && at.Attempts < p.Rules.Attempts
}

// allEnded reports whether no phone is left to do, at any site.
func (p *Plan) allEnded(s State) bool {
	return p.allEndedHere(s) && !slices.ContainsFunc(s.Other, func(o Other) bool { return o.Left > 0 })
}

// allEndedHere does what allEnded does, without other sites.
func (p *Plan) allEndedHere(s State) bool {
	for _, wave := range p.Waves {
		for _, i := range wave.Phones {
			if !s.Phones[i].Ended || p.mayRetry(s.Phones[i]) {
				return false
			}
		}
	}
	return true
}

// retryPause is the pause before the second attempt at a phone. Each further one is twice as long, up to maxRetryPause.
const (
	retryPause    = time.Minute
	maxRetryPause = 15 * time.Minute
)

// due returns when a phone that ended badly may be tried again. If that was in the future, the clock was set back since: nobody can
// tell how long ago it was, and the phone may be tried now.
func (at Progress) due(now time.Time) time.Time {
	if at.At.After(now) {
		return now
	}
	pause := retryPause << min(max(at.Attempts-1, 0), 8)
	return at.At.Add(min(pause, maxRetryPause))
}

// open returns the phones of a wave that may be begun: those that were not tried yet, and if there are none, those that may be
// tried again, or when the first of them may be.
func (p *Plan) open(s State, w int, now time.Time) (begin []int, due time.Time) {
	var again []int
	for _, i := range p.Waves[w].Phones {
		switch at := s.Phones[i]; {
		case at.Instructed && !at.Ended:
		case !at.Ended:
			begin = append(begin, i)
		case p.mayRetry(at) && !at.due(now).After(now):
			again = append(again, i)
		case p.mayRetry(at) && (due.IsZero() || at.due(now).Before(due)):
			due = at.due(now)
		}
	}
	if len(begin) > 0 {
		return begin, time.Time{}
	}
	return again, due
}
