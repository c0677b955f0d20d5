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

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Write writes a file so that it is there whole or not at all: a temporary file beside it gets its name only when
// check is content with it. Without force an existing file stays as it is. check may be nil.
func Write(name string, force bool, write func(io.Writer) error, check func(temporary string) error) (err error) {
	if err := CheckOutput(name, force); err != nil {
		return err
	}
	d, err := NewDraft(name, write)
	if err != nil {
		return err
	}
	defer d.Discard(&err)
	if check != nil {
		if err := check(d.temporary); err != nil {
			return err
		}
	}
	return d.Place(force)
}

// CreateBeside makes a temporary file in the folder of the file called name.
func CreateBeside(name string, mode fs.FileMode) (*os.File, error) {
	suffix := make([]byte, 6)
	if _, err := rand.Read(suffix); err != nil {
		return nil, err
	}
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+hex.EncodeToString(suffix)+".tmp")
	return os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
}

// A draft is a file that is whole but has not got its name yet.
type draft struct{ name, temporary string }

// NewDraft writes a file beside the one that it is to become.
func NewDraft(name string, write func(io.Writer) error) (d draft, err error) {
	f, err := CreateBeside(name, 0o666)
	if err != nil {
		return d, CannotWrite(name, err)
	}
	d = draft{name, f.Name()}
	if err = CannotWrite(name, errors.Join(write(f), f.Sync(), f.Close())); err != nil {
		d.Discard(&err)
	}
	return d, err
}

// Discard takes a draft away that was not placed, and adds to err what went wrong with that.
func (d draft) Discard(err *error) {
	if removeErr := IgnoreMissing(os.Remove(d.temporary)); removeErr != nil {
		*err = errors.Join(*err, removeErr)
	}
}

// Place gives the draft its name; without force only if that is not taken meanwhile.
func (d draft) Place(force bool) error {
	if force {
		return CannotWrite(d.name, os.Rename(d.temporary, d.name))
	}
	err := os.Link(d.temporary, d.name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return existsError(d.name)
	case err == nil:
		return os.Remove(d.temporary)
	}
	// A file system without hard links, such as FAT on a stick.
	if _, statErr := os.Lstat(d.name); statErr == nil {
		return existsError(d.name)
	}
	return CannotWrite(d.name, os.Rename(d.temporary, d.name))
}

// CheckOutput refuses what must not be written over: anything that is no file, and a file that nobody gave up.
func CheckOutput(name string, force bool) error {
	info, _ := os.Lstat(name) // whatever is wrong with the place is said when it is written to
	switch {
	case name == "-":
		return exit.Errorf(exit.CodeUsage, "name a file", "- cannot be written to: the answer goes to standard output")
	case info == nil:
		return nil
	case !info.Mode().IsRegular():
		return exit.Errorf(exit.CodeUsage, "name a file", "%s is there already and is no file", name)
	case !force:
		return existsError(name)
	}
	return nil
}

func IgnoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func existsError(name string) error {
	return exit.Errorf(exit.CodeUsage, "replace it with --force", "%s exists already", name)
}

// CannotWrite names the file that was to be written; a failure that already has its exit code keeps it.
func CannotWrite(name string, err error) error {
	if f := (*exit.Error)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return exit.New(exit.CodeImage, fmt.Errorf("writing %s: %w", name, exit.WithoutPath(err)), "check the folder, its permissions and the space on the disk")
}
