// Package atomicfile writes files that are complete or not there at all, and keeps apart the processes that change the same
// file. It knows nothing of what is in them.
package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Write writes a file that is complete or not there at all: a temporary file beside it gets its name only after check has
// accepted it. Without force an existing file stays as it is. check may be nil.
func Write(name string, force bool, write func(io.Writer) error, check func(temporary string) error) (err error) {
	if err := CheckOutput(name, force); err != nil {
		return err
	}
	d, err := NewDraft(name, 0o666, write)
	if err != nil {
		return CannotWrite(name, err)
	}
	defer d.Discard(&err)
	if check != nil {
		if err := check(d.temporary); err != nil {
			return err
		}
	}
	return CannotWrite(name, d.Place(force))
}

// A Draft is a complete file that does not have its name yet.
type Draft struct{ name, temporary string }

// NewDraft writes a file beside the one called name, with the permissions of mode less the umask. Its bytes are on the disk
// when it returns.
func NewDraft(name string, mode fs.FileMode, write func(io.Writer) error) (Draft, error) {
	suffix := make([]byte, 6)
	_, _ = rand.Read(suffix) // never fails
	return newDraft(Draft{name, filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+hex.EncodeToString(suffix)+".tmp")}, mode, write)
}

// NewLockedDraft writes a file beside the one called name, which only its owner can read. The caller holds the lock of the file:
// so the draft always has the same name, and [RemoveLeft] finds it if this process is killed.
func NewLockedDraft(name string, write func(io.Writer) error) (Draft, error) {
	if err := RemoveLeft(name); err != nil {
		return Draft{}, err
	}
	return newDraft(Draft{name, leftName(name)}, 0o600, write)
}

// leftName returns the name of the draft of a file that is changed under a lock.
func leftName(name string) string {
	return filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
}

// RemoveLeft removes what a process that was killed while it wrote the file has left. A process that writes it at the moment
// starts again.
func RemoveLeft(name string) error {
	err := IgnoreMissing(os.Remove(leftName(name)))
	// Older versions gave each draft another name.
	old, _ := filepath.Glob(filepath.Join(globEscape(filepath.Dir(name)), "."+globEscape(filepath.Base(name))+"."+strings.Repeat("[0-9a-f]", 12)+".tmp"))
	for _, left := range old {
		err = errors.Join(err, IgnoreMissing(os.Remove(left)))
	}
	return err
}

// globEscape returns a pattern that matches the text only. Windows has no such escapes, and no such names but with [.
func globEscape(text string) string {
	if runtime.GOOS == "windows" {
		return strings.ReplaceAll(text, "[", "?")
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(text)
}

// newDraft writes the draft.
func newDraft(d Draft, mode fs.FileMode, write func(io.Writer) error) (Draft, error) {
	f, err := os.OpenFile(d.temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return Draft{}, err
	}
	if err = errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		d.Discard(&err)
	}
	return d, err
}

// Bytes returns what writes b.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// Chmod gives the draft the permissions of mode, whatever the umask is. It does nothing on Windows.
func (d Draft) Chmod(mode fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return os.Chmod(d.temporary, mode.Perm())
}

// Discard removes a draft that was not placed, and adds to err what went wrong with that.
func (d Draft) Discard(err *error) {
	if removeErr := IgnoreMissing(os.Remove(d.temporary)); removeErr != nil {
		*err = errors.Join(*err, removeErr)
	}
}

// Place gives the draft its name; without force only if no file has it meanwhile.
func (d Draft) Place(force bool) error {
	if force {
		return rename(d.temporary, d.name)
	}
	err := os.Link(d.temporary, d.name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return existsError(d.name)
	case err == nil:
		return os.Remove(d.temporary)
	}
	// The file system has no hard links, for example FAT on a USB stick.
	if _, statErr := os.Lstat(d.name); statErr == nil {
		return existsError(d.name)
	}
	return os.Rename(d.temporary, d.name)
}

// openWait is how long Place waits for another program to close the file.
const openWait = 3 * time.Second

// rename renames a file. On Windows a file that another program has open cannot be replaced: one that only reads it, such as
// a virus scanner, is waited for.
func rename(from, to string) error {
	for deadline := time.Now().Add(openWait); ; time.Sleep(20 * time.Millisecond) {
		err := os.Rename(from, to)
		if err == nil || !isOpen(runtime.GOOS, err) || time.Now().After(deadline) {
			return err
		}
	}
}

// isOpen reports whether an error may mean that another program has the file open. Windows says so in three ways.
func isOpen(system string, err error) bool {
	const accessDenied, sharingViolation, lockViolation = syscall.Errno(5), syscall.Errno(32), syscall.Errno(33)
	return system == "windows" && (errors.Is(err, accessDenied) || errors.Is(err, sharingViolation) || errors.Is(err, lockViolation))
}

// IsBadName reports whether an error means that the operating system called system allows no file of that name.
func IsBadName(system string, err error) bool {
	const invalidName = syscall.Errno(123)
	return system == "windows" && errors.Is(err, invalidName)
}

// BadNameHint is what to do about an error of IsBadName.
const BadNameHint = `check the name: Windows allows none of < > : " | ? * in it`

// CheckOutput rejects an output that is not a regular file, or that exists, without force.
func CheckOutput(name string, force bool) error {
	info, _ := os.Lstat(name) // errors are reported when the file is written
	switch {
	case name == "-":
		return exit.Errorf(exit.CodeUsage, "name a file", "cannot write to -: the answer goes to standard output")
	case info == nil:
		return nil
	case !info.Mode().IsRegular():
		return exit.Errorf(exit.CodeUsage, "name a file", "%s exists and is not a regular file", name)
	case !force:
		return existsError(name)
	}
	return nil
}

// IgnoreMissing returns nil if the error says that there is no such file, and else the error.
func IgnoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func existsError(name string) error {
	return exit.Errorf(exit.CodeUsage, "replace it with --force", "%s already exists", name)
}

// CannotWrite adds the file name and a hint to an error of writing; it returns a failure unchanged.
func CannotWrite(name string, err error) error {
	if f := (*exit.Error)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return exit.New(exit.CodeImage, fmt.Errorf("writing %s: %w", name, exit.WithoutPath(err)), writeHint(runtime.GOOS, err))
}

// CannotReplace returns the error of a file that exists and may not be replaced, since it cannot be read.
func CannotReplace(name string, err error) error {
	return exit.New(exit.CodeImage, fmt.Errorf("%s exists and cannot be read: %w", name, err), replaceHint(runtime.GOOS, err))
}

// replaceHint returns the next step after an error of CannotReplace.
func replaceHint(system string, err error) string {
	if isOpen(system, err) {
		return writeHint(system, err)
	}
	return "check that you may read the file; or name another one"
}

// ReadHint returns the next step after an error of opening or reading a file; otherwise is for errors that say nothing of the
// reason why it cannot be read.
func ReadHint(err error, otherwise string) string { return readHint(runtime.GOOS, err, otherwise) }

func readHint(system string, err error, otherwise string) string {
	switch {
	case IsBadName(system, err):
		return BadNameHint
	case isOpen(system, err):
		return "close the file in other programs, such as Excel, and check that you may read it"
	}
	return otherwise
}

// writeHint returns the next step after an error of writing.
func writeHint(system string, err error) string {
	switch {
	case IsBadName(system, err):
		return BadNameHint
	case isOpen(system, err):
		return "close the file in other programs, such as Excel, and check that you may write it; or name another file"
	}
	return "check the folder, its permissions and the free disk space"
}
