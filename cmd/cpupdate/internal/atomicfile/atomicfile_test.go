package atomicfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
)

// A file is there whole or not at all, and what was there before stays unless it was given up.
func TestWriteFile(t *testing.T) {
	broken := errors.New("broken")
	write := func(w io.Writer) error { _, err := w.Write([]byte("new")); return err }
	for _, test := range []struct {
		name   string
		before string
		force  bool
		write  func(io.Writer) error
		check  func(string) error
		want   string
		fails  bool
	}{
		{"new", "", false, write, nil, "new", false},
		{"replaced", "old", true, write, nil, "new", false},
		{"there already", "old", false, write, nil, "old", true},
		{"cannot be written", "", false, func(io.Writer) error { return broken }, nil, "", true},
		{"cannot be written over", "old", true, func(io.Writer) error { return broken }, nil, "old", true},
		{"does not please", "", false, write, func(string) error { return broken }, "", true},
		{"does not please, with force", "old", true, write, func(string) error { return broken }, "old", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "file")
			if test.before != "" {
				if err := os.WriteFile(name, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := Write(name, test.force, test.write, test.check); (err != nil) != test.fails {
				t.Errorf("got the error %v", err)
			}
			clitest.Left(t, name, test.want)
		})
	}
}

// What somebody else puts there meanwhile is theirs.
func TestWriteFileTakenMeanwhile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	err := Write(name, false, func(w io.Writer) error {
		if err := os.WriteFile(name, []byte("theirs"), 0o600); err != nil {
			return err
		}
		_, err := w.Write([]byte("ours"))
		return err
	}, nil)
	if err == nil {
		t.Error("no error")
	}
	clitest.Left(t, name, "theirs")
}

// TestLockInterrupted checks that waiting for a lock can be interrupted.
func TestLockInterrupted(t *testing.T) {
	name := clitest.File(t, "site.toml", []byte("# x"))
	unlock, err := Lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	clitest.Left(t, name, "# x")
}

// TestLockLeft checks that a lock file that nobody holds is no lock, and that nothing of it is left.
func TestLockLeft(t *testing.T) {
	name := clitest.File(t, "site.toml", []byte("# x"))
	if err := os.WriteFile(name+".lock", []byte("1234"), 0o400); err != nil {
		t.Fatal(err)
	}
	unlock, err := Lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	clitest.Left(t, name, "# x")
}

