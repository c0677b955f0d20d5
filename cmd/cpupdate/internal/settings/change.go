package settings

import (
	"bytes"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// Replace replaces the content of the file. A link stays a link: its target is replaced. Password files and new files
// are accessible to their owner only; any other file keeps its permissions.
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
		return exit.Errorf(exit.CodeSettings, "check the file, and try again", "settings %s: another program changed the file in the meantime", f.Path)
	}
	return atomicfile.CannotStore(f.Path, d.Place(true))
}
