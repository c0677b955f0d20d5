package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Delay is how long a noted event waits at most until it is recorded.
const Delay = time.Second

// A Writer records the events of one run. It gathers what is noted and appends it together, it knows the last event of each
// stream, and it stops recording a stream that another process has written to.
//
// Cancelling the context of a run does not keep a Writer from recording how the run ends; [Writer.Close] bounds that.
type Writer struct {
	ledger Ledger
	cancel context.CancelFunc
	now    chan struct{} // one element: a barrier waits, or the writer is closed
	soon   chan struct{} // one element: something was noted
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	streams map[Key]*written
	waiting map[Key]struct{} // the streams whose queue may not be empty
	closing bool
}

// written is a stream as its Writer knows it.
type written struct {
	seq    Seq
	queue  []waiting
	flying int      // how many events at the start of the queue are being appended
	unsure []Stored // an append of these failed: they may be recorded
	err    error    // the last failure
	over   bool     // another process has written to the stream: nothing is recorded any more
	lost   int      // events that were dropped
	why    error    // why the first of them was
}

// waiting is an event that is not recorded yet.
type waiting struct {
	event  Event
	stored Stored
	answer chan error // of a barrier; nil for a note
	tried  bool       // it is in unsure
}

// A Loss says what of a stream is not recorded.
type Loss struct {
	Key    Key
	Events int
	Err    error
}

// NewWriter returns a writer for a ledger, which it does not close.
func NewWriter(ctx context.Context, ledger Ledger) *Writer {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &Writer{ledger: ledger, cancel: cancel, now: make(chan struct{}, 1), soon: make(chan struct{}, 1), done: make(chan struct{}), streams: map[Key]*written{}, waiting: map[Key]struct{}{}}
	go w.run(ctx)
	return w
}

// Resume says what the last event of a stream is. Without it, a stream is taken to be empty.
func (w *Writer) Resume(key Key, seq Seq) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stream(key).seq = seq
}

// Note records events within [Delay]. While nothing can be recorded, it keeps [MaxEvents] of a stream. What it drops is counted
// by [Writer.Losses].
func (w *Writer) Note(key Key, events ...Event) {
	w.mu.Lock()
	for _, event := range events {
		_ = w.add(key, event, nil)
	}
	w.mu.Unlock()
	signal(w.soon)
}

// Barrier records an event, and returns without an error when this event and all that was noted before it for the stream are
// durable. With an error, the step that the event announces must not be made; the event may be recorded all the same. The error
// is ErrConflict if another process has written to the stream.
func (w *Writer) Barrier(ctx context.Context, key Key, event Event) error {
	answer := make(chan error, 1)
	w.mu.Lock()
	err := w.add(key, event, answer)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	signal(w.now)
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		w.withdraw(key, answer)
		return context.Cause(ctx)
	}
}

// Err returns why a stream is not recorded at present; nil if it is.
func (w *Writer) Err(key Key) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.streams[key]; s != nil {
		return s.err
	}
	return nil
}

// Losses returns the streams with events that could not be recorded, sorted by key. Until [Writer.Close] some of them may
// still be.
func (w *Writer) Losses() []Loss {
	w.mu.Lock()
	defer w.mu.Unlock()
	var losses []Loss
	for key, s := range w.streams {
		count, why := s.lost, s.why
		if s.err != nil {
			count += len(s.queue)
		}
		if why == nil {
			why = s.err
		}
		if count > 0 {
			losses = append(losses, Loss{key, count, why})
		}
	}
	slices.SortFunc(losses, func(a, b Loss) int { return compareKeys(a.Key, b.Key) })
	return losses
}

// Close records what was noted, and ends the writer. The end of the context ends the attempt. The error is that of the first
// one of [Writer.Losses].
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	signal(w.now)
	stop := context.AfterFunc(ctx, w.cancel)
	<-w.done
	stop()
	w.cancel()
	losses := w.Losses()
	if len(losses) == 0 {
		return nil
	}
	return fmt.Errorf("not everything was recorded: %s: %w", losses[0].Key, losses[0].Err)
}

// signal wakes the goroutine of a writer.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stream returns a stream, new if it is not known.
func (w *Writer) stream(key Key) *written {
	s := w.streams[key]
	if s == nil {
		s = &written{}
		w.streams[key] = s
	}
	return s
}

// add puts an event into the queue of its stream, or counts it as lost.
func (w *Writer) add(key Key, event Event, answer chan error) error {
	s := w.stream(key)
	stored, err := Batch{Key: key, Events: []Event{event}}.Store()
	switch {
	case err != nil:
	case s.over, s.err != nil && len(s.queue) >= MaxEvents:
		err = s.err
	case w.closing:
		err = fmt.Errorf("%s: %w: its writer is closed", key, ErrInvalid)
	default:
		s.queue = append(s.queue, waiting{event: event, stored: stored[0], answer: answer})
		w.waiting[key] = struct{}{}
		return nil
	}
	if answer == nil { // a barrier tells its caller
		s.lose(err)
	}
	return err
}

// withdraw takes the event of a barrier out of the queue, unless it is being appended.
func (w *Writer) withdraw(key Key, answer chan error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stream(key)
	for i := s.flying; i < len(s.queue); i++ {
		if s.queue[i].answer == answer {
			s.queue = slices.Delete(s.queue, i, i+1)
			return
		}
	}
}

// run records until the writer is closed.
func (w *Writer) run(ctx context.Context) {
	defer close(w.done)
	var later <-chan time.Time
	for {
		select {
		case <-w.soon:
			if later == nil {
				later = time.After(Delay)
			}
			continue
		case <-w.now:
		case <-later:
		}
		w.mu.Lock()
		closing := w.closing
		w.mu.Unlock()
		later = nil
		if w.flush(ctx) {
			later = time.After(Delay)
		}
		if closing {
			return
		}
	}
}

// flush appends all that waits, and reports whether some of it is still waiting.
func (w *Writer) flush(ctx context.Context) bool {
	w.resolve(ctx)
	for {
		batches := w.batches()
		if len(batches) == 0 {
			break
		}
		answers := w.ledger.AppendAll(ctx, batches)
		w.mu.Lock()
		for i, batch := range batches {
			w.streams[batch.Key].appended(answers[i])
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queued()) > 0
}

// queued returns the streams with events that wait, sorted, so that a run repeats.
func (w *Writer) queued() []Key {
	var keys []Key
	for key := range w.waiting {
		if len(w.streams[key].queue) == 0 {
			delete(w.waiting, key)
			continue
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// compareKeys orders keys.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Rollout, b.Rollout), cmp.Compare(a.Phone, b.Phone))
}
