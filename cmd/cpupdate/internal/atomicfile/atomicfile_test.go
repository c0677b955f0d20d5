package atomicfile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
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
