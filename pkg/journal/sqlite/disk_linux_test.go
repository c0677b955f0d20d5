package sqlite_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// disk mounts a small disk. It returns "" where that is not allowed.
func disk(t *testing.T, options string) string {
	t.Helper()
	folder := t.TempDir()
	output, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "cpupdate-test", folder).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") != "" && os.Getuid() == 0 {
			t.Fatalf("no disk can be mounted: %s", output)
		}
		t.Logf("no disk can be mounted, which only root may: %s", output)
		return ""
	}
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", folder).Run() }) //nolint:noctx // the test's context has ended
	return folder
}

// TestFullDisk fills a real disk: appends fail with a sentence, what was recorded stays, reading works, and once there is space
// again, so does writing.
func TestFullDisk(t *testing.T) {
	folder := disk(t, "size=256k")
	if folder == "" {
		return
	}
	path := filepath.Join(folder, "journal.db")
	ballast := filepath.Join(folder, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	key := journal.Key{Rollout: "spring", Phone: "a"}
	var seq journal.Seq
	recorded := 0
	var err error
	for recorded < 10_000 {
		var next journal.Seq
		next, err = l.Append(t.Context(), key, seq, journaltest.Event(0, journal.Note{Text: strings.Repeat("x", 900)}))
		if err != nil {
			break
		}
		seq = next
		recorded++
	}
	var known *journal.Error
	if !errors.Is(err, journal.ErrFull) || !errors.As(err, &known) || !strings.Contains(err.Error(), "no space is left on the disk") {
		t.Fatalf("after %d events: %v", recorded, err)
	}
	for range 3 {
		if _, err := l.Append(t.Context(), key, seq, journaltest.Event(0, journal.Note{Text: strings.Repeat("x", 900)})); !errors.Is(err, journal.ErrFull) {
			t.Errorf("again: %v", err)
		}
	}
	if got := len(journaltest.List(t, l.Read(t.Context(), key))); got != recorded {
		t.Errorf("%d events, %d were recorded", got, recorded)
	}
	if other, err := sqlite.Open(t.Context(), path); err != nil { // history, on a full disk
		t.Errorf("another process: %v", err)
	} else {
		if got := len(journaltest.List(t, other.Read(t.Context(), key))); got != recorded {
			t.Errorf("another process reads %d events of %d", got, recorded)
		}
		_ = other.Close()
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), key, seq, journaltest.Event(0, journal.Note{Text: "there is space"})); err != nil {
		t.Errorf("after there was space: %v", err)
	}
	if err := errors.Join(l.Check(t.Context()), l.Close()); err != nil {
		t.Error(err)
	}
}

// TestFullFromTheStart has no space for a new journal.
func TestFullFromTheStart(t *testing.T) {
	folder := disk(t, "size=16k")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, "ballast"), make([]byte, 8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "journal.db")
	for range 2 {
		if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, journal.ErrFull) {
			t.Errorf("%v", err)
		}
	}
	if err := os.Remove(filepath.Join(folder, "ballast")); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), path)
	var known *journal.Error
	if err != nil && !errors.As(err, &known) {
		t.Errorf("with a little more space: %v", err)
	}
}

// TestReadOnlyDisk opens a new and an existing journal on a disk that cannot be written.
func TestReadOnlyDisk(t *testing.T) {
	folder := disk(t, "size=1m")
	if folder == "" {
		return
	}
	path := filepath.Join(folder, "journal.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,ro", folder).CombinedOutput(); err != nil {
		t.Fatalf("%s", output)
	}
	for _, name := range []string{path, filepath.Join(folder, "new.db"), filepath.Join(folder, "new", "new.db")} {
		var known *journal.Error
		if _, err := sqlite.Open(t.Context(), name); !errors.Is(err, journal.ErrReadOnly) || !errors.As(err, &known) || known.Place != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnotherUser opens the journal of another user.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root may be another user
	}
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o711); err != nil { //nolint:gosec // another user passes through it
		t.Fatal(err)
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path, copied := filepath.Join(folder, "journal.db"), filepath.Join(folder, "program")
	if err := errors.Join(open(t, path).Close(), os.WriteFile(copied, program, 0o755), os.Chmod(folder, 0o755)); err != nil { //nolint:gosec // for another user
		t.Fatal(err)
	}
	for _, name := range []string{path, filepath.Join(folder, "new.db"), filepath.Join(folder, "new", "new.db")} {
		cmd := exec.CommandContext(t.Context(), copied, "a", "1") //nolint:gosec // this program
		cmd.Env = append(cmd.Environ(), childJournal+"="+name)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		output, err := cmd.CombinedOutput()
		if err == nil || !strings.HasPrefix(string(output), "error: journal "+name+" cannot be opened for writing: choose a file in a folder of yours") {
			t.Errorf("%v, %s", err, output)
		}
	}
}
