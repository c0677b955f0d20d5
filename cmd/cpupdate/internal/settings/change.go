package settings

import (
	"bytes"

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
	d, err := atomicfile.NewDraft(path, 0o600, atomicfile.Bytes(raw))
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
		return exit.Errorf(exit.CodeSettings, "look at the file, and try again", "settings %s: somebody else changed the file meanwhile", f.Path)
	}
	return atomicfile.CannotStore(f.Path, d.Place(true))
}
