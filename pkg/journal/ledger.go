package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// A Seq is the place of an event in a ledger: 0 is before the first one. It grows within a stream, with gaps. In one file it
// also grows over all streams, in the order in which events were stored.
type Seq uint64

// Errors of a ledger, for errors.Is. An [Error] says more.
var (
	ErrConflict = errors.New("another process has written about it")
	ErrExists   = errors.New("a rollout of this name exists")
	ErrInvalid  = errors.New("cannot be recorded")

	ErrFull     = errors.New("no space is left")
	ErrReadOnly = errors.New("cannot be written")
	ErrForeign  = errors.New("not a journal")
	ErrNewer    = errors.New("written by a newer program")
	ErrDamaged  = errors.New("damaged")
	ErrBusy     = errors.New("in use by another process")
	ErrGone     = errors.New("removed or replaced")
	ErrNoShare  = errors.New("on a drive that cannot share memory")
	ErrFiles    = errors.New("too many open files")
	ErrIO       = errors.New("cannot be read or written")

	ErrUnreachable = errors.New("cannot be reached") // a server
	ErrDenied      = errors.New("access is denied")  // by a server
)

// An Error says what happened to a journal: Kind is one of the sentinels of this package.
type Error struct {
	Place string // such as a file
	Kind  error
	Text  string // a sentence about the place, without it
	Err   error  // the cause; it may be nil
}

// Error returns a sentence.
func (e *Error) Error() string {
	text := "journal " + e.Place + " " + e.Text
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// A Batch is what one caller adds to one stream.
type Batch struct {
	Key    Key
	After  Seq // the last event of the stream that the caller knows
	Events []Event
}

// An Appended is the answer to a batch: the place of its last event, or an error.
type Appended struct {
	Seq Seq
	Err error
}

// A Record is an event with its stream.
type Record struct {
	Key   Key
	Event Event
}

// A Rollout is a rollout with the first event of its stream.
type Rollout struct {
	Name  string
	First Event // its body is a Planned, unless a program wrote something else
}

// A Filter limits a list of rollouts.
type Filter struct {
	Since time.Time // only those that were created then or later
	Limit int       // only so many; 0 is all
}

// A Ledger keeps streams of events. It is safe for several goroutines, and for several processes with the same place.
//
// A sequence ends after its first error, except where a method says otherwise. A caller may append while it reads.
type Ledger interface {
	// Append adds events to a stream, all or none, and returns the place of the last one. They are durable when it returns
	// without an error. It fails with ErrConflict, and adds nothing, if the last event of the stream is not the one at
	// `after`. After any other error but ErrInvalid it is unknown whether they were added: read the stream.
	Append(ctx context.Context, key Key, after Seq, events ...Event) (Seq, error)
	// AppendAll is Append for many streams, at the price of one: one answer for each batch. Each batch stands alone.
	// It uses two batches for one stream in their order.
	AppendAll(ctx context.Context, batches []Batch) []Appended
	// Read returns the events of a stream, in order; none if there is no such stream.
	Read(ctx context.Context, key Key) iter.Seq2[Event, error]
	// ReadAll returns the events of all streams of a rollout. Each stream is in order; how streams alternate is not said.
	ReadAll(ctx context.Context, rollout string) iter.Seq2[Record, error]
	// Watch returns the events of a rollout after a place, in the order in which they were stored, and then each new one
	// until the context ends. The last error is the cause of that.
	Watch(ctx context.Context, rollout string, after Seq) iter.Seq2[Record, error]
	// Rollouts returns the rollouts, the newest first. One whose first event is damaged comes with its name and ErrDamaged, and the others
	// follow.
	Rollouts(ctx context.Context, f Filter) iter.Seq2[Rollout, error]
	// Find returns the streams of a phone in all rollouts, the one with the newest event first. The name is an address or a
	// MAC address, in any notation: see [Names].
	Find(ctx context.Context, phone string) iter.Seq2[Key, error]
	// Close ends the use of the ledger.
	Close() error
}

// Create begins a rollout. It fails with ErrExists if there is one of the name.
func Create(ctx context.Context, l Ledger, rollout string, at time.Time, plan Planned) (Seq, error) {
	seq, err := l.Append(ctx, Key{Rollout: rollout}, 0, Event{At: at, Body: plan})
	if errors.Is(err, ErrConflict) {
		return 0, fmt.Errorf("rollout %q: %w", rollout, ErrExists)
	}
	return seq, err
}

// A Stored is an event as a ledger stores it.
type Stored struct {
	At   int64 // milliseconds since 1970, UTC
	Kind Kind
	Data []byte // a JSON object
}

// Event returns the event of what was stored.
func (s Stored) Event(seq Seq) (Event, error) {
	at := time.UnixMilli(s.At).UTC()
	if err := checkTime(at); err != nil {
		return Event{}, err
	}
	body, err := Decode(s.Kind, s.Data)
	if err != nil {
		return Event{}, err
	}
	return Event{Seq: seq, At: at, Body: body}, nil
}

// Store checks a batch and returns its events as a ledger stores them. The error is ErrInvalid.
func (b Batch) Store() ([]Stored, error) {
	if err := b.Key.Check(); err != nil {
		return nil, err
	}
	if len(b.Events) == 0 || len(b.Events) > MaxEvents {
		return nil, fmt.Errorf("%w: a batch has 1 to %d events, not %d", ErrInvalid, MaxEvents, len(b.Events))
	}
	stored := make([]Stored, 0, len(b.Events))
	bytes := 0
	for _, event := range b.Events {
		if err := checkTime(event.At); err != nil {
			return nil, err
		}
		kind, data, err := Encode(event.Body)
		if err != nil {
			return nil, err
		}
		if in := kind.stream(); in == ofRollout && b.Key.Phone != "" || in == ofPhone && b.Key.Phone == "" {
			return nil, fmt.Errorf("%w: %s does not belong into the stream of %s", ErrInvalid, kind, b.Key)
		}
		if bytes += len(data); bytes > MaxBatch {
			return nil, fmt.Errorf("%w: the events of a batch have more than %d bytes", ErrInvalid, MaxBatch)
		}
		stored = append(stored, Stored{event.At.UnixMilli(), kind, data})
	}
	return stored, nil
}
