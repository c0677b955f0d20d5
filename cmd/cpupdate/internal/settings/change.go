package settings

import (
	"bytes"
	"errors"
	"io/fs"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Replace replaces the content of the file. A link stays a link: its target is replaced. Password files and new files
// are accessible to their owner only; any other file keeps its permissions. The caller holds the lock.
func (f *File) Replace(raw []byte) (err error) {
	path, err := atomicfile.LinkTarget(f.Path)
	if err != nil {
		return err
	}
	for range 3 { // another process that reads the file may have taken the draft for one that was left
		if err = f.replace(path, raw); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

func (f *File) replace(path string, raw []byte) (err error) {
	d, err := atomicfile.NewLockedDraft(path, atomicfile.Bytes(raw))
	if err != nil {
		return atomicfile.CannotStore(f.Path, err)
	}
	defer d.Discard(&err)
	if f.There && !f.Form.Secret {
		if err := d.Chmod(f.Mode); err != nil {
			return atomicfile.CannotStore(f.Path, err)
		}
	}
	now := &File{Path: f.Path, Form: f.Form}
	if err := now.Read(); atomicfile.IgnoreMissing(err) != nil || now.There != f.There || !bytes.Equal(now.Raw, f.Raw) {
		return exit.Errorf(exit.CodeSettings, "check the file, and try again", "settings %s: another program changed the file in the meantime", f.Path)
	}
	return atomicfile.CannotStore(f.Path, d.Place(true))
}
