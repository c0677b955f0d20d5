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

// writeFile writes a file so that it is there whole or not at all: a temporary file beside it gets its name only when
// check is content with it. Without force an existing file stays as it is. check may be nil.
func writeFile(name string, force bool, write func(io.Writer) error, check func(temporary string) error) (err error) {
	if err := checkOutput(name, force); err != nil {
		return err
	}
	suffix := make([]byte, 6)
	if _, err := rand.Read(suffix); err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+hex.EncodeToString(suffix)+".tmp")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return cannotWrite(name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(temporary)))
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return cannotWrite(name, err)
	}
	if check != nil {
		if err := check(temporary); err != nil {
			return err
		}
	}
	if force {
		return cannotWrite(name, os.Rename(temporary, name))
	}
	return place(temporary, name)
}

// place gives the temporary file its name unless that is taken meanwhile.
func place(temporary, name string) error {
	err := os.Link(temporary, name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return existsError(name)
	case err == nil:
		return os.Remove(temporary)
	}
	// A file system without hard links, such as FAT on a stick.
	if _, statErr := os.Lstat(name); statErr == nil {
		return existsError(name)
	}
	return cannotWrite(name, os.Rename(temporary, name))
}

// checkOutput refuses what must not be written over: anything that is no file, and a file that nobody gave up.
func checkOutput(name string, force bool) error {
	info, _ := os.Lstat(name) // whatever is wrong with the place is said when it is written to
	switch {
	case name == "-":
		return failf(codeUsage, "name a file", "- cannot be written to: the answer goes to standard output")
	case info == nil:
		return nil
	case !info.Mode().IsRegular():
		return failf(codeUsage, "name a file", "%s is there already and is no file", name)
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
	return failf(codeUsage, "replace it with --force", "%s exists already", name)
}

// cannotWrite names the file that was to be written; a failure that already has its exit code keeps it.
func cannotWrite(name string, err error) error {
	if f := (*failure)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return fail(codeImage, fmt.Errorf("writing %s: %w", name, withoutPath(err)), "check the folder, its permissions and the space on the disk")
}
