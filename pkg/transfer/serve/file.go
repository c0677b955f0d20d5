package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// connKey is the key of a request's connection in its context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	below := c.(*requestConn).below() //nolint:forcetypeassert // serveConn passes on no other
	return netconn.WithHold(context.WithValue(ctx, connKey{}, c), below.client.hold)
}

// connOf returns the connection of a request, as the HTTP server sees it and below TLS.
func connOf(r *http.Request) (*requestConn, *batchConn) {
	c := r.Context().Value(connKey{}).(*requestConn) //nolint:forcetypeassert // of our own making
	return c, c.below()
}

// serveFile answers a request for a file from a client that may have it.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, c *batchConn, offer *Offer) {
	// What lies at a path never changes, so that one tag will do for all. Without it clients may not go on where they were
	// cut.
	w.Header().Set("ETag", `"1"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // several parts in one answer: a server may send the whole instead
	}
	if r.Method == http.MethodHead {
		http.ServeContent(w, r, "", time.Time{}, offer.content())
		s.options.OnError(c.client.remote, &RequestError{Sent: requestLine(r), Why: "it only asks about the file", Head: true})
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the file may take longer than a body
	q, err := offer.begin(isResumed(r.Header.Get("Range")))
	if errors.Is(err, errTooMany) {
		http.Error(w, "503 "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		http.NotFound(w, r)
		s.options.OnError(c.client.remote, notOffered(r))
		return
	}
	body := &fileWriter{ResponseWriter: w, server: s, conn: c, request: q, gone: r.Context().Done()}
	defer q.end()
	c.client.hold.Suspend() // until the answer is out: what is fetched is not unread
	http.ServeContent(body, r, "", time.Time{}, q.content)
}

// isResumed reports whether a client asks for the rest of a file from a place: it has what lies before.
func isResumed(header string) bool {
	from, found := strings.CutPrefix(header, "bytes=")
	from, open := strings.CutSuffix(from, "-")
	return found && open && from != "" && strings.Trim(from, "0123456789") == ""
}

// content returns the file for one reader.
func (o *Offer) content() *io.SectionReader {
	return io.NewSectionReader(o.what.Content, 0, o.what.Content.Size())
}

// A fileWriter takes the file, or the part that was asked for, from http.ServeContent.
type fileWriter struct {
	http.ResponseWriter
	server  *Server
	conn    *batchConn
	request *request
	gone    <-chan struct{} // closed when the client hangs up, or the server closes
}

// ReadFrom sends the file. ServeContent reads from the request's content, at the place where it was asked to begin.
func (a *fileWriter) ReadFrom(source io.Reader) (int64, error) {
	limited, ok := source.(*io.LimitedReader)
	if !ok {
		return io.Copy(a.ResponseWriter, source)
	}
	from, err := a.request.content.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if err := a.request.attach(a.conn.Conn, span{from, from + limited.N}); err != nil {
		a.conn.Reset()
		return 0, err
	}
	idle := a.conn.Idle()
	a.conn.SetIdle(a.server.options.Stall)
	defer a.conn.SetIdle(idle)
	if err := a.send(); err != nil {
		// Half a file must not end as if it were whole.
		a.conn.Reset()
		return a.request.out.Load(), err
	}
	return a.request.out.Load(), nil
}

// send sends the bytes that were asked for, and waits until they have arrived.
func (a *fileWriter) send() error {
	piece, batch, giveBack := a.server.buffers.borrow()
	if a.server.pace != nil {
		batch = nil // bytes that wait for more would not be paced evenly
	}
	a.conn.Start(batch)
	err := a.request.send(a.ResponseWriter, piece, a.server.pace, a.conn.Unconfirmed)
	if err == nil {
		err = http.NewResponseController(a.ResponseWriter).Flush()
	}
	if late := a.conn.End(); err == nil {
		err = late
	}
	giveBack()
	if err == nil {
		err = a.conn.WaitConfirmed(a.gone)
	}
	a.conn.Confirmed()
	a.request.progress(a.conn.Unconfirmed())
	return err
}
