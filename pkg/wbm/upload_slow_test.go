package wbm_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// A slow file gives its first MiB, and then nothing until it is released.
type slow struct {
	waits   chan struct{} // closed when it waits
	release chan struct{}
	ended   chan struct{} // closed when it waits no more
}

func (f slow) ReadAt(p []byte, at int64) (int, error) {
	if at < 1<<20 {
		return zeros{large}.ReadAt(p, at)
	}
	close(f.waits)
	<-f.release
	defer close(f.ended)
	return zeros{large}.ReadAt(p, at)
}

// TestUploadSlowFile checks that an answer counts at once, also while the file is waited for.
func TestUploadSlowFile(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	for _, c := range []struct {
		name string
		says string // "" if it cuts the connection
		stop bool   // nobody wants to wait any more
		kind wbm.Kind
	}{
		{"refused", "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n", false, wbm.KindRefused},
		{"taken for whole", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, wbm.KindRefused},
		{"cut", "", false, wbm.KindBroken},
		{"stopped", "HTTP/1.1 102 Wait\r\n\r\n", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, n network) {
				s := newSiteOn(t, n)
				file := slow{make(chan struct{}), make(chan struct{}), make(chan struct{})}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				s.raw("raw", func(conn net.Conn, r *bufio.ReadWriter) {
					_, _ = io.CopyN(io.Discard, r, 1<<20)
					<-file.waits
					if _, _ = io.WriteString(conn, c.says); c.stop {
						cancel(why)
					}
					if c.says != "" {
						_, _ = io.Copy(io.Discard, r)
					}
				})
				var late, over atomic.Bool
				send := wbm.Image{Name: "a.img", Content: io.NewSectionReader(file, 0, large), Sent: func(int64) {
					if over.Load() {
						late.Store(true)
					}
				}}
				_, err := s.visitWith(ctx, t, s.options(t), send) // it would wait for the file for ever
				over.Store(true)
				if kind(err) != c.kind || c.stop && !errors.Is(err, why) {
					t.Errorf("%v, want %q", err, c.kind)
				}
				close(file.release)
				<-file.ended
				if late.Load() {
					t.Error("more was sent when it was over")
				}
			})
		})
	}
}
