package transfer

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// feedKey is where a request's context has its connection.
type feedKey struct{}

func withFeed(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, feedKey{}, conn.(*tls.Conn).NetConn()) //nolint:forcetypeassert // enter hands over no other
}

func feedOf(r *http.Request) *feed {
	return r.Context().Value(feedKey{}).(*feed) //nolint:forcetypeassert // of our own making
}

// hand answers a request for a file by one who may have it.
func (s *Server) hand(w http.ResponseWriter, r *http.Request, f *feed, offer *Offer) {
	// What lies at a path never changes, so that one tag will do for all. Without it clients may not go on where they were
	// cut.
	w.Header().Set("ETag", `"1"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // several parts in one answer: nobody needs it, and they are allowed to get the whole
	}
	if r.Method == http.MethodHead {
		http.ServeContent(w, r, "", time.Time{}, offer.content())
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the file may take longer than a body
	running := offer.begin()
	if running == nil {
		http.NotFound(w, r)
		s.options.Troubled(f.guest.remote, ErrNotOffered)
		return
	}
	answer := &fileAnswer{ResponseWriter: w, server: s, feed: f, run: running, gone: r.Context().Done()}
	defer func() { running.end(answer.tried) }()
	http.ServeContent(answer, r, "", time.Time{}, running.content)
}

// content is the file for somebody who reads it alone.
func (o *Offer) content() *io.SectionReader {
	return io.NewSectionReader(o.what.Content, 0, o.what.Content.Size())
}

// A fileAnswer takes the file, or the part that was asked for, from http.ServeContent.
type fileAnswer struct {
	http.ResponseWriter
	server *Server
	feed   *feed
	run    *run
	gone   <-chan struct{} // closed when the client hangs up, or the server closes
	tried  int64
}

// ReadFrom sends the file. What ServeContent reads from is the run's content, from where it was asked to begin.
func (a *fileAnswer) ReadFrom(source io.Reader) (int64, error) {
	limited, ok := source.(*io.LimitedReader)
	if !ok {
		return io.Copy(a.ResponseWriter, source)
	}
	from, err := a.run.content.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if err := a.run.attach(a.feed.Conn, span{from, from + limited.N}); err != nil {
		a.feed.Reset()
		return 0, err
	}
	idle := a.feed.Idle()
	a.feed.SetIdle(a.server.options.Stall)
	defer a.feed.SetIdle(idle)
	if err := a.send(); err != nil {
		// Half a file is not to end as if it were meant to.
		a.feed.Reset()
		return a.run.out.Load(), err
	}
	return a.run.out.Load(), nil
}

// send sends what was asked for, and waits until it has arrived.
func (a *fileAnswer) send() error {
	piece, batch, giveBack := a.server.buffers.lend()
	if a.server.pace != nil {
		batch = nil // what waits for more would not be even
	}
	a.feed.gather(batch)
	tried, err := a.run.carry(a.ResponseWriter, piece, a.server.pace, a.feed.behind)
	a.tried = tried
	if err == nil {
		err = http.NewResponseController(a.ResponseWriter).Flush()
	}
	if late := a.feed.release(); err == nil {
		err = late
	}
	giveBack()
	if err == nil {
		err = a.feed.WaitConfirmed(a.gone)
	}
	a.feed.Confirmed()
	a.run.passed(a.feed.behind())
	return err
}
