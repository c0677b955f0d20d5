package journaltest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// ErrDown is the error of a ledger after Memory.Crash or Close.
var ErrDown = errors.New("this ledger is closed")

// A Memory is a place for a journal in memory. It forgets more than a disk would: see Crash. It works in a bubble of
// testing/synctest.
type Memory struct {
	mu      sync.Mutex
	seq     journal.Seq
	log     []entry
	last    map[journal.Key]journal.Seq
	age     int           // how often it crashed
	changed chan struct{} // closed by the next change
	fault   func([]journal.Batch) Fault
}

// entry is an event as a ledger stores it.
type entry struct {
	key    journal.Key
	seq    journal.Seq
	stored journal.Stored
}

// A Fault is what goes wrong with one call of AppendAll; the zero value is nothing.
type Fault struct {
	Err      error // that all batches are answered with
	Recorded bool  // they are recorded anyway: the acknowledgement was lost
}

// NewMemory returns an empty place.
func NewMemory() *Memory {
	return &Memory{last: map[journal.Key]journal.Seq{}, changed: make(chan struct{})}
}

// Open returns a ledger, as another process would have it.
func (m *Memory) Open() journal.Ledger {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &handle{place: m, age: m.age, closed: make(chan struct{})}
}

// Fail sets what goes wrong from now on; nil is nothing. The function must not use the place.
func (m *Memory) Fail(fault func([]journal.Batch) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// Crash ends every ledger that is open, and forgets of each stream events that follow its last barrier: keep says how many of n
// stay, from 0 to n. Streams are asked about in the order of their keys, so that a seeded function repeats.
func (m *Memory) Crash(keep func(n int) int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	streams := map[journal.Key][]entry{}
	for _, e := range m.log {
		streams[e.key] = append(streams[e.key], e)
	}
	keys := make([]journal.Key, 0, len(streams))
	for key := range streams {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compare)
	forgotten := map[journal.Seq]bool{}
	for _, key := range keys {
		events := streams[key]
		loose := len(events)
		for i, e := range events {
			if e.stored.Kind.Barrier() {
				loose = len(events) - i - 1
			}
		}
		for _, e := range events[len(events)-loose+min(max(keep(loose), 0), loose):] {
			forgotten[e.seq] = true
		}
	}
	m.log = slices.DeleteFunc(m.log, func(e entry) bool { return forgotten[e.seq] })
	clear(m.last)
	for _, e := range m.log {
		m.last[e.key] = e.seq
	}
	m.age++
	m.notify()
}

// notify wakes everybody who watches.
func (m *Memory) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// compare orders keys.
func compare(a, b journal.Key) int {
	return cmp.Or(cmp.Compare(a.Rollout, b.Rollout), cmp.Compare(a.Phone, b.Phone))
}

// handle is a ledger of one process.
type handle struct {
	place  *Memory
	age    int
	once   sync.Once
	closed chan struct{}
}

// enter locks the place, or reports that the ledger has ended.
func (h *handle) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-h.closed:
		return ErrDown
	default:
	}
	h.place.mu.Lock()
	if h.age != h.place.age {
		h.place.mu.Unlock()
		return ErrDown
	}
	return nil
}

func (h *handle) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := h.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

func (h *handle) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	answers := make([]journal.Appended, len(batches))
	failed := func(err error) []journal.Appended {
		for i := range answers {
			answers[i] = journal.Appended{Err: err}
		}
		return answers
	}
	if err := h.enter(ctx); err != nil {
		return failed(err)
	}
	defer h.place.mu.Unlock()
	var fault Fault
	if h.place.fault != nil {
		fault = h.place.fault(batches)
	}
	if fault.Err != nil && !fault.Recorded {
		return failed(fault.Err)
	}
	for i, batch := range batches {
		answers[i].Seq, answers[i].Err = h.place.append(batch)
	}
	h.place.notify()
	if fault.Err != nil {
		return failed(fault.Err)
	}
	return answers
}

// append adds a batch.
func (m *Memory) append(batch journal.Batch) (journal.Seq, error) {
	stored, err := batch.Store()
	if err != nil {
		return 0, err
	}
	if m.last[batch.Key] != batch.After {
		return 0, fmt.Errorf("%s: %w", batch.Key, journal.ErrConflict)
	}
	for _, one := range stored {
		m.seq++
		m.log = append(m.log, entry{batch.Key, m.seq, one})
	}
	m.last[batch.Key] = m.seq
	return m.seq, nil
}

