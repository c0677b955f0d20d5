package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a file completely or not at all: it writes a temporary file in the same folder and renames it if
// check returns no error. Without force, it does not replace an existing file. check may be nil.
func writeFile(name string, force bool, write func(io.Writer) error, check func(temporary string) error) (err error) {
	if err := checkOutput(name, force); err != nil {
		return err
	}
	d, err := newDraft(name, write)
	if err != nil {
		return err
	}
	defer d.discard(&err)
	if check != nil {
		if err := check(d.temporary); err != nil {
			return err
		}
	}
	return d.place(force)
}

// createBeside creates a temporary file in the folder of the file called name.
func createBeside(name string, mode fs.FileMode) (*os.File, error) {
	suffix := make([]byte, 6)
	if _, err := rand.Read(suffix); err != nil {
		return nil, err
	}
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+hex.EncodeToString(suffix)+".tmp")
	return os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
}

// A draft is a complete temporary file that does not have its final name yet.
type draft struct{ name, temporary string }

// newDraft writes a temporary file in the folder of the file called name.
func newDraft(name string, write func(io.Writer) error) (d draft, err error) {
	f, err := createBeside(name, 0o666)
	if err != nil {
		return d, cannotWrite(name, err)
	}
	d = draft{name, f.Name()}
	if err = cannotWrite(name, errors.Join(write(f), f.Sync(), f.Close())); err != nil {
		d.discard(&err)
	}
	return d, err
}

// discard removes a draft that was not placed, and joins an error of removing to err.
func (d draft) discard(err *error) {
	if removeErr := ignoreMissing(os.Remove(d.temporary)); removeErr != nil {
		*err = errors.Join(*err, removeErr)
	}
}

// place renames the draft to its final name; without force, only if no file of that name exists.
func (d draft) place(force bool) error {
	if force {
		return cannotWrite(d.name, os.Rename(d.temporary, d.name))
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
	return cannotWrite(d.name, os.Rename(d.temporary, d.name))
}

// checkOutput rejects an output that is not a regular file, or that exists, without force.
func checkOutput(name string, force bool) error {
	info, _ := os.Lstat(name) // errors are reported when the file is written
	switch {
	case name == "-":
		return failf(codeUsage, "name a file", "cannot write to -: the answer goes to standard output")
	case info == nil:
		return nil
	case !info.Mode().IsRegular():
		return failf(codeUsage, "name a file", "%s exists and is not a regular file", name)
	case !force:
		return existsError(name)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func existsError(name string) error {
	return failf(codeUsage, "replace it with --force", "%s already exists", name)
}

// cannotWrite adds the file name and a hint to an error of writing; it returns a failure unchanged.
func cannotWrite(name string, err error) error {
	if f := (*failure)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return fail(codeImage, fmt.Errorf("writing %s: %w", name, withoutPath(err)), "check the folder, its permissions and the free disk space")
}
