package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	driver "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

const noShare = "is on a drive that cannot share memory between processes, such as a network drive: choose a file on a local disk"

// failure returns an error about a file.
func failure(path string, kind error, text string, cause error) error {
	return &journal.Error{Place: path, Kind: kind, Text: text, Err: cause}
}

// foreign returns the error about a file that is no journal.
func (l *Ledger) foreign() error {
	return failure(l.path, journal.ErrForeign, "is not a journal of this program, and was left as it is: choose another name", nil)
}

// newer returns the error about a file of a newer program.
func (l *Ledger) newer(version int) error {
	text := fmt.Sprintf("was written by a newer program (version %d, this program knows %d): use that program, or choose another file", version, l.format.version)
	return failure(l.path, journal.ErrNewer, text, nil)
}

// system returns the error about a file that the operating system refuses.
func (l *Ledger) system(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return failure(l.path, journal.ErrReadOnly, "cannot be opened for writing: choose a file in a folder of yours", err)
	case errors.Is(err, syscall.ENOSPC):
		return failure(l.path, journal.ErrFull, "cannot be extended: no space is left on the disk", err)
	case lacksFiles(err):
		return failure(l.path, journal.ErrFiles, "cannot be opened: no more files may be open", err)
	}
	return failure(l.path, journal.ErrIO, "cannot be opened", err)
}

// lacksFiles reports whether an error says that this process or machine allows no more open files.
func lacksFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// filesOpen is how many files a connection opens at most: the journal, and those with -wal and -shm at the end.
const filesOpen = 3

// unopened returns the error about a file that SQLite could not open. SQLite does not say why: whether so many files can be opened is
// tried here, with another file: closing a handle of the journal would take the locks of its connections away.
func (l *Ledger) unopened(cause error) error {
	for range filesOpen {
		file, err := os.Open(os.DevNull)
		if lacksFiles(err) {
			return l.system(errors.Unwrap(err))
		}
		if err == nil {
			defer func() { _ = file.Close() }()
		}
	}
	text, kind := explained(code.SQLITE_CANTOPEN)
	return failure(l.path, kind, text, cause)
}

// present reports with an error that the file was removed or replaced since it was opened: what is written now is in no file
// that anybody would find.
func (l *Ledger) present() error {
	info, err := os.Stat(l.path)
	if err == nil && os.SameFile(info, l.file) {
		return nil
	}
	return failure(l.path, journal.ErrGone, "was removed or replaced while it was in use", err)
}

// explain returns an error of SQLite as a [*journal.Error].
func (l *Ledger) explain(ctx context.Context, err error) error {
	var known *journal.Error
	var raw *driver.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, journal.ErrConflict), errors.Is(err, journal.ErrInvalid):
		return err
	case !errors.As(err, &raw):
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return failure(l.path, journal.ErrIO, "cannot be used", err)
	case raw.Code() == code.SQLITE_INTERRUPT && ctx.Err() != nil:
		return context.Cause(ctx)
	case raw.Code()&0xff == code.SQLITE_CANTOPEN:
		return l.unopened(err)
	}
	text, kind := explained(raw.Code())
	return failure(l.path, kind, text, err)
}

// explained returns what an extended result code of SQLite means for a person.
func explained(result int) (text string, kind error) {
	switch result {
	case code.SQLITE_IOERR_SHMOPEN, code.SQLITE_IOERR_SHMSIZE, code.SQLITE_IOERR_SHMLOCK, code.SQLITE_IOERR_SHMMAP, code.SQLITE_IOERR_LOCK, code.SQLITE_PROTOCOL:
		return noShare, journal.ErrNoShare
	case code.SQLITE_READONLY_DBMOVED:
		return "was removed or replaced while it was in use", journal.ErrGone
	}
	switch result & 0xff {
	case code.SQLITE_FULL:
		return "cannot be extended: no space is left on the disk", journal.ErrFull
	case code.SQLITE_READONLY, code.SQLITE_PERM, code.SQLITE_AUTH:
		return "cannot be written: choose a file in a folder of yours", journal.ErrReadOnly
	case code.SQLITE_CANTOPEN:
		return "cannot be opened: a file beside it, with -wal or -shm at the end, cannot be made or read", journal.ErrReadOnly
	case code.SQLITE_BUSY, code.SQLITE_LOCKED:
		return "is in use: another process has been writing to it for too long", journal.ErrBusy
	case code.SQLITE_CORRUPT, code.SQLITE_NOTADB:
		return "is damaged, and was left as it is: keep it, and choose another file", journal.ErrDamaged
	case code.SQLITE_IOERR:
		return "cannot be read or written: the disk reports an error", journal.ErrIO
	}
	return "cannot be used", journal.ErrIO
}
