package settings_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
)

// killedWriter names the variable by which a test tells its child process which file to write.
const killedWriter = "CPUPDATE_TEST_KILLED_WRITER"

// TestKilledWriter is the child process: it writes a password into a draft, says so, and waits to be killed.
func TestKilledWriter(t *testing.T) {
	name := os.Getenv(killedWriter)
	if name == "" {
		t.Skip("this is for TestLeftOfKilled")
	}
	_, _ = atomicfile.NewLockedDraft(name, func(w io.Writer) error {
		fmt.Fprintln(w, "password = \"canary\"")
		fmt.Println("written")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
}

// TestLeftOfKilled checks that the next use of the passwords removes what a process has left that was killed while it wrote
// them, and what older versions have left; and nothing else.
func TestLeftOfKilled(t *testing.T) {
	t.Parallel()
	form := tomledit.Form{Secret: true, Keys: []tomledit.Key{{Name: "password"}}}
	for name, use := range map[string]func(path string) error{
		"reading": func(path string) error { _, err := settings.ReadFile(path, form); return err },
		"writing": func(path string) error {
			f := &settings.File{Path: path, Form: form}
			return f.Replace([]byte("[defaults]\npassword = \"new\"\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "a[b]*")
			if runtime.GOOS == "windows" { // which allows no * in a name
				folder = filepath.Join(t.TempDir(), "a[b]")
			}
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, "site.passwords.toml")
			killWriter(t, path)
			kept := []string{".site.passwords.toml.mine.tmp", ".other.passwords.toml.0123456789ab.tmp", "site.passwords.toml.tmp"}
			for _, other := range append(kept, ".site.passwords.toml.0123456789ab.tmp") {
				if err := os.WriteFile(filepath.Join(folder, other), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := use(path); err != nil {
				t.Fatal(err)
			}
			var left []string
			entries, err := os.ReadDir(folder)
			for _, entry := range entries {
				if entry.Name() != filepath.Base(path) {
					left = append(left, entry.Name())
				}
			}
			if err != nil || strings.Join(left, " ") != ".other.passwords.toml.0123456789ab.tmp .site.passwords.toml.mine.tmp site.passwords.toml.tmp" {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
}

// killWriter starts a process that writes the file, and kills it before the file has its name.
func killWriter(t *testing.T, path string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWriter$") //nolint:gosec // this test itself
	child.Env = append(child.Environ(), killedWriter+"="+path)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("written"))); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	clitest.Left(t, filepath.Join(filepath.Dir(path), ".site.passwords.toml.tmp"), "password = \"canary\"\n")
}

// TestReplaceStartsAgain checks that a draft which another process has taken for one that was left is written again.
func TestReplaceStartsAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwords.toml")
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for draft := filepath.Join(filepath.Dir(path), ".passwords.toml.tmp"); os.Remove(draft) != nil; { // once
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	f := &settings.File{Path: path, Form: tomledit.Form{Secret: true}}
	err := f.Replace([]byte("# x\n"))
	close(done)
	<-ended
	if err != nil {
		t.Error(err)
	}
	clitest.Left(t, path, "# x\n")
}
