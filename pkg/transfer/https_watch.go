package transfer

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A watchedBody ends its request when it is closed.
type watchedBody struct {
	io.ReadCloser
	w *headWatch
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.w.cancel(nil)
	return err
}

// maxInterim is how many answers of the kind 1xx a server may give to one request.
const maxInterim = 16

// A headWatch ends a request whose answer's head does not come to an end, however its bytes come: when the idle limit has
// passed since the server took the last byte of the request, or sent an interim answer.
type headWatch struct {
	ctx     context.Context //nolint:containedctx // it is that of one request
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	reused  atomic.Bool
	interim atomic.Int32 // answers of the kind 1xx
	since   time.Time    // when the request was written; zero if it is not
	ended   chan struct{}
}

// newHeadWatch starts to watch; stop ends it.
func newHeadWatch(ctx context.Context, s *httpsStore) *headWatch {
	w := &headWatch{ended: make(chan struct{})}
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(info httptrace.GotConnInfo) { w.reused.Store(info.Reused) },
		WroteRequest: func(httptrace.WroteRequestInfo) { w.note(true) },
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			if w.interim.Add(1) > maxInterim {
				return errors.New("too many interim answers")
			}
			w.note(false)
			return nil
		},
	})
	go w.run(s)
	return w
}

// note restarts the limit, which runs from when the request is written.
func (w *headWatch) note(wrote bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if wrote || !w.since.IsZero() {
		w.since = time.Now()
	}
}

// run ends the request when the limit has passed.
func (w *headWatch) run(s *httpsStore) {
	tick := time.NewTicker(max(min(s.o.Timeout/16, 100*time.Millisecond), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-w.ended:
			return
		case <-w.ctx.Done():
			return
		case <-tick.C:
		}
		if c := s.conn.Load(); c != nil && c.Sending() {
			w.note(false) // the last bytes are still on their way
		}
		w.mu.Lock()
		late := !w.since.IsZero() && time.Since(w.since) > s.o.Timeout
		w.mu.Unlock()
		if late {
			w.cancel(os.ErrDeadlineExceeded)
		}
	}
}

// stop ends the watch: the head is there, or will not come.
func (w *headWatch) stop() { close(w.ended) }

// blame returns the context whose cause is why the request failed.
func (w *headWatch) blame(ctx context.Context) context.Context {
	if ctx.Err() == nil && errors.Is(context.Cause(w.ctx), os.ErrDeadlineExceeded) {
		return w.ctx
	}
	return ctx
}
