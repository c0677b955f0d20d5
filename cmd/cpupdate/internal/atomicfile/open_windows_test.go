package atomicfile

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestWriteOpen checks that a file which another program has open is replaced when that closes it, and that the error says
// what to do if it does not.
func TestWriteOpen(t *testing.T) {
	name := clitest.File(t, "sim.csv", []byte("old"))
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }
	err = Write(name, true, write, nil)
	if hints := exit.Classify(err).Hints; err == nil || len(hints) != 1 || !strings.HasPrefix(hints[0], "close the file in other programs") {
		t.Errorf("while it is open: %v, %v", err, hints)
	}
	clitest.Left(t, name, "old")
	time.AfterFunc(100*time.Millisecond, func() { _ = reader.Close() })
	if err := Write(name, true, write, nil); err != nil {
		t.Error(err)
	}
	clitest.Left(t, name, "new")
}

// TestLockOpen checks that a lock file which another program opens without sharing is waited for, and is not reported as a lock of
// another cpupdate.
func TestLockOpen(t *testing.T) {
	name := clitest.File(t, "site.toml", nil)
	lock := clitest.File(t, "other.lock", nil)
	if err := os.Rename(lock, name+".lock"); err != nil {
		t.Fatal(err)
	}
	path, err := syscall.UTF16PtrFromString(name + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ, 0, nil, syscall.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(t.Context(), name)
	if hints := exit.Classify(err).Hints; err == nil || len(hints) != 1 || !strings.HasPrefix(hints[0], "close the file in other programs") {
		t.Errorf("while it is open: %v, %v", err, hints)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = syscall.CloseHandle(handle) })
	unlock, err := Lock(t.Context(), name)
	if err == nil {
		err = unlock()
	}
	if err != nil {
		t.Error(err)
	}
}
