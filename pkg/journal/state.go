package journal

import (
	"slices"
	"time"
)

// A State is what the events of a phone amount to. Its zero value is that of no event.
type State struct {
	Seq     Seq       // of the last event
	Events  int       // how many
	Skipped int       // how many of them are of an unknown kind
	At      time.Time // of the last event

	Listed Listed // the last one, if there are several

	// Step is the last durable step; "" before the first one. It is KindListed, KindBegun, KindReported, KindChecked, or
	// a later kind up to KindBack. Once the phone is instructed, only later kinds change it.
	Step   Kind
	StepAt time.Time

	Run       string    // the last one that began with it
	Attempt   int       // of that
	Failed    int       // attempts that ended with LetGo and Again, since the last Retry
	Told      time.Time // barrier before the update command or the image; zero if there was none, or it does not count any more
	Target    string    // version that the phone is to report then
	Commands  int       // how many of these barriers there were, those that do not count any more included
	Before    Device    // what the phone said last before the barrier
	After     Device    // what it said last after it
	Bytes     int64     // of the image that it has
	Size      int64     // of the image; 0 if unknown
	Overrides []Override
	LetGo     *LetGo   // why the last run ended with it, if nothing is final
	Outcome   *Outcome // how it ended; nil if it has not, or since a Retry
	OutcomeAt time.Time
	Retries   int // how many Retry
	Retried   Seq // the last of them
	Note      string
}

// Fold returns the state of the events of a stream.
func Fold(events []Event) State {
	var s State
	for _, event := range events {
		s = s.Apply(event)
	}
	return s
}

// Apply returns the state after one more event. It leaves the receiver alone.
func (s State) Apply(event Event) State {
	s.Seq, s.At = event.Seq, event.At
	s.Events++
	switch body := event.Body.(type) {
	case Listed:
		s.Listed = body
		s.before(event)
	case Note:
		s.Note = body.Text
	case Begun:
		s.Run, s.Attempt, s.LetGo = body.Run, body.Attempt, nil
		s.before(event)
	case TookOver:
		s.Told, s.Target, s.Before = body.Told, body.Version, body.Before
		s.Step, s.StepAt = KindTookOver, body.Told
	case Reported:
		if s.Told.IsZero() {
			s.Before = body.Device
		} else {
			s.After = body.Device
		}
		s.before(event)
	case Checked:
		s.Overrides = slices.Clone(body.Overrides)
		s.before(event)
	case LetGo:
		s.LetGo = &body
		if body.Again {
			s.Failed++
		}
	case Outcome:
		s.Outcome, s.OutcomeAt, s.LetGo = &body, event.At, nil
	case Retry:
		s.Retries++
		s.Retried, s.Failed = event.Seq, 0
		s.Outcome, s.OutcomeAt, s.LetGo = nil, time.Time{}, nil
		s.anew(event)
	case nil, Unknown:
		s.Skipped++
	default:
		s.update(event)
	}
	return s
}

// before records a step before the update command, unless the phone is past it.
func (s *State) before(event Event) {
	if s.Told.IsZero() && s.Outcome == nil {
		s.Step, s.StepAt = event.Body.Kind(), event.At
	}
}

// anew forgets the update command, which does not count any more.
func (s *State) anew(event Event) {
	s.Step, s.StepAt = KindListed, event.At
	s.Told, s.Target, s.After, s.Bytes = time.Time{}, "", Device{}, 0
}

// update records a step from the update command to the restart.
func (s *State) update(event Event) {
	switch body := event.Body.(type) {
	case Instructing:
		s.command(event, body.Run, body.Attempt, body.Version, 0)
	case Sending:
		s.command(event, body.Run, body.Attempt, body.Version, body.Size)
	case Busy:
		if s.Outcome == nil {
			s.anew(event)
		}
		return
	case Fetching:
		s.Bytes, s.Size = max(s.Bytes, body.Bytes), max(s.Size, body.Size)
	case Fetched:
		s.Bytes = max(s.Bytes, body.Bytes)
	case Sent:
		s.Bytes = max(s.Bytes, body.Bytes)
	case Instructed, Accepted, Restarting, Back:
	default:
		s.Skipped++
		return
	}
	if s.Told.IsZero() { // an update without its barrier: as if the barrier were here
		s.Told = event.At
	}
	if s.Outcome == nil {
		s.Step, s.StepAt = event.Body.Kind(), event.At
	}
}

// command records the barrier before an update command or an image.
func (s *State) command(event Event, run string, attempt int, version string, size int64) {
	s.Run, s.Attempt, s.Target, s.LetGo = run, attempt, version, nil
	s.Told = event.At
	s.After, s.Bytes, s.Size = Device{}, 0, max(s.Size, size)
	s.Commands++
}
