package jetstream

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Limits of reading.
const (
	pullMessages = 500
	pullBytes    = 8 << 20
	pullExpiry   = 10 * time.Second
	heartbeat    = 3 * time.Second        // of the server, while there is nothing to read
	idle         = 5 * time.Minute        // after that long the server forgets a reader that is gone
	pause        = 200 * time.Millisecond // before the server is asked again
)

// errGap says that a message was lost between the server and this program.
var errGap = errors.New("a message was lost on its way")

// scan returns the messages of a filter from a number on, in their order: those that there are, or with live also each new
// one. It goes on after the connection was lost. An error is the last element.
func (l *Ledger) scan(ctx context.Context, filter string, from uint64, live bool) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		r := reader{ledger: l, filter: filter, next: max(from, 1), live: live}
		for progress := time.Now(); ; {
			before := r.next
			done, err := r.read(ctx, yield)
			if done {
				return
			}
			if r.next > before {
				progress = time.Now()
			}
			if r.mayGoOn(ctx, err, progress) {
				if err = l.again(ctx, r.limit()); err == nil {
					continue
				}
			}
			yield(message{}, l.explain(ctx, reading, err))
			return
		}
	}
}

// again waits until the server may be asked again. It waits for the connection without end if limit is zero.
func (l *Ledger) again(ctx context.Context, limit time.Duration) error {
	if err := l.await(ctx, limit); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}

// reader reads the messages of a filter.
type reader struct {
	ledger *Ledger
	filter string
	next   uint64 // the first message that was not read
	live   bool
}

// mayGoOn reports whether reading is tried again after an error. progress is when the last message came.
func (r *reader) mayGoOn(ctx context.Context, err error, progress time.Time) bool {
	return ctx.Err() == nil && passing(err) && (r.live || time.Since(progress) < r.ledger.wait)
}

// limit returns how long a reader waits for a connection; 0 is without end.
func (r *reader) limit() time.Duration {
	if r.live {
		return 0
	}
	return r.ledger.wait
}

// read reads until the end of what there is, or until an error. It reports whether nothing more is wanted.
func (r *reader) read(ctx context.Context, yield func(message, error) bool) (done bool, err error) {
	l, name := r.ledger, rand.Text()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.expect(cancel, "$JS.API.CONSUMER.CREATE."+Stream+"."+name+"."+r.filter, "$JS.API.CONSUMER.MSG.NEXT."+Stream+"."+name)()
	defer l.untilLost(cancel)()
	consumer, err := l.js.CreateConsumer(ctx, Stream, js.ConsumerConfig{
		Name: name, FilterSubject: r.filter, DeliverPolicy: js.DeliverByStartSequencePolicy, OptStartSeq: r.next,
		AckPolicy: js.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: idle,
	})
	if err != nil {
		return false, causeOf(ctx, err)
	}
	defer l.forget(name)
	left := consumer.CachedInfo().NumPending
	if !r.live && left == 0 {
		return true, nil
	}
	options := []js.PullMessagesOpt{js.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes), js.PullExpiry(pullExpiry), js.PullHeartbeat(heartbeat)}
	if !r.live {
		options = append(options, js.StopAfter(int(min(left, 1<<30)))) //nolint:gosec // bounded
	}
	messages, err := consumer.Messages(options...)
	if err != nil {
		return false, causeOf(ctx, err)
	}
	defer messages.Stop()
	for delivered := uint64(1); r.live || left > 0; delivered++ {
		m, err := messages.Next(js.NextContext(ctx))
		if err != nil {
			return false, causeOf(ctx, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		if meta.Sequence.Consumer != delivered {
			return false, errGap
		}
		r.next = meta.Sequence.Stream + 1
		left--
		if !yield(message{meta.Sequence.Stream, m.Subject(), m.Headers(), m.Data(), meta.Timestamp}, nil) {
			return true, nil
		}
	}
	return true, nil
}

// causeOf returns why a context has ended, or the error if it has not.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// forget tells the server that a reader is gone. Nobody waits for the answer.
func (l *Ledger) forget(name string) {
	_ = l.conn.PublishRequest("$JS.API.CONSUMER.DELETE."+Stream+"."+name, l.conn.NewInbox(), nil)
}

// records returns the events of the messages of a filter, after a place.
func (l *Ledger) records(ctx context.Context, filter string, after journal.Seq, live bool) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		from := firstMessage(after)
		links := chain{last: map[string]uint64{}, from: from}
		for m, err := range l.scan(ctx, filter, from, live) {
			if err != nil {
				yield(journal.Record{}, err)
				return
			}
			key, events, err := l.open(m, links)
			if err != nil {
				yield(journal.Record{}, err)
				return
			}
			for _, event := range events {
				if event.Seq > after && !yield(journal.Record{Key: key, Event: event}, nil) {
					return
				}
			}
		}
	}
}

// open returns what a message says. The error is ErrDamaged.
func (l *Ledger) open(m message, links chain) (journal.Key, []journal.Event, error) {
	key, ok := keyOf(m.subject)
	err := errors.New("its subject is not one of a journal")
	var events []journal.Event
	if ok {
		if err = links.check(m); err == nil {
			events, err = m.decode()
		}
	}
	if err != nil {
		text := fmt.Sprintf("is damaged, and was left as it is: message %d of the stream %s, on the subject %q, cannot be read", m.seq, Stream, m.subject)
		return key, nil, failure(l.place, journal.ErrDamaged, text, err)
	}
	return key, events, nil
}

