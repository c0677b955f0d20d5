package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// BenchmarkAppend measures a barrier: one event, durable. The ratio is to a bare write and fsync of the same bytes, in the same
// run and folder.
func BenchmarkAppend(b *testing.B) {
	folder := b.TempDir()
	l := filled(b, filepath.Join(folder, "journal.db"), 0, 0)
	event := journaltest.Event(0, journal.Instructing{Run: "r1", Attempt: 1, Version: "V1 R4.9.0", SHA256: fmt.Sprintf("%064d", 0)})
	key := journal.Key{Rollout: "spring", Phone: "192.0.2.7"}
	_, data, err := journal.Encode(event.Body)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(filepath.Join(folder, "bare")) //nolint:gosec // of the test
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var seq journal.Seq
	var appends, bare time.Duration
	for b.Loop() {
		start := time.Now()
		if seq, err = l.Append(b.Context(), key, seq, event); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if _, err = file.Write(data); err == nil {
			err = file.Sync()
		}
		if err != nil {
			b.Fatal(err)
		}
		appends += between.Sub(start)
		bare += time.Since(between)
	}
	b.ReportMetric(float64(appends.Microseconds())/float64(b.N), "append-µs")
	b.ReportMetric(float64(bare.Microseconds())/float64(b.N), "write+fsync-µs")
	b.ReportMetric(float64(appends)/float64(bare), "x-write+fsync")
}

// BenchmarkAppendAll measures the events of 200 phones in one append.
func BenchmarkAppendAll(b *testing.B) {
	l := filled(b, filepath.Join(b.TempDir(), "journal.db"), 0, 0)
	batches := make([]journal.Batch, 200)
	for i := range batches {
		batches[i] = journal.Batch{Key: journal.Key{Rollout: "spring", Phone: fmt.Sprint(i)}, Events: []journal.Event{journaltest.Event(0, journal.Begun{Run: "r1"})}}
	}
	for b.Loop() {
		for i, answer := range l.AppendAll(b.Context(), batches) {
			if answer.Err != nil {
				b.Fatal(answer.Err)
			}
			batches[i].After = answer.Seq
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(batches)), "µs/phone")
}

// BenchmarkReadAll reads and folds a rollout of 10,000 phones with 12 events each.
func BenchmarkReadAll(b *testing.B) {
	l := filled(b, filepath.Join(b.TempDir(), "journal.db"), 10_000, 12)
	for b.Loop() {
		states := map[journal.Key]journal.State{}
		for record, err := range l.ReadAll(b.Context(), "spring") {
			if err != nil {
				b.Fatal(err)
			}
			states[record.Key] = states[record.Key].Apply(record.Event)
		}
		if len(states) != 10_000 {
			b.Fatal(len(states))
		}
	}
}

// filled returns a journal with a rollout of some phones.
func filled(tb testing.TB, path string, phones, events int) *sqlite.Ledger {
	tb.Helper()
	l, err := sqlite.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	var bodies []journal.Body
	for _, body := range journaltest.Bodies() {
		if kind := body.Kind(); kind == journal.KindListed || kind == journal.KindBegun || len(bodies) > 0 {
			bodies = append(bodies, body)
		}
	}
	var batches []journal.Batch
	for i := range phones {
		batch := journal.Batch{Key: journal.Key{Rollout: "spring", Phone: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)}}
		for n := range events {
			batch.Events = append(batch.Events, journaltest.Event(n, bodies[n%len(bodies)]))
		}
		batches = append(batches, batch)
	}
	start := time.Now()
	for _, answer := range l.AppendAll(tb.Context(), batches) {
		if answer.Err != nil {
			tb.Fatal(answer.Err)
		}
	}
	if phones > 0 {
		tb.Logf("%d phones with %d events each: appended in %s", phones, events, time.Since(start).Round(time.Millisecond))
	}
	return l
}
