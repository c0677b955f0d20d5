package journal

// A Kind names what an event reports. Its text is stored and never changes.
type Kind string

// Kinds of the stream of a rollout.
const (
	KindPlanned      Kind = "planned"       // the first event of a rollout
	KindRunBegun     Kind = "run-begun"     // a process began to carry it out
	KindFlagsKept    Kind = "flags-kept"    // the flags of a run, for those that go on
	KindWaveOpened   Kind = "wave-opened"   // the phones of a wave may be begun
	KindPaused       Kind = "paused"        // no phone is begun until KindResumed
	KindResumed      Kind = "resumed"       //
	KindStopped      Kind = "stopped"       // no phone is begun any more
	KindLimitReached Kind = "limit-reached" // too many phones failed: no phone is begun
	KindSiteCounted  Kind = "site-counted"  // how far the phones of a site are in a wave
)

// Kinds of the stream of a phone, in the order of a phone that is updated. KindNote is in both streams.
const (
	KindListed      Kind = "listed"      // the rollout contains the phone
	KindBegun       Kind = "begun"       // a run began with it
	KindTookOver    Kind = "took-over"   // it was instructed by an earlier run whose end is not known
	KindReported    Kind = "reported"    // what it says about itself
	KindChecked     Kind = "checked"     // whether the image is compatible
	KindInstructing Kind = "instructing" // barrier: the update command is sent next
	KindInstructed  Kind = "instructed"  // the update command was sent
	KindAccepted    Kind = "accepted"    // the phone says that it will update
	KindBusy        Kind = "busy"        // it is in a call and did not take the update command
	KindFetching    Kind = "fetching"    // it fetches the image
	KindFetched     Kind = "fetched"     // it has the whole image
	KindSending     Kind = "sending"     // barrier: the image is sent to its web page next
	KindSent        Kind = "sent"        // every byte was sent to its web page
	KindRestarting  Kind = "restarting"  // it cannot be reached any more
	KindBack        Kind = "back"        // it can be reached again
	KindLetGo       Kind = "let-go"      // the run ended with it, and nothing is final
	KindOutcome     Kind = "outcome"     // how it ended with the phone
	KindRetry       Kind = "retry"       // a person allows to begin anew after an outcome
	KindNote        Kind = "note"        // a text
)

// Barrier reports whether an event of this kind must be durable before the program goes on: the step that it announces
// cannot be undone, or a person was told that it counts.
func (k Kind) Barrier() bool {
	switch k {
	case KindListed, KindInstructing, KindSending, KindRetry:
		return true
	}
	return k.stream() == ofRollout
}

// A stream says in which streams a kind occurs.
type stream int

const (
	ofAny stream = iota
	ofRollout
	ofPhone
)

// stream returns the streams for a kind; a kind of a newer program may occur in all of them.
func (k Kind) stream() stream {
	switch k {
	case KindPlanned, KindRunBegun, KindFlagsKept, KindWaveOpened, KindPaused, KindResumed, KindStopped, KindLimitReached, KindSiteCounted:
		return ofRollout
	case KindListed, KindBegun, KindTookOver, KindReported, KindChecked, KindInstructing, KindInstructed, KindAccepted, KindBusy, KindFetching,
		KindFetched, KindSending, KindSent, KindRestarting, KindBack, KindLetGo, KindOutcome, KindRetry:
		return ofPhone
	}
	return ofAny
}
