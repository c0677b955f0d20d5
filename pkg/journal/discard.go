package journal

import (
	"context"
	"iter"
)

// A Discard is the ledger of a run that is not recorded: it takes every event, and keeps none. So nothing was ever done to any phone, and
// another run of this ledger knows nothing of this one.
type Discard struct{}

// Append returns the place after the last event.
func (Discard) Append(_ context.Context, _ Key, after Seq, events ...Event) (Seq, error) {
	return after + Seq(len(events)), nil
}

// AppendAll returns the places after the last events.
func (Discard) AppendAll(_ context.Context, batches []Batch) []Appended {
	answers := make([]Appended, len(batches))
	for i, batch := range batches {
		answers[i].Seq = batch.After + Seq(len(batch.Events))
	}
	return answers
}

// Read returns no event.
func (Discard) Read(context.Context, Key) iter.Seq2[Event, error] { return nothing[Event] }

// ReadAll returns no event.
func (Discard) ReadAll(context.Context, string) iter.Seq2[Record, error] { return nothing[Record] }

// Watch returns the cause of the end of the context, when it ends.
func (Discard) Watch(ctx context.Context, _ string, _ Seq) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		<-ctx.Done()
		yield(Record{}, context.Cause(ctx))
	}
}

// Rollouts returns no rollout.
func (Discard) Rollouts(context.Context, Filter) iter.Seq2[Rollout, error] { return nothing[Rollout] }

// Find returns no stream.
func (Discard) Find(context.Context, string) iter.Seq2[Key, error] { return nothing[Key] }

// Close does nothing.
func (Discard) Close() error { return nil }

func nothing[T any](func(T, error) bool) {}
