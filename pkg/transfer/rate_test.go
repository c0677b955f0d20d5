package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestRate: what is read at a rate is what is there, and takes its time; the end of the context ends the waiting.
func TestRate(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("cp", 40<<10)
	content := io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))
	begun := time.Now()
	got, err := io.ReadAll(transfer.NewRate(320<<10).Reader(t.Context(), content))
	if err != nil || !bytes.Equal(got, []byte(text)) {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	// The first eighth of a second goes out at once: of 80 KiB at 320 KiB/s half is waited for.
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	if transfer.NewRate(0).Reader(t.Context(), content) != content {
		t.Error("without a rate it is read another way")
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if n, err := transfer.NewRate(1024).Reader(ctx, content).ReadAt(make([]byte, 4096), 0); !errors.Is(err, stopped) || n > 512 {
		t.Errorf("%d bytes, %v", n, err)
	}
}
