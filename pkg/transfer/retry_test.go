package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// The pauses grow, and a server that asks for a longer one gets it.
func TestPauses(t *testing.T) {
	for name, test := range map[string]struct {
		row      string
		pause    time.Duration
		from, to []time.Duration
	}{
		"growing":     {"502-after-body", 8 * time.Millisecond, millis(4, 8, 16), millis(8, 16, 32)},
		"asked to":    {"503-before-body", time.Millisecond, millis(1000), millis(61000)},
		"asked to, 2": {"429-before-body", time.Millisecond, millis(1000), millis(61000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waits, err := waitsFor(t, test.row, test.pause, len(test.from))
			if len(waits) != len(test.from) {
				t.Fatalf("%v and %v", waits, err)
			}
			for i, wait := range waits {
				if wait < test.from[i] || wait > test.to[i] {
					t.Errorf("pause %d is %s, want from %s to %s", i+1, wait, test.from[i], test.to[i])
				}
			}
		})
	}
}

func millis(n ...int) []time.Duration {
	var out []time.Duration
	for _, ms := range n {
		out = append(out, time.Duration(ms)*time.Millisecond)
	}
	return out
}

// waitsFor returns the first n pauses that are told; then it cancels.
func waitsFor(t *testing.T, row string, pause time.Duration, n int) ([]time.Duration, error) {
	t.Helper()
	var s *badserver.HTTPS
	for _, r := range badserver.HTTPSRows() {
		if r.Name == row {
			s = r.Start(t)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waits []time.Duration
	o := transfer.Options{Trust: s.Trust(), Retries: 10, Pause: pause, Event: func(e transfer.Event) {
		if e.Step != transfer.StepRetry {
			return
		}
		if waits = append(waits, e.Wait); len(waits) == n {
			cancel()
		}
	}}
	file := content(1000)
	_, err := put(ctx, s.Access(), o, transfer.Upload{Name: name, Content: io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file)))})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	return waits, err
}
