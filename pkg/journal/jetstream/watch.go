package jetstream

import (
	"context"
	"iter"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Watch implements [journal.Ledger]. It goes on after the connection was lost, for as long as that takes.
func (l *Ledger) Watch(ctx context.Context, rollout string, after journal.Seq) iter.Seq2[journal.Record, error] {
	filters := l.filters(rollout)
	if len(filters) == 1 {
		return l.records(ctx, filters[0], after, true)
	}
	return func(yield func(journal.Record, error) bool) {
		type element struct {
			record journal.Record
			err    error
		}
		ctx, cancel := context.WithCancel(ctx)
		elements := make(chan element)
		var wait sync.WaitGroup
		for _, filter := range filters {
			wait.Go(func() {
				for record, err := range l.records(ctx, filter, after, true) {
					select {
					case elements <- element{record, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		defer wait.Wait()
		defer cancel()
		for {
			select {
			case one := <-elements:
				if !yield(one.record, one.err) || one.err != nil {
					return
				}
			case <-ctx.Done():
				yield(journal.Record{}, context.Cause(ctx))
				return
			}
		}
	}
}
