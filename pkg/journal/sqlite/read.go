package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	code "modernc.org/sqlite/lib"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Poll is how often Watch looks for new events.
const Poll = 250 * time.Millisecond

// Read implements [journal.Ledger].
func (l *Ledger) Read(ctx context.Context, key journal.Key) iter.Seq2[journal.Event, error] {
	return func(yield func(journal.Event, error) bool) {
		records := l.records(ctx, "WHERE s.rollout = ? AND s.phone = ? ORDER BY e.seq", key.Rollout, key.Phone)
		for record, err := range records {
			if !yield(record.Event, err) {
				return
			}
		}
	}
}

// ReadAll implements [journal.Ledger]: stream by stream.
func (l *Ledger) ReadAll(ctx context.Context, rollout string) iter.Seq2[journal.Record, error] {
	return l.records(ctx, "WHERE s.rollout = ? ORDER BY s.phone, e.seq", rollout)
}

// ReadAfter returns the events of a stream after a place, in order.
func (l *Ledger) ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error] {
	return func(yield func(journal.Event, error) bool) {
		where := "WHERE s.rollout = ? AND s.phone = ? AND e.seq > ? ORDER BY e.seq"
		for record, err := range l.records(ctx, where, key.Rollout, key.Phone, int64(min(after, math.MaxInt64))) {
			if !yield(record.Event, err) {
				return
			}
		}
	}
}

// ReadSite returns the events of the phones whose name begins with a site and a slash: stream by stream.
func (l *Ledger) ReadSite(ctx context.Context, rollout, site string) iter.Seq2[journal.Record, error] {
	const afterSlash = "0"
	return l.records(ctx, "WHERE s.rollout = ? AND s.phone > ? AND s.phone < ? ORDER BY s.phone, e.seq", rollout, site+"/", site+afterSlash)
}

// ReadKinds returns what ReadAll does, without the events of other kinds: most of a journal is about steps that a list of rollouts does
// not need.
func (l *Ledger) ReadKinds(ctx context.Context, rollout string, kinds ...journal.Kind) iter.Seq2[journal.Record, error] {
	args := []any{rollout}
	for _, kind := range kinds {
		args = append(args, string(kind))
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(kinds)), ",")
	return l.records(ctx, "WHERE s.rollout = ? AND e.kind IN ("+marks+") ORDER BY s.phone, e.seq", args...)
}

// Watch implements [journal.Ledger]. It looks for new events every [Poll].
func (l *Ledger) Watch(ctx context.Context, rollout string, after journal.Seq) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		ticker := time.NewTicker(Poll)
		defer ticker.Stop()
		for {
			// Unary plus: SQLite walks through the newest events, not through the streams.
			query := "WHERE +s.rollout = ? AND e.seq > ? ORDER BY e.seq"
			for record, err := range l.records(ctx, query, rollout, int64(min(after, math.MaxInt64))) {
				if !yield(record, err) || err != nil {
					return
				}
				after = record.Event.Seq
			}
			if err := l.present(); err != nil {
				yield(journal.Record{}, err)
				return
			}
			select {
			case <-ctx.Done():
				yield(journal.Record{}, context.Cause(ctx))
				return
			case <-ticker.C:
			}
		}
	}
}

// selectRecords selects what record reads, of s, the streams, and e, their events.
const selectRecords = "SELECT s.rollout, s.phone, e.seq, e.at, e.kind, e.data FROM streams s JOIN events e ON e.stream = s.id "

// records returns the events of a query about s, the streams, and e, their events.
func (l *Ledger) records(ctx context.Context, where string, args ...any) iter.Seq2[journal.Record, error] {
	return rows(ctx, l, selectRecords+where, args, l.record)
}

// record reads an event from a row. Of a damaged one it returns key and time with ErrDamaged.
func (l *Ledger) record(scan func(...any) error) (record journal.Record, err error) {
	var seq int64
	var stored journal.Stored
	var kind, data sql.RawBytes
	if err := scan(&record.Key.Rollout, &record.Key.Phone, &seq, &stored.At, &kind, &data); err != nil {
		return record, err
	}
	stored.Kind, stored.Data = journal.Kind(kind), data
	record.Event, err = stored.Event(journal.Seq(seq)) //nolint:gosec // SQLite counts from 1
	if err != nil {
		record.Event.At = time.UnixMilli(stored.At).UTC()
		text := fmt.Sprintf("is damaged, and was left as it is: its event %d cannot be read", seq)
		why := strings.TrimPrefix(err.Error(), journal.ErrInvalid.Error()+": ") // that it cannot be recorded is said of new events
		return record, failure(l.path, journal.ErrDamaged, text, errors.New(why))
	}
	return record, nil
}

