package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// inFlight is how many messages of AppendAll wait for the server at a time.
const inFlight = 512

// attempts is how often an append is sent at most while the server does not answer.
const attempts = 3

// Append implements [journal.Ledger].
func (l *Ledger) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	seq, err := l.append(ctx, journal.Batch{Key: key, After: after, Events: events})
	return seq, l.explain(ctx, writing, err)
}

// AppendAll implements [journal.Ledger]: many messages are on their way at a time, but those of one stream one after the other.
func (l *Ledger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	answers := make([]journal.Appended, len(batches))
	streams := map[journal.Key][]int{}
	var order []journal.Key
	for i, batch := range batches {
		if streams[batch.Key] == nil {
			order = append(order, batch.Key)
		}
		streams[batch.Key] = append(streams[batch.Key], i)
	}
	var group errgroup.Group
	group.SetLimit(inFlight)
	for _, key := range order {
		group.Go(func() error {
			for _, i := range streams[key] {
				answers[i].Seq, answers[i].Err = l.Append(ctx, key, batches[i].After, batches[i].Events...)
			}
			return nil
		})
	}
	_ = group.Wait() // each batch has its own error
	return answers
}

// append adds one batch.
func (l *Ledger) append(ctx context.Context, batch journal.Batch) (journal.Seq, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	stored, err := batch.Store()
	if err != nil {
		return 0, err
	}
	last, ok := lastMessage(batch.After)
	if !ok {
		return 0, fmt.Errorf("%s: %w", batch.Key, journal.ErrConflict)
	}
	content, err := encode(stored)
	if err != nil {
		return 0, err
	}
	// A name without its events does no harm: Find looks at the events, too.
	for _, name := range journal.Names(batch.Key, batch.Events) {
		if err := l.name(ctx, nameSubject(batch.Key, name)); err != nil {
			return 0, err
		}
	}
	seq, err := l.publish(ctx, subjectOf(batch.Key), last, content)
	if errors.Is(err, journal.ErrConflict) {
		return 0, fmt.Errorf("%s: %w", batch.Key, journal.ErrConflict)
	}
	return placeOf(seq, 0), err
}

// name records that a phone has a name, unless that is recorded.
func (l *Ledger) name(ctx context.Context, subject string) error {
	l.mu.Lock()
	known := l.named[subject]
	l.mu.Unlock()
	if known {
		return nil
	}
	if _, err := l.publish(ctx, subject, 0, nil); err != nil && !errors.Is(err, journal.ErrConflict) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.named[subject] = true
	return nil
}

// publish adds a message to the stream if the last one of its subject has a number, and returns its own number. While the
// server does not answer, it sends the message again. It fails with ErrConflict if the last message of the subject is another
// one.
func (l *Ledger) publish(ctx context.Context, subject string, last uint64, content []byte) (uint64, error) {
	id := rand.Text()
	m := &nats.Msg{Subject: subject, Data: content, Header: nats.Header{
		js.MsgIDHeader:               {id},
		js.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)},
		js.ExpectedStreamHeader:      {Stream},
	}}
	deadline := time.Now().Add(l.wait)
	for doubt := false; ; doubt = true {
		seq, err := l.send(ctx, m)
		switch {
		case err == nil:
			return seq, nil
		case conflict(err) && doubt:
			return l.recorded(ctx, subject, last, id)
		case conflict(err):
			return 0, journal.ErrConflict
		case ctx.Err() != nil || !passing(err):
			return 0, l.explain(ctx, writing, err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return 0, l.unreachable(err)
		}
		if err := l.again(ctx, left); err != nil {
			return 0, l.explain(ctx, writing, err)
		}
	}
}

// send sends a message once.
func (l *Ledger) send(ctx context.Context, m *nats.Msg) (uint64, error) {
	limited, stop := context.WithTimeout(ctx, l.wait/attempts)
	defer stop()
	attempt, cancel := context.WithCancelCause(limited)
	defer cancel(nil)
	defer l.expect(cancel, m.Subject)()
	defer l.untilLost(cancel)()
	ack, err := l.js.PublishMsg(attempt, m)
	switch {
	case err == nil:
		return ack.Sequence, nil
	case attempt.Err() != nil:
		return 0, context.Cause(attempt)
	}
	return 0, err
}

// untilLost calls a function when the connection is lost. The caller calls the function that it returns at the end.
func (l *Ledger) untilLost(cancel context.CancelCauseFunc) (forget func()) {
	status := l.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	go func() {
		for now := range status {
			if now == nats.CLOSED {
				cancel(nats.ErrConnectionClosed)
			} else {
				cancel(nats.ErrDisconnected)
			}
		}
	}()
	return func() { l.conn.RemoveStatusListener(status) }
}

// recorded finds out whether an earlier attempt added a message whose acknowledgement was lost.
func (l *Ledger) recorded(ctx context.Context, subject string, last uint64, id string) (uint64, error) {
	for m, err := range l.scan(ctx, subject, last+1, false) {
		if err != nil {
			return 0, err
		}
		if m.header.Get(js.MsgIDHeader) == id {
			return m.seq, nil
		}
	}
	return 0, journal.ErrConflict
}
