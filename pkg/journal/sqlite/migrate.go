package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// maxCopies is how many copies of one version there may be beside a file.
const maxCopies = 100

// migrate makes a file of the current version of an older one, in one transaction and after a copy. If it fails, the file is as
// it was.
func (l *Ledger) migrate(ctx context.Context, from int) error {
	for version := from; version < l.format.version; version++ {
		if version < 0 || l.format.steps[version] == "" {
			return failure(l.path, journal.ErrForeign, fmt.Sprintf("has the version %d, which never existed: keep it, and choose another name", from), nil)
		}
	}
	saved := ""
	err := l.change(ctx, func(tx *sql.Tx) error {
		version, err := l.version(ctx, tx)
		if err != nil || version >= l.format.version {
			return err // another process was faster
		}
		if saved, err = l.save(ctx, version); err != nil {
			return err
		}
		statements := ""
		for ; version < l.format.version; version++ {
			statements += l.format.steps[version] + ";\n"
		}
		return l.mark(ctx, tx, statements)
	})
	if saved == "" {
		return err
	}
	if err != nil {
		kind := journal.ErrIO
		if known := (*journal.Error)(nil); errors.As(l.explain(ctx, err), &known) {
			kind = known.Kind
		}
		return failure(l.path, kind, fmt.Sprintf("could not be brought to version %d and is unchanged; a copy of it is %s", l.format.version, saved), err)
	}
	return nil
}

// save, which is called with the lock for writing, copies the file, what is in its -wal file included, and returns the name of the copy.
func (l *Ledger) save(ctx context.Context, version int) (string, error) {
	for n := 1; n <= maxCopies; n++ {
		name := fmt.Sprintf("%s.version-%d", l.path, version)
		if n > 1 {
			name += fmt.Sprintf(".%d", n)
		}
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // beside the file
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", l.system(err)
		}
		_, err = l.read.ExecContext(ctx, "VACUUM INTO ?", name)
		err = errors.Join(err, file.Sync(), file.Close())
		if err != nil {
			_ = os.Remove(name) // it was made here
			return "", err
		}
		return name, nil
	}
	return "", failure(l.path, journal.ErrIO, fmt.Sprintf("has %d copies of version %d beside it: move them away", maxCopies, version), nil)
}