// records returns the records that a function selects, and what ends the next one.
func (h *handle) records(ctx context.Context, selected func(entry) bool) ([]journal.Record, chan struct{}, error) {
	if err := h.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer h.place.mu.Unlock()
	var records []journal.Record
	for _, e := range h.place.log {
		if !selected(e) {
			continue
		}
		event, err := e.stored.Event(e.seq)
		if err != nil {
			return nil, nil, err
		}
		records = append(records, journal.Record{Key: e.key, Event: event})
	}
	return records, h.place.changed, nil
}

// sequence returns records one after the other.
func sequence[T any](list func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		all, err := list()
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
		if err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

func (h *handle) Read(ctx context.Context, key journal.Key) iter.Seq2[journal.Event, error] {
	return sequence(func() (events []journal.Event, err error) {
		records, _, err := h.records(ctx, func(e entry) bool { return e.key == key })
		for _, record := range records {
			events = append(events, record.Event)
		}
		return events, err
	})
}

func (h *handle) ReadAll(ctx context.Context, rollout string) iter.Seq2[journal.Record, error] {
	return sequence(func() ([]journal.Record, error) {
		records, _, err := h.records(ctx, func(e entry) bool { return e.key.Rollout == rollout })
		return records, err
	})
}

// ReadAfter returns the events of a stream after a place.
func (h *handle) ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error] {
	return sequence(func() (events []journal.Event, err error) {
		records, _, err := h.records(ctx, func(e entry) bool { return e.key == key && e.seq > after })
		for _, record := range records {
			events = append(events, record.Event)
		}
		return events, err
	})
}

// ReadSite returns the events of the phones of a site.
func (h *handle) ReadSite(ctx context.Context, rollout, site string) iter.Seq2[journal.Record, error] {
	return sequence(func() ([]journal.Record, error) {
		records, _, err := h.records(ctx, func(e entry) bool { return e.key.Rollout == rollout && strings.HasPrefix(e.key.Phone, site+"/") })
		return records, err
	})
}

func (h *handle) Watch(ctx context.Context, rollout string, after journal.Seq) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for {
			records, changed, err := h.records(ctx, func(e entry) bool { return e.key.Rollout == rollout && e.seq > after })
			if err != nil {
				yield(journal.Record{}, err)
				return
			}
			for _, record := range records {
				if !yield(record, nil) {
					return
				}
				after = record.Event.Seq
			}
			select {
			case <-ctx.Done():
			case <-h.closed:
			case <-changed:
			}
		}
	}
}

func (h *handle) Rollouts(ctx context.Context, f journal.Filter) iter.Seq2[journal.Rollout, error] {
	return sequence(func() (rollouts []journal.Rollout, err error) {
		seen := map[string]bool{}
		records, _, err := h.records(ctx, func(e entry) bool { return e.key.Phone == "" })
		for _, record := range records {
			if name := record.Key.Rollout; !seen[name] {
				seen[name] = true
				rollouts = append(rollouts, journal.Rollout{Name: name, First: record.Event})
			}
		}
		rollouts = slices.DeleteFunc(rollouts, func(r journal.Rollout) bool { return r.First.At.Before(f.Since) })
		slices.Reverse(rollouts)
		if f.Limit > 0 && len(rollouts) > f.Limit {
			rollouts = rollouts[:f.Limit]
		}
		return rollouts, err
	})
}

func (h *handle) Find(ctx context.Context, phone string) iter.Seq2[journal.Key, error] {
	return sequence(func() (keys []journal.Key, err error) {
		records, _, err := h.records(ctx, func(entry) bool { return true })
		found := map[journal.Key]bool{}
		for _, record := range records {
			if slices.Contains(journal.Names(record.Key, []journal.Event{record.Event}), journal.Name(phone)) {
				found[record.Key] = true
			}
		}
		for _, record := range slices.Backward(records) {
			if found[record.Key] {
				delete(found, record.Key)
				keys = append(keys, record.Key)
			}
		}
		return keys, err
	})
}

func (h *handle) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}
