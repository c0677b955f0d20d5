package journal

import "time"

// An Action is what a run does with a phone.
type Action int

// The actions. The zero value does nothing.
const (
	Leave Action = iota // it has an outcome
	Begin               // it was not instructed: begin anew
	Query               // it was instructed: query it first, and do not instruct it again
)

// String returns the action for a message.
func (a Action) String() string {
	switch a {
	case Begin:
		return "begin"
	case Query:
		return "query first"
	}
	return "leave alone"
}

// A Decision says what a run does with a phone.
type Decision struct {
	Action Action
	// Until is when a phone with Query that still reports its old version is unproven. Only a Retry lets it be instructed
	// again.
	Until time.Time
}

// Over reports whether a phone with Query that reports its old version is unproven now.
func (d Decision) Over(now time.Time) bool {
	return d.Action == Query && !now.Before(d.Until)
}

// Next returns what a run that begins now does with a phone. settle is how long after its last step a phone may still report
// its old version. If the clock was set back since that step, the wait is settle from now.
func Next(s State, now time.Time, settle time.Duration) Decision {
	switch {
	case s.Outcome != nil:
		return Decision{Action: Leave}
	case s.Told.IsZero():
		return Decision{Action: Begin}
	}
	since := s.StepAt
	if since.After(now) {
		since = now
	}
	return Decision{Action: Query, Until: since.Add(settle)}
}
