package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Append implements [journal.Ledger].
func (l *Ledger) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := l.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

// AppendAll implements [journal.Ledger] with one transaction.
func (l *Ledger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	answers := make([]journal.Appended, len(batches))
	err := l.present()
	if err == nil {
		err = l.change(ctx, func(tx *sql.Tx) error { return l.appendAll(ctx, tx, batches, answers) })
	}
	if err = l.explain(ctx, err); err != nil {
		for i := range answers {
			answers[i] = journal.Appended{Err: err}
		}
	}
	return answers
}

// An appender is a transaction with its statements.
type appender struct {
	tx                         *sql.Tx
	find, begin, last, add, by *sql.Stmt
}

// appendAll answers each batch. An error of the transaction is returned.
func (l *Ledger) appendAll(ctx context.Context, tx *sql.Tx, batches []journal.Batch, answers []journal.Appended) error {
	version, err := l.version(ctx, tx)
	if err != nil {
		return err
	}
	if version != l.format.version {
		return l.newer(version)
	}
	a := appender{tx: tx}
	for query, statement := range map[string]**sql.Stmt{
		"SELECT id FROM streams WHERE rollout = ? AND phone = ?":                &a.find,
		"INSERT INTO streams (rollout, phone) VALUES (?, ?) RETURNING id":       &a.begin,
		"SELECT coalesce(max(seq), 0) FROM events WHERE stream = ?":             &a.last,
		"INSERT INTO events (stream, at, kind, data) VALUES (?, ?, ?, ?)":       &a.add,
		"INSERT INTO names (name, stream) VALUES (?, ?) ON CONFLICT DO NOTHING": &a.by,
	} {
		if *statement, err = tx.PrepareContext(ctx, query); err != nil {
			return err
		}
		defer func() { _ = (*statement).Close() }()
	}
	for i, batch := range batches {
		seq, err := a.append(ctx, batch)
		if err != nil && !errors.Is(err, journal.ErrConflict) && !errors.Is(err, journal.ErrInvalid) {
			return err
		}
		answers[i] = journal.Appended{Seq: seq, Err: err}
	}
	return nil
}

// append adds one batch.
func (a appender) append(ctx context.Context, batch journal.Batch) (journal.Seq, error) {
	stored, err := batch.Store()
	if err != nil {
		return 0, err
	}
	var stream, last int64
	err = a.find.QueryRowContext(ctx, batch.Key.Rollout, batch.Key.Phone).Scan(&stream)
	switch {
	case err == nil:
		err = a.last.QueryRowContext(ctx, stream).Scan(&last)
	case errors.Is(err, sql.ErrNoRows):
		err = nil
	}
	if err != nil {
		return 0, err
	}
	if journal.Seq(last) != batch.After { //nolint:gosec // SQLite counts from 1
		return 0, fmt.Errorf("%s: %w", batch.Key, journal.ErrConflict)
	}
	if stream == 0 {
		if err := a.begin.QueryRowContext(ctx, batch.Key.Rollout, batch.Key.Phone).Scan(&stream); err != nil {
			return 0, err
		}
	}
	for _, event := range stored {
		result, err := a.add.ExecContext(ctx, stream, event.At, string(event.Kind), string(event.Data))
		if err != nil {
			return 0, err
		}
		if last, err = result.LastInsertId(); err != nil {
			return 0, err
		}
	}
	for _, name := range journal.Names(batch.Key, batch.Events) {
		if _, err := a.by.ExecContext(ctx, name, stream); err != nil {
			return 0, err
		}
	}
	return journal.Seq(last), nil //nolint:gosec // SQLite counts from 1
}
