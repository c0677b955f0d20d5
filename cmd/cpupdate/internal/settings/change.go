package settings

import (
	"bytes"
	"errors"
	"os"
	"runtime"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Replace gives the file its new content. A link stays one: what it names is replaced. Passwords, and files that are
// new, are their owner's alone; any other file keeps its permissions.
func (f *File) Replace(raw []byte) (err error) {
	path, err := atomicfile.LinkTarget(f.Path)
	if err != nil {
		return err
	}
	temporary, err := atomicfile.CreateBeside(path, 0o600)
	if err != nil {
		return atomicfile.CannotStore(f.Path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, atomicfile.IgnoreMissing(os.Remove(temporary.Name())))
		}
	}()
	_, err = temporary.Write(raw)
	if err == nil && f.There && !f.Form.Secret && runtime.GOOS != "windows" {
		err = temporary.Chmod(f.Mode.Perm())
	}
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return atomicfile.CannotStore(f.Path, err)
	}
	now := &File{Path: f.Path, Form: f.Form}
	if err := now.Read(); atomicfile.IgnoreMissing(err) != nil || now.There != f.There || !bytes.Equal(now.Raw, f.Raw) {
		return exit.Errorf(exit.CodeSettings, "look at the file, and try again", "settings %s: somebody else changed the file meanwhile", f.Path)
	}
	return atomicfile.CannotStore(f.Path, os.Rename(temporary.Name(), path))
}
