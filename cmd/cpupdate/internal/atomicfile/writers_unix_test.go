//go:build !windows

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// stranger is a user that is neither root nor this process.
const stranger = 54321

// A tree is a folder with files in which a test changes owners and modes.
type tree struct {
	t   *testing.T
	top string
}

func (w tree) path(name string) string { return filepath.Join(w.top, name) }

func (w tree) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w tree) chmod(name string, mode os.FileMode) {
	w.t.Helper()
	w.must(os.Chmod(w.path(name), mode))
}

// give makes something the stranger's, which only root may do.
func (w tree) give(name string) {
	w.t.Helper()
	if os.Getuid() != 0 {
		w.t.Skip("only root may give a file away")
	}
	w.must(os.Lchown(w.path(name), stranger, stranger))
}

func (w tree) link(target, name string) {
	w.t.Helper()
	w.must(os.Symlink(target, w.path(name)))
}

// TestCheckWriters checks by which owners and modes on the way to a file it is refused, and that the command which mends it is
// named.
func TestCheckWriters(t *testing.T) {
	t.Parallel()
	const sticky = os.ModeSticky | 0o777
	for _, c := range []struct {
		name   string
		file   string // of the tree; a/b/keys if empty
		change func(w tree)
		says   []string // none: it is not refused; TOP is the tree
	}{
		{"as made", "", func(tree) {}, nil},
		{"read by all", "", func(w tree) { w.chmod("a/b/keys", 0o644) }, nil},
		{"missing", "a/b/none", func(tree) {}, nil},
		{"file for the group", "", func(w tree) { w.chmod("a/b/keys", 0o620) }, []string{"can change it (mode 620)", "chmod go-w TOP/a/b/keys"}},
		{"file for others", "", func(w tree) { w.chmod("a/b/keys", 0o602) }, []string{"can change it (mode 602)", "chmod go-w TOP/a/b/keys"}},
		{"folder for others", "", func(w tree) { w.chmod("a/b", 0o777) }, []string{"can replace it: TOP/a/b has mode 777", "chmod go-w TOP/a/b"}},
		{"folder for the group", "", func(w tree) { w.chmod("a/b", 0o770) }, []string{"TOP/a/b has mode 770", "chmod go-w TOP/a/b"}},
		{"folder above", "", func(w tree) { w.chmod("a", 0o733) }, []string{"TOP/a has mode 733", "chmod go-w TOP/a"}},
		{"folder far above", "", func(w tree) { w.chmod("", 0o777) }, []string{"TOP has mode 777", "chmod go-w TOP"}},
		{"sticky folder", "", func(w tree) { w.chmod("a/b", sticky); w.chmod("a", sticky) }, nil},
		{"sticky folder, file for others", "", func(w tree) { w.chmod("a/b", sticky); w.chmod("a/b/keys", 0o666) }, []string{"can change it (mode 666)"}},
		{"missing in a folder for others", "a/b/none", func(w tree) { w.chmod("a/b", 0o777) }, []string{"TOP/a/b has mode 777"}},
		{"missing in a sticky folder", "a/b/none", func(w tree) { w.chmod("a/b", sticky) }, nil},
		{"several at once", "", func(w tree) { w.chmod("a", 0o777); w.chmod("a/b", 0o777); w.chmod("a/b/keys", 0o666) }, []string{"chmod go-w TOP/a TOP/a/b TOP/a/b/keys"}},
		{"name for a shell", "a/b/two words", func(w tree) {
			w.must(os.WriteFile(w.path("a/b/two words"), nil, 0o600))
			w.chmod("a/b/two words", 0o666)
		}, []string{"chmod go-w 'TOP/a/b/two words'"}},

		{"file of another", "", func(w tree) { w.give("a/b/keys") }, []string{"it belongs to the user 54321", "chown -h root TOP/a/b/keys"}},
		{"folder of another", "", func(w tree) { w.give("a/b") }, []string{"TOP/a/b belongs to the user 54321", "chown -h root TOP/a/b"}},
		{"folder above of another", "", func(w tree) { w.give("a") }, []string{"TOP/a belongs to the user 54321"}},
		{"sticky folder of another", "", func(w tree) { w.chmod("a/b", sticky); w.give("a/b") }, []string{"TOP/a/b belongs to the user 54321"}},
		{"file of another in a sticky folder", "", func(w tree) { w.chmod("a/b", sticky); w.give("a/b/keys") }, []string{"it belongs to"}},
		{"owner and mode", "", func(w tree) { w.chmod("a/b", 0o777); w.give("a/b/keys") }, []string{"chown -h root TOP/a/b/keys && chmod go-w TOP/a/b"}},

		{"link", "link", func(w tree) { w.link("a/b/keys", "link") }, nil},
		{"full link", "link", func(w tree) { w.link(w.path("a/b/keys"), "link") }, nil},
		{"link to a folder", "link/keys", func(w tree) { w.link("a/b", "link") }, nil},
		{"link up", "a/b/link/keys", func(w tree) { w.link("../../a/./b", "a/b/link") }, nil},
		{"link into a folder for others", "link", func(w tree) { w.link("a/b/keys", "link"); w.chmod("a", 0o777) }, []string{"TOP/a has mode 777"}},
		{"link to a file for others", "link", func(w tree) { w.link("a/b/keys", "link"); w.chmod("a/b/keys", 0o666) }, []string{"can change it (mode 666)", "chmod go-w TOP/a/b/keys"}},
		{"link in a folder for others", "a/link", func(w tree) { w.link("b/keys", "a/link"); w.chmod("a", 0o777) }, []string{"TOP/a has mode 777"}},
		{"link of another in a sticky folder", "c/link", func(w tree) { w.link("../a/b/keys", "c/link"); w.chmod("c", sticky); w.give("c/link") }, []string{"it belongs to the user 54321", "chown -h root TOP/c/link"}},
		{"links in a circle", "one", func(w tree) { w.link("two", "one"); w.link("one", "two") }, []string{"too many levels of symbolic links"}},
		{"broken link", "link", func(w tree) { w.link("nowhere/x", "link") }, nil},

		{"folder", "a/b", func(tree) {}, nil},
		{"folder that is for others itself", "a/b", func(w tree) { w.chmod("a/b", 0o777) }, []string{"can change it (mode 777)"}},
		{"up from a link", "link/../b/keys", func(w tree) { w.link("c/d", "link"); w.chmod("c", 0o777) }, []string{"TOP/c has mode 777"}},
		{"pipe for others", "a/b/pipe", func(w tree) { w.must(syscall.Mkfifo(w.path("a/b/pipe"), 0o600)); w.chmod("a/b/pipe", 0o622) }, []string{"can change it (mode 622)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := tree{t, filepath.Join(t.TempDir(), "top")}
			w.must(errors.Join(os.MkdirAll(w.path("a/b"), 0o700), os.MkdirAll(w.path("c/d"), 0o700), os.WriteFile(w.path("a/b/keys"), nil, 0o600)))
			w.chmod("../..", 0o700) // whatever the umask is
			w.chmod("..", 0o700)
			c.change(w)
			file := c.file
			if file == "" {
				file = "a/b/keys"
			}
			err := CheckWriters("keys", w.top+"/"+file)
			if c.says == nil {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			own := (*exit.Error)(nil)
			if !errors.As(err, &own) || own.Code != exit.CodeSettings {
				t.Fatalf("got %v", err)
			}
			said := err.Error() + "\n" + strings.Join(own.Hints, "\n") + "\n"
			for _, text := range c.says {
				if text = strings.ReplaceAll(text, "TOP", w.top); !strings.Contains(said, text) {
					t.Errorf("%s\nlacks %q", said, text)
				}
			}
		})
	}
}

// TestCheckWritersOfDescriptors checks that an open file of this process, as a shell's <(command) names it, is not refused.
func TestCheckWritersOfDescriptors(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, name := range []string{"/dev/fd/" + id(uint32(r.Fd())), "/dev/stdin"} { //nolint:gosec // a descriptor is small
		if err := CheckWriters("keys", name); err != nil {
			t.Error(err)
		}
	}
}
