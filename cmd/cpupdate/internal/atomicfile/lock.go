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

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// LinkTarget returns the target of a link, or the file itself.
func LinkTarget(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		return target, nil
	}
	if _, lstatErr := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && errors.Is(lstatErr, fs.ErrNotExist) {
		return path, nil
	}
	return "", exit.Errorf(exit.CodeSettings, "create the file that the link names, or remove the link", "settings %s: the link leads to a file that does not exist", path)
}

// Lock makes sure that only one process changes the settings: it creates a lock file beside them. It waits a
// few seconds for another process.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	target, err := LinkTarget(path)
	if err != nil {
		return nil, err
	}
	name := target + ".lock"
	for deadline := time.Now().Add(5 * time.Second); ; {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() error { return CannotStore(path, errors.Join(f.Close(), os.Remove(name))) }, nil
		}
		// On Windows, a file that is being removed cannot be created either.
		taken := errors.Is(err, fs.ErrExist) || runtime.GOOS == "windows" && errors.Is(err, fs.ErrPermission)
		if !taken {
			return nil, CannotStore(path, err)
		}
		if time.Now().After(deadline) {
			return nil, exit.Errorf(exit.CodeSettings, "try again; if no other cpupdate is running, one was killed: remove "+name,
				"settings %s: another cpupdate is changing them", path)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// CannotStore returns the error of a settings file that could not be written, nil if err is nil.
func CannotStore(path string, err error) error {
	if f := (*exit.Error)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("writing %s: %w", path, exit.WithoutPath(err)), "check the folder, its permissions and the free disk space")
}
