package netconn_test

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A recorder is a connection that keeps every write apart, and fails when it is told to.
type recorder struct {
	net.Conn
	writes []string
	fault  error
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.fault != nil {
		return 0, r.fault
	}
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func newRecorder(t *testing.T) (*recorder, *netconn.Batch) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { _, _ = here.Close(), there.Close() })
	r := &recorder{Conn: here}
	return r, netconn.NewBatch(netconn.New(r, idle))
}

// What is written between Start and End goes out together, or when the buffer is full; all else at once.
func TestBatch(t *testing.T) {
	t.Parallel()
	r, b := newRecorder(t)
	write := func(text string) {
		if n, err := b.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
	write("one")
	b.Confirmed()
	b.Start(make([]byte, 8))
	write("two")
	write("three")
	if n := b.Unconfirmed(); n != 8 {
		t.Errorf("%d bytes are collected", n)
	}
	write("four")
	if err := b.End(); err != nil {
		t.Error(err)
	}
	write("five")
	b.Start(nil)
	write("six")
	if err := b.End(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(r.writes, " "); got != "one twothree four five six" {
		t.Errorf("got %s", got)
	}
}

// After a failure nothing is written any more, and it is told again and again.
func TestBatchFails(t *testing.T) {
	t.Parallel()
	r, b := newRecorder(t)
	r.fault = errors.New("cut")
	b.Start(make([]byte, 8))
	if _, err := b.Write([]byte("four")); err != nil {
		t.Errorf("collected: %v", err)
	}
	if _, err := b.Write([]byte("five more")); !errors.Is(err, r.fault) {
		t.Errorf("too much for the buffer: %v", err)
	}
	fault := r.fault
	r.fault = nil
	if err := b.End(); !errors.Is(err, fault) {
		t.Errorf("end: %v", err)
	}
	if _, err := b.Write(bytes.Repeat([]byte("x"), 3)); !errors.Is(err, fault) || len(r.writes) > 0 {
		t.Errorf("after the failure: %v, %q", err, r.writes)
	}
}
