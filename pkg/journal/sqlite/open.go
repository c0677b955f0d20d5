package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
	driver "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// busyTimeout is how long a write waits for another process that writes.
const busyTimeout = 30 * time.Second

// A Ledger is a journal in a file.
type Ledger struct {
	path   string
	format format
	file   fs.FileInfo // what was opened
	write  *sql.DB     // one connection
	read   *sql.DB
	begins *semaphore.Weighted // who begins to read
}

// Open opens the journal in a file. It makes the file and the folders above it if they do not exist, for this user alone. An
// older file is migrated, after a copy of it was made beside it. A process opens a file once at a time: on Unix, a second Open takes the
// locks of the first one away. The error is a [*journal.Error] or the context's cause.
func Open(ctx context.Context, path string) (*Ledger, error) {
	return open(ctx, path, current(), busyTimeout)
}

// open opens a file of a format.
func open(ctx context.Context, path string, f format, busy time.Duration) (_ *Ledger, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, failure(path, journal.ErrIO, "has no absolute name", err)
	}
	l := &Ledger{path: absolute, format: f, begins: semaphore.NewWeighted(1)}
	if err := l.place(); err != nil {
		return nil, err
	}
	if l.write, err = connect(absolute, busy, "_txlock=immediate"); err != nil {
		return nil, l.explain(ctx, err)
	}
	l.write.SetMaxOpenConns(1)
	if l.read, err = connect(absolute, busy, "_txlock=deferred"); err != nil {
		return nil, l.explain(ctx, err)
	}
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	if err := l.prepareWithin(ctx, busy); err != nil {
		return nil, l.explain(ctx, err)
	}
	l.protect()
	return l, nil
}

// connect returns connections to a file. None is opened yet.
func connect(path string, busy time.Duration, more string) (*sql.DB, error) {
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // a drive of Windows
	}
	dsn := "file://" + (&url.URL{Path: name}).EscapedPath() + "?mode=rw&_defensive=1&_dqs=0" +
		fmt.Sprintf("&_pragma=busy_timeout(%d)", busy.Milliseconds()) +
		"&_pragma=synchronous(FULL)&_pragma=fullfsync(1)&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&" + more
	connector, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(2)
	return db, nil
}

// place makes the file if there is none, and refuses one that is no journal before SQLite sees it.
func (l *Ledger) place() error {
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := l.create(); err != nil {
			return err
		}
		info, err = os.Stat(l.path)
	}
	if err != nil {
		return l.system(err)
	}
	if !info.Mode().IsRegular() {
		return failure(l.path, journal.ErrForeign, "is not a file: choose another name", nil)
	}
	l.file = info
	if _, err := os.Lstat(l.path + "-journal"); err == nil {
		return nil // the first use of the file was cut off: SQLite puts it in order
	}
	return l.recognise()
}

// create makes an empty file.
func (l *Ledger) create() error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return l.system(err)
	}
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return l.system(err)
	}
	return file.Close()
}

// recognise refuses a file that is neither empty nor a journal of a version that this program knows.
func (l *Ledger) recognise() error {
	file, err := os.Open(l.path)
	if err != nil {
		return l.system(err)
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, 100)
	switch n, err := io.ReadFull(file, head); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return l.system(err)
	}
	if string(head[:16]) != "SQLite format 3\x00" || binary.BigEndian.Uint32(head[68:]) != applicationID {
		return l.foreign()
	}
	if version := int(int32(binary.BigEndian.Uint32(head[60:]))); version > l.format.version { //nolint:gosec // SQLite keeps it with a sign
		return l.newer(version)
	}
	return nil
}

// protect takes the permissions of others away. What cannot be changed stays: the folder protects it.
func (l *Ledger) protect() {
	for _, name := range []string{l.path, l.path + "-wal", l.path + "-shm"} {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			_ = os.Chmod(name, info.Mode().Perm()&0o700)
		}
	}
}

// prepareWithin repeats prepare while another process is in the way. SQLite waits by itself, but not where it changes to a -wal
// file.
func (l *Ledger) prepareWithin(ctx context.Context, limit time.Duration) error {
	for start := time.Now(); ; {
		err := l.prepare(ctx)
		var raw *driver.Error
		if !errors.As(err, &raw) || raw.Code()&0xff != code.SQLITE_BUSY || time.Since(start) > limit {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// prepare makes the tables of a new file, migrates an older one, and refuses any other.
func (l *Ledger) prepare(ctx context.Context) error {
	id, version, empty, err := l.state(ctx)
	switch {
	case err != nil:
		return err
	case empty && id == 0 && version == 0:
		err = l.make(ctx)
	case id != applicationID:
		return l.foreign()
	case version > l.format.version:
		return l.newer(version)
	case version < l.format.version:
		err = l.migrate(ctx, version)
	}
	if err != nil {
		return err
	}
	var mode string
	if err := l.write.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return failure(l.path, journal.ErrNoShare, noShare, nil)
	}
	// The first read opens the files beside it, so that an error shows now.
	_, err = l.version(ctx, l.read)
	return err
}

// A querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// state returns what marks a file, and whether it has no tables.
func (l *Ledger) state(ctx context.Context) (id, version int, empty bool, err error) {
	tx, err := l.read.BeginTx(ctx, nil) // another process may be making the tables
	if err != nil {
		return 0, 0, false, err
	}
	id, version, empty, err = marks(ctx, tx)
	return id, version, empty, errors.Join(err, ignoreDone(tx.Rollback()))
}

// marks is state in a transaction.
func marks(ctx context.Context, tx *sql.Tx) (id, version int, empty bool, err error) {
	var tables int
	for query, value := range map[string]*int{"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables} {
		if err := tx.QueryRowContext(ctx, query).Scan(value); err != nil {
			return 0, 0, false, err
		}
	}
	return id, version, tables == 0, nil
}

// version returns the version of the file.
func (l *Ledger) version(ctx context.Context, q querier) (version int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// make makes the tables, unless another process was faster.
func (l *Ledger) make(ctx context.Context) error {
	return l.change(ctx, func(tx *sql.Tx) error {
		if id, _, empty, err := marks(ctx, tx); err != nil || id == applicationID || !empty {
			return err
		}
		return l.mark(ctx, tx, l.format.schema)
	})
}

// mark runs statements, and marks the file as one of the format.
func (l *Ledger) mark(ctx context.Context, tx *sql.Tx, statements string) error {
	marks := fmt.Sprintf("; PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, l.format.version)
	_, err := tx.ExecContext(ctx, statements+marks)
	return err
}

// change runs a function in a transaction that writes.
func (l *Ledger) change(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// ignoreDone returns nil for a transaction that has ended by itself.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Close ends the use of the file. The last process that closes it moves all events into the file itself.
func (l *Ledger) Close() error {
	var err error
	for _, db := range []*sql.DB{l.read, l.write} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return l.explain(context.Background(), err)
}
