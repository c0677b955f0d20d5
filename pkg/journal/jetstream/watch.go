package jetstream

import (
	"context"
	"iter"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Watch implements [journal.Ledger]. It goes on after the connection was lost, for as long as that takes.
func (l *Ledger) Watch(ctx context.Context, rollout string, after journal.Seq) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var all []iter.Seq2[journal.Record, error]
		for _, filter := range l.filters(rollout) {
			all = append(all, l.records(ctx, filter, after, true))
		}
		defer cancel()
		merge(ctx, cancel, all)(yield)
	}
}

// Reached tells a function whether the server can be reached: at once, and whenever that changes. It returns when the context or the
// ledger ends.
func (l *Ledger) Reached(ctx context.Context, tell func(reached bool)) {
	status := l.conn.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer l.conn.RemoveStatusListener(status)
	tell(l.conn.IsConnected())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-status:
			if now == nats.CLOSED {
				return
			}
			tell(now == nats.CONNECTED)
		}
	}
}

// result is an element of a sequence.
type result struct {
	record journal.Record
	err    error
}

// merge returns the elements of sequences as they come, until the first error. Then it ends the sequences.
func merge(ctx context.Context, cancel context.CancelFunc, all []iter.Seq2[journal.Record, error]) iter.Seq2[journal.Record, error] {
	if len(all) == 1 {
		return all[0]
	}
	return func(yield func(journal.Record, error) bool) {
		results := make(chan result)
		var wait sync.WaitGroup
		for _, one := range all {
			wait.Go(func() { forward(ctx, results, one) })
		}
		defer wait.Wait()
		defer cancel()
		for {
			select {
			case r := <-results:
				if !yield(r.record, r.err) || r.err != nil {
					return
				}
			case <-ctx.Done():
				yield(journal.Record{}, context.Cause(ctx))
				return
			}
		}
	}
}

// forward sends the elements of a sequence until the context ends.
func forward(ctx context.Context, to chan<- result, from iter.Seq2[journal.Record, error]) {
	for record, err := range from {
		select {
		case to <- result{record, err}:
		case <-ctx.Done():
			return
		}
	}
}
