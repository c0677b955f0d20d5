package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
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
	w.Header().Set("ETag", offer.tag) // without it clients may not go on where they were cut
	w.Header().Set("Content-Type", "application/octet-stream")
	part := askedPart(r.Header)
	if r.Method == http.MethodHead {
		http.ServeContent(w, r, "", time.Time{}, offer.content())
		s.options.OnError(c.client.remote, &RequestError{Sent: requestLine(r), Why: "it only asks about the file", Head: true})
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the file may take longer than a body
	size := offer.what.Content.Size()
	q, err := offer.begin(part.resumes(size, offer.isNew()))
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
	if part.nothing(size) {
		q.hasAll()
	}
	http.ServeContent(body, r, "", time.Time{}, q.content)
}

// rangeForm is what a client may ask for: one part. Neither the case of the unit nor spaces mean anything.
var rangeForm = regexp.MustCompile(`(?i)^bytes *= *(\d{0,18}) *- *(\d{0,18})$`)

// A partAsked is the part of a file that a client asks for.
type partAsked struct {
	from, to int64 // to is the last byte
	open     bool  // it has no end
	is       bool  // the client asks for a part that begins somewhere
}

// askedPart returns the part that a request asks for, and writes its field as [http.ServeContent] reads it. A range that is
// not understood is ignored, as RFC 9110, 14.2 demands; for several parts in one answer, a server may send the whole instead.
func askedPart(h http.Header) (p partAsked) {
	m := rangeForm.FindStringSubmatch(strings.TrimSpace(h.Get("Range")))
	h.Del("Range")
	if m == nil || m[1] == "" && m[2] == "" {
		return p
	}
	h.Set("Range", "bytes="+m[1]+"-"+m[2])
	p.from, _ = strconv.ParseInt(m[1], 10, 64)
	p.to, _ = strconv.ParseInt(m[2], 10, 64)
	p.open, p.is = m[2] == "", m[1] != ""
	return p
}

// resumes reports whether a client asks for the rest of a file from a place: it has what lies before. A part with an end that is
// the file's says that only if it is the first one: else the client fetches in parts.
func (p partAsked) resumes(size int64, first bool) bool {
	return p.is && (p.open || first && p.to >= size-1)
}

// nothing reports whether a client asks for the rest behind the last byte: it has the whole file.
func (p partAsked) nothing(size int64) bool { return p.is && p.open && p.from == size }

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
