package images

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
)

// TestExpanded checks which arguments are patterns where the shell expands none.
func TestExpanded(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.bind", "b.bind", "c.txt", "d[1].bind"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(folder)
	for arg, want := range map[string][]string{
		"*.bind":    {"a.bind", "b.bind", "d[1].bind"},
		"?.bind":    {"a.bind", "b.bind"},
		"[b-c].*":   {"b.bind", "c.txt"},
		"a.bind":    {"a.bind"},
		"d[1].bind": {"d[1].bind"}, // the name of a file
		"*.zip":     {"*.zip"},
		"[":         {"["},
		"-":         {"-"},
	} {
		if got := expanded([]string{arg}); !slices.Equal(got, want) {
			t.Errorf("%s: %q", arg, got)
		}
	}
}

// TestReadHint checks what is said of names that the operating system does not read.
func TestReadHint(t *testing.T) {
	t.Parallel()
	invalidName, missing := &fs.PathError{Err: syscall.Errno(123)}, &fs.PathError{Err: fs.ErrNotExist}
	for _, c := range []struct {
		system, name string
		err          error
		want         string
	}{
		{"windows", "*.bind", invalidName, "check the name and the folder: no file matches this pattern"},
		{"windows", "cp?00.bind", invalidName, "check the name and the folder: no file matches this pattern"},
		{"windows", "a<b>.bind", invalidName, atomicfile.BadNameHint},
		{"windows", "[ab].bind", missing, "check the name and the folder"},
		{"linux", "*.bind", missing, "check the name and the folder"},
		{"linux", "*.bind", invalidName, "check that the file can be read, and that its medium works"}, // ENOMEDIUM
	} {
		if got := readHint(c.system, c.name, c.err); got != c.want {
			t.Errorf("%s, %s, %v: %s", c.system, c.name, c.err, got)
		}
	}
}
