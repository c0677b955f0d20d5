package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// LinkTarget returns the target of a link, or the file itself, which need not exist.
func LinkTarget(path string) (string, error) {
	info, err := os.Lstat(path)
	target := path
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		target, err = filepath.EvalSymlinks(path)
	}
	switch {
	case err == nil:
		return target, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", CannotStore(path, err)
	case IsBrokenLink(path):
		return "", exit.Errorf(exit.CodeSettings, "create the file that the link names, or remove the link", "settings %s: the link leads to a file that does not exist", path)
	case info != nil:
		return LinkTarget(path) // what the link names was made meanwhile
	}
	return path, nil
}

// lockWait is how long Lock waits for another process: on a busy machine a dozen that write one after the other take seconds.
const lockWait = 30 * time.Second

// Lock makes sure that only one process changes the settings: it takes a lock of the operating system on a file beside them,
// which ends with the process. It waits half a minute for another process.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	target, err := LinkTarget(path)
	if err != nil {
		return nil, err
	}
	name := target + ".lock"
	for deadline := time.Now().Add(lockWait); ; {
		unlock, err := tryLock(name)
		late := time.Now().After(deadline)
		if err != nil && (late || !isOpen(runtime.GOOS, err)) { // another process may be removing the file at the moment
			return nil, CannotStore(path, err)
		}
		if unlock != nil {
			return func() error { return CannotStore(path, unlock()) }, nil
		}
		if late {
			return nil, exit.Errorf(exit.CodeSettings, "wait until it has ended, and try again", "settings %s: another cpupdate is changing them", path)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tryLock takes the lock; unlock is nil if another process has it. The file is removed with the lock; one that a killed
// process has left is taken over.
func tryLock(name string) (unlock func() error, err error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	lock := flock.New(name, flock.SetPermissions(0o600))
	taken, err := lock.TryLock()
	switch {
	case errors.Is(err, errors.ErrUnsupported): // by the file system: files are replaced as a whole in any case
		return func() error { return IgnoreMissing(os.Remove(name)) }, nil
	case err != nil || !taken:
		return nil, err
	}
	held, err := lock.Stat()
	if there, statErr := os.Stat(name); err != nil || statErr != nil || !os.SameFile(held, there) {
		return nil, lock.Unlock() // the process that had it has removed the file meanwhile
	}
	return func() error {
		if runtime.GOOS == "windows" { // a file that is open cannot be removed
			err := lock.Unlock()
			_ = os.Remove(name) // it may be another's already
			return err
		}
		return errors.Join(IgnoreMissing(os.Remove(name)), lock.Unlock())
	}, nil
}

// CannotStore returns the error of a settings file that could not be written, nil if err is nil.
func CannotStore(path string, err error) error {
	if f := (*exit.Error)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("writing %s: %w", path, exit.WithoutPath(err)), writeHint(runtime.GOOS, err))
}