// TestLockKilled checks that the lock of a process that is killed ends with it, and that it keeps others out until then.
func TestLockKilled(t *testing.T) {
	if name := os.Getenv("CPUPDATE_TEST_LOCK"); name != "" {
		if _, err := Lock(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		fmt.Println("locked")
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return
	}
	t.Parallel()
	name := clitest.File(t, "site.toml", []byte("# x"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.CommandContext(t.Context(), program, "-test.run=^TestLockKilled$")
	holder.Env = append(os.Environ(), "CPUPDATE_TEST_LOCK="+name)
	input, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	output, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if said, err := bufio.NewReader(output).ReadString('\n'); err != nil || said != "locked\n" {
		t.Fatalf("%q, %v", said, err)
	}
	synctest.Test(t, func(t *testing.T) { // half a minute is over at once
		if _, err := Lock(t.Context(), name); err == nil || !strings.Contains(err.Error(), "another cpupdate is changing them") {
			t.Errorf("while another has it: %v", err)
		}
	})
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	unlock, err := Lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	clitest.Left(t, name, "# x")
}

// TestLockTogether checks that of many who lock at a time only one has the lock, although each removes the file.
func TestLockTogether(t *testing.T) {
	t.Parallel()
	name := clitest.File(t, "site.toml", []byte("# x"))
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				unlock, err := Lock(t.Context(), name)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				inside.Add(-1)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	clitest.Left(t, name, "# x")
}

// TestWriteHint checks the next step after an error of writing: errors of Windows that a file is open count on Windows only.
func TestWriteHint(t *testing.T) {
	t.Parallel()
	for number, open := range map[syscall.Errno]bool{5: true, 32: true, 33: true, 2: false, 112: false} {
		err := &os.LinkError{Op: "rename", Old: "a", New: "b", Err: number}
		if got := strings.Contains(writeHint("windows", err), "close the file"); got != open {
			t.Errorf("Windows, %d: %v", number, got)
		}
		if strings.Contains(writeHint("linux", err), "close the file") {
			t.Errorf("Linux, %d", number)
		}
	}
}

// TestMadeMeanwhile looks for a file that another process makes and removes all the time: it is no link that leads nowhere.
func TestMadeMeanwhile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "file")
	link := filepath.Join(t.TempDir(), "link")
	_ = os.Symlink(name, link)
	_, noLinks := os.Readlink(link) // Wine makes none, and reports no error
	var over atomic.Bool
	var other sync.WaitGroup
	other.Go(func() {
		for !over.Load() {
			_ = os.WriteFile(name, nil, 0o600)
			_ = os.Remove(name)
		}
	})
	defer other.Wait()
	defer over.Store(true)
	for range 20_000 {
		if IsBrokenLink(name) {
			t.Fatal("it passes for a broken link")
		}
		target, err := LinkTarget(name)
		if isOpen(runtime.GOOS, err) {
			continue // Windows says so of a file that is being removed
		}
		if err != nil || filepath.Base(target) != "file" {
			t.Fatalf("%q, %v", target, err)
		}
		if target, err := LinkTarget(link); noLinks == nil && err == nil && filepath.Base(target) != "file" {
			t.Fatalf("the link passes for a file: %q", target) // it would be replaced
		}
	}
}

// TestLinkTarget checks what a name leads to: an error that does not say that something is missing is told as it is.
func TestLinkTarget(t *testing.T) {
	t.Parallel()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(folder, name) }
	if err := errors.Join(os.Mkdir(at("real"), 0o700), os.WriteFile(at("real/file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "real/file", "folder": "real", "broken": "real/none", "nowhere": "none", "circle": "circle"} {
		err := os.Symlink(filepath.FromSlash(target), at(name))
		if _, readErr := os.Readlink(at(name)); err != nil || readErr != nil { // Wine makes none, and reports no error
			t.Skipf("no links can be made here: %v, %v", err, readErr)
		}
	}
	for _, c := range []struct {
		name, target, problem string
		broken                bool
	}{
		{"real/file", "real/file", "", false},
		{"link", "real/file", "", false},
		{"folder/file", "folder/file", "", false},
		{"folder/new", "folder/new", "", false},
		{"new", "new", "", false},
		{"none/new", "none/new", "", false},
		{"broken", "", "the link leads to a file that does not exist", true},
		{"nowhere/file", "", "the link leads to a file that does not exist", true},
		{"circle", "", "too many links", true},
		{"real/file/none", "", "not a directory", false},
	} {
		if runtime.GOOS == "windows" && c.name == "real/file/none" {
			c.target, c.problem = c.name, "" // there it is a missing path
		}
		target, err := LinkTarget(at(c.name))
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %q, %v", c.name, target, err)
			}
		} else if err != nil || target != at(c.target) {
			t.Errorf("%s: %q, %v", c.name, target, err)
		}
		if got := IsBrokenLink(at(c.name)); got != c.broken {
			t.Errorf("%s: broken %t", c.name, got)
		}
	}
}

// TestReplaceHint checks the next step when a file that exists cannot be read.
func TestReplaceHint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		system string
		number syscall.Errno
		want   string
	}{
		{"windows", 32, "close the file in other programs"},
		{"windows", 33, "close the file in other programs"},
		{"windows", 21, "check that you may read the file"},
		{"linux", 32, "check that you may read the file"},
		{"linux", 5, "check that you may read the file"},
	} {
		if got := replaceHint(c.system, &os.PathError{Op: "read", Path: "a", Err: c.number}); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %d: %s", c.system, c.number, got)
		}
	}
}

// TestBadName checks the next step for a name that Windows does not allow; the same number means something else elsewhere.
func TestBadName(t *testing.T) {
	t.Parallel()
	err := &os.PathError{Op: "open", Path: "a<b", Err: syscall.Errno(123)}
	if got := writeHint("windows", err); got != BadNameHint {
		t.Error(got)
	}
	if got := writeHint("linux", err); got == BadNameHint {
		t.Error(got)
	}
}

// TestReadHint checks the next step after an error of reading.
func TestReadHint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		system string
		number syscall.Errno
		want   string
	}{
		{"windows", 32, "close the file in other programs"},
		{"windows", 5, "close the file in other programs"},
		{"windows", 123, BadNameHint},
		{"windows", 3, "otherwise"},
		{"linux", 32, "otherwise"},
		{"linux", 123, "otherwise"},
		{"darwin", 5, "otherwise"},
	} {
		if got := readHint(c.system, &os.PathError{Op: "open", Path: "a", Err: c.number}, "otherwise"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %d: %s", c.system, c.number, got)
		}
	}
}