// Read implements [journal.Ledger].
func (l *Ledger) Read(ctx context.Context, key journal.Key) iter.Seq2[journal.Event, error] {
	return func(yield func(journal.Event, error) bool) {
		if key.Check() != nil {
			return // no such stream can exist
		}
		for record, err := range l.records(ctx, subjectOf(key), 0, false) {
			if !yield(record.Event, err) {
				return
			}
		}
	}
}

// filters returns the filters for all events of a rollout that this ledger is about.
func (l *Ledger) filters(rollout string) []string {
	prefix := eventsPrefix + escape(rollout) + "."
	if l.site == "" {
		return []string{prefix + ">"}
	}
	return []string{prefix + ofRollout, prefix + escape(l.site) + ".*"}
}

// ReadAll implements [journal.Ledger], in the order in which events were stored.
func (l *Ledger) ReadAll(ctx context.Context, rollout string) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for _, filter := range l.filters(rollout) {
			for record, err := range l.records(ctx, filter, 0, false) {
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

// Rollouts implements [journal.Ledger]. It reads the events of the rollouts themselves, and none of phones.
func (l *Ledger) Rollouts(ctx context.Context, f journal.Filter) iter.Seq2[journal.Rollout, error] {
	return func(yield func(journal.Rollout, error) bool) {
		rollouts, err := l.rollouts(ctx, f.Since)
		slices.Reverse(rollouts)
		if f.Limit > 0 && len(rollouts) > f.Limit {
			rollouts = rollouts[:f.Limit]
		}
		for _, r := range rollouts {
			if !yield(r.Rollout, r.damage) {
				return
			}
		}
		if err != nil {
			yield(journal.Rollout{}, err)
		}
	}
}

// A listed is a rollout of a list.
type listed struct {
	journal.Rollout
	damage error // its first event cannot be read
}

// rollouts returns the rollouts since a time, the oldest first. With an error about damage it returns all others.
func (l *Ledger) rollouts(ctx context.Context, since time.Time) (all []listed, damage error) {
	seen := map[string]bool{}
	links := chain{last: map[string]uint64{}, from: 1}
	for m, err := range l.scan(ctx, eventsPrefix+"*."+ofRollout, 1, false) {
		if err != nil {
			return nil, err
		}
		key, events, err := l.open(m, links)
		switch name := key.Rollout; {
		case name == "":
			damage = err // no rollout can have such a subject
			continue
		case seen[name]: // what is damaged later shows when the rollout is read
			continue
		}
		seen[key.Rollout] = true
		first := journal.Event{At: m.at}
		if err == nil {
			first = events[0] // a message has at least one
		}
		if !first.At.Before(since) {
			all = append(all, listed{journal.Rollout{Name: key.Rollout, First: first}, err})
		}
	}
	return all, damage
}

// Find implements [journal.Ledger]. It reads the events of the phones that have the name.
func (l *Ledger) Find(ctx context.Context, phone string) iter.Seq2[journal.Key, error] {
	return l.FindOutside(ctx, phone, "")
}

// FindOutside is Find without the streams of a rollout, which it does not read.
func (l *Ledger) FindOutside(ctx context.Context, phone, rollout string) iter.Seq2[journal.Key, error] {
	return func(yield func(journal.Key, error) bool) {
		keys, err := l.find(ctx, journal.Name(phone), rollout)
		for _, key := range keys {
			if !yield(key, nil) {
				return
			}
		}
		if err != nil {
			yield(journal.Key{}, err)
		}
	}
}

// find returns the streams of a name outside a rollout, the one with the newest event first.
func (l *Ledger) find(ctx context.Context, name, rollout string) ([]journal.Key, error) {
	type found struct {
		key  journal.Key
		last journal.Seq
	}
	var all []found
	site := "*"
	if l.site != "" {
		site = escape(l.site)
	}
	for m, err := range l.scan(ctx, namesPrefix+site+"."+nameToken(name)+".>", 1, false) {
		if err != nil {
			return nil, err
		}
		key, ok := keyOfName(m.subject)
		if !ok || key.Rollout == rollout {
			continue
		}
		last, err := l.lastWith(ctx, key, name)
		if err != nil {
			return nil, err
		}
		if last > 0 {
			all = append(all, found{key, last})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(b.last, a.last) })
	keys := make([]journal.Key, len(all))
	for i, one := range all {
		keys[i] = one.key
	}
	return keys, nil
}

// lastWith returns the place of the last event of a stream; 0 if none of its events has the name.
func (l *Ledger) lastWith(ctx context.Context, key journal.Key, name string) (last journal.Seq, err error) {
	has := false
	for event, err := range l.Read(ctx, key) {
		if err != nil {
			return 0, err
		}
		last = event.Seq
		has = has || slices.Contains(journal.Names(key, []journal.Event{event}), name)
	}
	if !has {
		return 0, nil
	}
	return last, nil
}
