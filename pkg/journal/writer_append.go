package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// batches returns the next events of each stream that can be appended. The caller appends them and calls appended.
func (w *Writer) batches() []Batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	var batches []Batch
	for _, key := range w.queued() {
		s := w.streams[key]
		if s.unsure != nil {
			continue
		}
		s.flying = fits(s.queue)
		batch := Batch{Key: key, After: s.seq}
		for _, one := range s.queue[:s.flying] {
			batch.Events = append(batch.Events, one.event)
		}
		batches = append(batches, batch)
	}
	return batches
}

// fits returns how many events at the start of a queue one batch may have.
func fits(queue []waiting) int {
	bytes := 0
	for i, one := range queue {
		if bytes += len(one.stored.Data); i == MaxEvents || bytes > MaxBatch {
			return i
		}
	}
	return len(queue)
}

// appended takes the answer to a batch.
func (s *written) appended(answer Appended) {
	count := s.flying
	s.flying = 0
	switch {
	case answer.Err == nil:
		s.seq, s.err = answer.Seq, nil
		for _, one := range s.queue[:count] {
			one.reply(nil)
		}
		s.queue = slices.Delete(s.queue, 0, count)
	case errors.Is(answer.Err, ErrConflict):
		s.letGo(answer.Err)
	default:
		for i := range s.queue[:count] {
			s.queue[i].tried = true
			s.unsure = append(s.unsure, s.queue[i].stored)
		}
		s.fail(answer.Err)
	}
}

// fail answers the barriers that wait, and takes their events out of the queue: what they announce is not done. Notes stay.
func (s *written) fail(err error) {
	s.err = err
	s.queue = slices.DeleteFunc(s.queue, func(one waiting) bool {
		one.reply(err)
		return one.answer != nil
	})
}

// letGo ends the recording of a stream that another process has written to.
func (s *written) letGo(err error) {
	s.over, s.err, s.unsure = true, err, nil
	for _, one := range s.queue {
		one.reply(err)
		if one.answer == nil {
			s.lose(err)
		}
	}
	s.queue = nil
}

// lose counts an event that is dropped.
func (s *written) lose(err error) {
	s.lost++
	if s.why == nil {
		s.why = err
	}
}

// reply answers a barrier.
func (one waiting) reply(err error) {
	if one.answer != nil {
		one.answer <- err
	}
}

// resolve finds out whether the events of failed appends are recorded.
func (w *Writer) resolve(ctx context.Context) {
	type doubt struct {
		key   Key
		s     *written
		after Seq
	}
	var doubts []doubt
	w.mu.Lock()
	for _, key := range w.queued() {
		if s := w.streams[key]; s.unsure != nil {
			doubts = append(doubts, doubt{key, s, s.seq})
		}
	}
	w.mu.Unlock()
	for _, d := range doubts {
		tail, last, err := w.tail(ctx, d.key, d.after)
		w.mu.Lock()
		d.s.resolved(d.key, tail, last, err)
		w.mu.Unlock()
	}
}

// tail returns the events of a stream after a place, and the place of the last one.
func (w *Writer) tail(ctx context.Context, key Key, after Seq) (tail []Stored, last Seq, err error) {
	for event, err := range w.ledger.Read(ctx, key) {
		if err != nil {
			return nil, 0, err
		}
		if event.Seq <= after {
			continue
		}
		stored, err := Batch{Key: key, Events: []Event{event}}.Store()
		if err != nil {
			return nil, 0, err
		}
		tail, last = append(tail, stored[0]), event.Seq
	}
	return tail, last, nil
}

// resolved takes the events that follow the last one that is known to be recorded.
func (s *written) resolved(key Key, tail []Stored, last Seq, err error) {
	same := func(a, b Stored) bool { return a.At == b.At && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data) }
	switch {
	case err != nil:
		s.fail(err)
	case len(tail) == 0:
		s.unsure = nil
		for i := range s.queue {
			s.queue[i].tried = false
		}
	case slices.EqualFunc(tail, s.unsure, same):
		s.unsure, s.seq = nil, last
		s.queue = slices.DeleteFunc(s.queue, func(one waiting) bool { return one.tried })
	default:
		s.letGo(fmt.Errorf("%s: %w", key, ErrConflict))
	}
	if s.unsure == nil && !s.over {
		s.err = nil
	}
}