// ahead is how many rows of a query are read before the first of them is returned.
const ahead = 256

// rows returns what a function makes of each row of a query. A query with few rows is over before the first of them is returned: its
// connection is free for what is read next, and so a process keeps few files open however many phones it reads about at a time.
func rows[T any](ctx context.Context, l *Ledger, query string, args []any, row func(scan func(...any) error) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		first, more, err := begin(ctx, l, query, args, row)
		if more != nil {
			defer func() { _ = more.Close() }()
		}
		for _, value := range first {
			if !yield(value, nil) {
				return
			}
		}
		for err == nil && more != nil && more.Next() {
			var value T
			if value, err = row(more.Scan); err == nil && !yield(value, nil) {
				return
			}
		}
		if err == nil && more != nil {
			err = more.Err()
		}
		if err != nil {
			var zero T
			yield(zero, l.explain(ctx, err))
		}
	}
}

// begin begins a query. It returns the first rows, and what may follow them. One query at a time is begun.
func begin[T any](ctx context.Context, l *Ledger, query string, args []any, row func(scan func(...any) error) (T, error)) (first []T, more *sql.Rows, err error) {
	if err := l.begins.Acquire(ctx, 1); err != nil {
		return nil, nil, err
	}
	defer l.begins.Release(1)
	version, err := l.version(ctx, l.read)
	if err == nil && version != l.format.version {
		err = l.newer(version)
	}
	if err != nil {
		return nil, nil, err
	}
	found, err := l.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	for len(first) < ahead {
		if !found.Next() {
			_ = found.Close() // it has ended
			return first, nil, found.Err()
		}
		value, err := row(found.Scan)
		if err != nil {
			_ = found.Close() // the error of the row is the cause
			return first, nil, err
		}
		first = append(first, value)
	}
	return first, found, nil
}

// Rollouts implements [journal.Ledger].
func (l *Ledger) Rollouts(ctx context.Context, f journal.Filter) iter.Seq2[journal.Rollout, error] {
	since := int64(math.MinInt64)
	if !f.Since.IsZero() {
		since = f.Since.UnixMilli()
	}
	limit := -1
	if f.Limit > 0 {
		limit = f.Limit
	}
	query := selectRecords + `WHERE s.phone = '' AND e.seq = (SELECT min(seq) FROM events WHERE stream = s.id) AND e.at >= ?
		ORDER BY e.seq DESC LIMIT ?`
	type first struct {
		journal.Record
		damage error // which does not end the list
	}
	list := rows(ctx, l, query, []any{since, limit}, func(scan func(...any) error) (f first, err error) {
		f.Record, err = l.record(scan)
		if errors.Is(err, journal.ErrDamaged) {
			f.damage, err = err, nil
		}
		return f, err
	})
	return func(yield func(journal.Rollout, error) bool) {
		for f, err := range list {
			if !yield(journal.Rollout{Name: f.Key.Rollout, First: f.Event}, cmp.Or(err, f.damage)) {
				return
			}
		}
	}
}

// Find implements [journal.Ledger].
func (l *Ledger) Find(ctx context.Context, phone string) iter.Seq2[journal.Key, error] {
	query := `SELECT s.rollout, s.phone FROM names n JOIN streams s ON s.id = n.stream WHERE n.name = ?
		ORDER BY (SELECT max(seq) FROM events WHERE stream = s.id) DESC`
	return rows(ctx, l, query, []any{journal.Name(phone)}, func(scan func(...any) error) (key journal.Key, err error) {
		err = scan(&key.Rollout, &key.Phone)
		return key, err
	})
}

// Check looks through the whole file for damage. The error is a [*journal.Error] or the context's cause.
func (l *Ledger) Check(ctx context.Context) error {
	var found string
	if err := l.read.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return l.explain(ctx, err)
	}
	if found == "ok" {
		return nil
	}
	text, _ := explained(code.SQLITE_CORRUPT)
	return failure(l.path, journal.ErrDamaged, text, errors.New(found))
}
