// Package record keeps the journal of this machine: what every push did to which phone.
package record

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// FileName is the name of the journal in the state folder.
const FileName = "journal.db"

// A Store is where the journal of this machine is, and who writes it.
type Store struct {
	Folder    string // the state folder, "" if the system has none
	FolderErr error  // why the state folder is unknown
	Flag      string // file of --journal
	Variable  string // file of $CPUPDATE_JOURNAL

	Server  jetstream.Options // of --nats: the server that has the journal instead of a file
	AckWait time.Duration     // how long a site belongs to a worker that the server does not hear of; 0: as package site says

	Origin func() journal.Origin // returns who uses it; called only by a run that is recorded

	Connect func(ctx context.Context, path string) (journal.Ledger, error) // opens a journal; nil: a file of SQLite
}

// Named returns the file that the operator named, "" without one.
func (s *Store) Named() string { return cmp.Or(s.Flag, s.Variable) }

// Path returns the file of the journal.
func (s *Store) Path() (string, error) {
	switch {
	case s.Named() != "":
		return s.Named(), nil
	case s.FolderErr != nil:
		return "", exit.New(exit.CodeSettings, fmt.Errorf("the folder of the journal cannot be found: %w", s.FolderErr), "name a file for it with --journal FILE")
	}
	return filepath.Join(s.Folder, FileName), nil
}

// Open opens the journal. It makes one if there is none. The error has an exit code and a hint.
func (s *Store) Open(ctx context.Context) (journal.Ledger, error) {
	if s.OnServer() {
		ledger, err := s.OpenServer(ctx)
		if err != nil {
			return nil, err
		}
		return ledger, nil
	}
	path, err := s.Path()
	if err != nil {
		return nil, err
	}
	if s.Connect != nil {
		ledger, err := s.Connect(ctx, path)
		return ledger, Error(err)
	}
	ledger, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, Error(err)
	}
	return ledger, nil
}

// Exists reports whether there is a journal: looking makes no file. Whether a server has one shows when it is opened.
func (s *Store) Exists() (bool, error) {
	if s.OnServer() {
		return true, nil
	}
	path, err := s.Path()
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && atomicfile.IsBrokenLink(path):
		return false, exit.Errorf(exit.CodeSettings, "make the link, or its target, available again; or name another journal with --journal FILE", "journal %s: this name, or a folder in it, is a link that leads nowhere", exit.ShownArgument(path))
	case missing && s.Flag != "":
		return false, exit.Errorf(exit.CodeSettings, "check the name of the file", "--journal %s: there is no such file", exit.ShownArgument(path))
	}
	return !missing, nil
}

// Error returns the error of a journal with exit code and hint.
func Error(err error) error {
	own, e, loss := (*exit.Error)(nil), (*journal.Error)(nil), (*rollout.LossError)(nil)
	switch {
	case err == nil, errors.As(err, &own):
		return err
	case errors.As(err, &e) && isOfServer(e):
		return serverError(e)
	case errors.As(err, &e):
		return exit.New(exit.CodeSettings, err, hint(e.Kind))
	case errors.As(err, &loss):
		return exit.New(exit.CodeSettings, err, hint(err))
	}
	return err
}

// Token returns a name for a run that no other one has.
func Token() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// hint returns the next step after an error of a journal.
func hint(kind error) string {
	for _, row := range []struct {
		kind error
		hint string
	}{
		{journal.ErrFull, "make room on that disk, or name a file on another one with --journal FILE"},
		{journal.ErrReadOnly, "give yourself permission to write the file and its folder, or name another file with --journal FILE"},
		{journal.ErrForeign, "name another file with --journal FILE; this one is left as it is"},
		{journal.ErrNewer, "use the cpupdate that wrote it, or a newer one; or name another file with --journal FILE"},
		{journal.ErrDamaged, "keep the file, since parts of it may still be read with the sqlite3 program, and begin a new one: move it away, or name another file with --journal FILE"},
		{journal.ErrBusy, "wait until the other program that uses it has finished, then try again"},
		{journal.ErrNoShare, "name a file on a disk of this machine with --journal FILE"},
		{journal.ErrFiles, "raise the limit before you start cpupdate, with: ulimit -n 4096; on a machine where everything fails so, close other programs"},
		{journal.ErrGone, "find out what moved the file, then try again"},
	} {
		if errors.Is(kind, row.kind) {
			return row.hint
		}
	}
	return "check the disk, or name a file on another one with --journal FILE"
}
