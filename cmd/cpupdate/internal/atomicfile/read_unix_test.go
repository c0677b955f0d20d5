//go:build unix

package atomicfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
)

// TestReadPipe checks that a pipe is read to its end, and that waiting for it, before and after it is opened, ends with the
// context.
func TestReadPipe(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := ReadLimited(ctx, name, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("without a writer: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	opened := make(chan *os.File, 1)
	go func() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
		}
		opened <- f
		_, _ = f.WriteString("half")
		time.AfterFunc(20*time.Millisecond, cancel)
	}()
	if _, err := ReadLimited(ctx, name, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("a silent writer: %v", err)
	}
	_ = (<-opened).Close()
	long := strings.Repeat("0123456789", 10_000)
	second := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(second, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(second, []byte(long), 0o600) }()
	if text, err := ReadLimited(t.Context(), second, 100_000); err != nil || string(text) != long {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
}

// TestReadNoFile checks what is refused, and with which words.
func TestReadNoFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, says := range map[string]string{
		folder: "is a folder, not a file", "/dev/zero": "is neither a file nor a pipe", "/dev/tty": "",
		clitest.File(t, "large", []byte("12345")): "has more than 4 bytes", filepath.Join(folder, "missing"): "no such file",
	} {
		if _, err := ReadLimited(t.Context(), name, 4); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
