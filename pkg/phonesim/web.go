package phonesim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What is publicly known of the phones' web page comes from scripts that use it, and from manuals; a comment says where it
// was seen, or that it is assumed. Its addresses are index.cmd with user=Admin (observed: a public scanner of phones) and
// page.cmd with page=NAME and lang=xx (observed: two public scripts for administrators).
const (
	webIndex = "/index.cmd"
	webPage  = "/page.cmd"
)

const (
	maxForm    = 64 << 10 // bytes of a form without a file
	hugePage   = 1 << 30
	slowPause  = 200 * time.Millisecond // between two bytes of a slow page
	afterEarly = 1 << 20                // bytes that are still read when the answer was given early
)

// A webState holds what the web page remembers. A restart forgets it.
type webState struct {
	mu        sync.Mutex
	sessions  []*session
	wrong     int // passwords in a row
	suspended time.Time
}

// A webRequest is one request to the web page.
type webRequest struct {
	r       *boot
	ctx     context.Context
	line    *idleConn
	request *http.Request
	body    io.Reader
	session *session // nil without one

	language string // as a form says it, "" for none
	result   string // of a transfer, to be shown in its form
}

// A webAnswer is the answer to a request.
type webAnswer struct {
	status   int    // 0 is 200
	cookie   string // to be set, "" for none
	location string
	body     string
	slow     bool
	huge     bool   // filled up to 1 GiB
	cut      bool   // the connection ends in the middle
	hangUp   bool   // the connection ends
	silent   bool   // there is no answer
	endless  bool   // it never ends
	after    func() // done when the answer is out, or nobody wants it; nil for nothing
}

// servePage answers the requests on a connection to the web page.
func (r *boot) servePage(ctx context.Context, l *idleConn, conn net.Conn, crash func()) {
	limited := &io.LimitedReader{R: conn, N: maxContact}
	reader := bufio.NewReader(limited)
	for {
		limited.N = maxContact
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		limited.N = math.MaxInt64
		again := false
		if request.URL.Path == contactPath && !r.p.traits.noContactPort {
			again = r.answerContact(crash, conn, request) // the web page takes contacts too (observed)
		} else {
			again = r.serveRequest(ctx, l, conn, request)
		}
		if !again || request.Close {
			return
		}
	}
}

// serveRequest answers one request, and reports whether the connection may be used for another.
func (r *boot) serveRequest(ctx context.Context, l *idleConn, conn net.Conn, request *http.Request) bool {
	if strings.EqualFold(request.Header.Get("Expect"), "100-continue") {
		if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return false
		}
	}
	v := &webRequest{r: r, ctx: ctx, line: l, request: request, body: request.Body, session: r.site.sessionOf(request)}
	answer := v.answer()
	if answer.silent {
		return false
	}
	var err error
	if !answer.hangUp {
		_, err = io.Copy(io.Discard, request.Body) // what nobody wanted
	}
	if err == nil {
		err = answer.write(ctx, conn, request.Close)
	}
	if answer.after != nil {
		answer.after()
	}
	if answer.hangUp {
		_, _ = io.CopyN(io.Discard, request.Body, afterEarly) // or a reset would overtake the answer
	}
	return err == nil && !answer.hangUp && !answer.cut
}

// write sends the answer.
func (a *webAnswer) write(ctx context.Context, w io.Writer, last bool) error {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	length := len(a.body)
	if a.huge || a.endless {
		length = hugePage
	}
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: %d\r\n",
		a.status, http.StatusText(a.status), length)
	if a.cookie != "" {
		head.WriteString("Set-Cookie: " + cookieName + "=" + a.cookie + "; path=/\r\n")
	}
	if a.location != "" {
		head.WriteString("Location: " + a.location + "\r\n")
	}
	if last || a.hangUp || a.cut {
		head.WriteString("Connection: close\r\n")
	}
	head.WriteString("\r\n")
	body := a.body
	if a.cut {
		body = body[:len(body)/2]
	}
	if a.endless {
		return writeEndless(ctx, w, head.String(), body[:len(body)/2])
	}
	if a.slow {
		return writeSlowly(ctx, w, head.String()+body)
	}
	if _, err := io.WriteString(w, head.String()+body); err != nil || !a.huge {
		return err
	}
	filling := strings.Repeat("<p>and so on</p>\n", 1<<10)
	for left := hugePage - len(body); left > 0; left -= len(filling) {
		if _, err := io.WriteString(w, filling[:min(left, len(filling))]); err != nil {
			return err
		}
	}
	return nil
}

// writeEndless sends what a page begins with, and then blanks.
func writeEndless(ctx context.Context, w io.Writer, head, begin string) error {
	_, err := io.WriteString(w, head+begin)
	for err == nil {
		if !pause(ctx, slowPause) {
			return context.Cause(ctx)
		}
		_, err = io.WriteString(w, " ")
	}
	return err
}

// writeSlowly sends a text byte by byte.
func writeSlowly(ctx context.Context, w io.Writer, text string) error {
	for i := range len(text) {
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			return err
		}
		if !pause(ctx, slowPause) {
			return context.Cause(ctx)
		}
	}
	return nil
}
