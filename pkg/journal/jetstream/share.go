package jetstream

import (
	"context"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Check refuses addresses that cannot be used, as Open does, without a connection. The error is [ErrOptions].
func (o Options) Check() error {
	_, _, err := o.servers()
	return err
}

// JetStream returns the server for what belongs to rollouts and is not an event. Closing the ledger ends its use.
func (l *Ledger) JetStream() js.JetStream { return l.js }

// Conn returns the connection. It comes back by itself after it is lost.
func (l *Ledger) Conn() *nats.Conn { return l.conn }

// Token returns a text, such as the name of a site or a rollout, as one token of a subject.
func Token(text string) string { return escape(text) }

// Text parses what [Token] returned, and nothing else.
func Text(token string) (text string, ok bool) { return unescape(token) }

// Explain returns an error of NATS as a [*journal.Error].
func (l *Ledger) Explain(ctx context.Context, err error) error { return l.explain(ctx, writing, err) }

// Do calls a function that sends short requests on subjects. The function's context ends when the server refuses one of the
// subjects. While the server does not answer, Do calls it again, but not longer than the ledger waits. The error is one of the
// journal.
func (l *Ledger) Do(ctx context.Context, call func(context.Context) error, subjects ...string) error {
	for deadline := time.Now().Add(l.wait); ; {
		limited, stop := context.WithTimeout(ctx, l.wait/attempts)
		err := l.once(limited, call, subjects)
		stop()
		left := time.Until(deadline)
		if err == nil || ctx.Err() != nil || !passing(err) || left <= 0 {
			return l.explain(ctx, writing, err)
		}
		if err := l.await(ctx, left); err != nil {
			return l.explain(ctx, writing, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// Once is Do for one request that may take as long as its context.
func (l *Ledger) Once(ctx context.Context, call func(context.Context) error, subjects ...string) error {
	return l.explain(ctx, writing, l.once(ctx, call, subjects))
}

// once calls a function once.
func (l *Ledger) once(ctx context.Context, call func(context.Context) error, subjects []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.expect(cancel, subjects...)()
	defer l.untilLost(cancel)()
	if err := call(ctx); err != nil {
		return causeOf(ctx, err)
	}
	return nil
}

// ReadSite returns the events of the phones of one site, as they were stored.
func (l *Ledger) ReadSite(ctx context.Context, rollout, site string) iter.Seq2[journal.Record, error] {
	return l.records(ctx, eventsPrefix+escape(rollout)+"."+escape(site)+".*", 0, false)
}

// ReadAfter returns the events of a stream after a place, in order.
func (l *Ledger) ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error] {
	return func(yield func(journal.Event, error) bool) {
		if key.Check() != nil {
			return // no such stream can exist
		}
		for record, err := range l.records(ctx, subjectOf(key), after, false) {
			if !yield(record.Event, err) {
				return
			}
		}
	}
}
