package wbm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A request is what is asked of the phone.
type request struct {
	url     *url.URL
	referer *url.URL // nil if there is none
	kind    string   // media type of the body; "" for a GET
	body    []byte
}

func (r request) isPost() bool { return r.kind != "" }

// An answer is what the phone says to one request.
type answer struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte
}

const (
	maxPage   = 2 << 20
	maxCookie = 16 << 10 // bytes of cookies that are sent back
)

// writeHead writes the head of a request as a browser would. Its parts hold no line breaks: addresses are escaped, cookies
// come from the jar, and the media type is ours.
func (s *Session) writeHead(w *bytes.Buffer, r request, length int64) error {
	method := http.MethodGet
	if r.isPost() {
		method = http.MethodPost
	}
	fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (compatible; cpupdate)\r\n", method, r.url.RequestURI(), s.origin.Host)
	w.WriteString("Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n")
	if r.referer != nil {
		fmt.Fprintf(w, "Referer: %s://%s%s\r\n", r.referer.Scheme, r.referer.Host, r.referer.RequestURI())
	}
	if r.isPost() {
		fmt.Fprintf(w, "Origin: https://%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", s.origin.Host, r.kind, length)
	}
	var cookies []string
	size := 0
	for _, c := range s.jar.Cookies(r.url) {
		text := (&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted}).String()
		if size += len(text); size > maxCookie {
			return s.errorf(KindProtocol, "it sets more cookies than a page may")
		}
		cookies = append(cookies, text)
	}
	if len(cookies) > 0 {
		fmt.Fprintf(w, "Cookie: %s\r\n", strings.Join(cookies, "; "))
	}
	w.WriteString("\r\n")
	return nil
}

// exchange sends a request and reads the answer, once. Only a GET may find that the connection that was kept is gone, and go
// over another: what is posted goes over a new one.
func (s *Session) exchange(ctx context.Context, r request, deadline time.Time) (*answer, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if r.isPost() {
		s.hangUp()
	}
	if s.line != nil {
		a, stale, err := s.converse(ctx, r, deadline)
		if !stale {
			return a, err
		}
	}
	l, err := s.dial(ctx, deadline)
	if err != nil {
		return nil, err
	}
	s.line = l
	a, _, err := s.converse(ctx, r, deadline)
	return a, err
}

// converse sends a request over the line that there is. It reports whether the line was gone before anybody knew.
func (s *Session) converse(ctx context.Context, r request, deadline time.Time) (a *answer, stale bool, err error) {
	l := s.line
	defer context.AfterFunc(ctx, l.reset)()
	defer func() {
		if err != nil {
			l.reset()
			s.line = nil
		}
	}()
	var head bytes.Buffer
	if err := s.writeHead(&head, r, int64(len(r.body))); err != nil {
		return nil, false, err
	}
	_ = l.tcp.SetDeadline(deadline)
	_, err = l.tls.Write(append(head.Bytes(), r.body...))
	if err != nil {
		return nil, l.used && isBroken(err), s.fail(ctx, err)
	}
	response, err := l.head()
	if err != nil {
		untouched := l.left.left == maxHeader
		return nil, l.used && untouched && isBroken(err) && ctx.Err() == nil, s.fail(ctx, err)
	}
	a, err = s.receive(ctx, l, r, response)
	return a, false, err
}

// receive reads the body of an answer, and keeps the line if it can be used again.
func (s *Session) receive(ctx context.Context, l *line, r request, response *http.Response) (*answer, error) {
	defer response.Body.Close()
	a := &answer{url: r.url, status: response.StatusCode, header: response.Header}
	l.left.left = 2 * maxPage // with what chunks cost
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage+1))
	switch {
	case err == nil && len(body) > maxPage:
		return nil, s.fail(ctx, htmlform.ErrTooLarge)
	case errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil:
		return nil, &Error{Kind: KindBroken, Msg: "the connection was cut in the middle of a page"}
	case err != nil:
		return nil, s.fail(ctx, err)
	}
	a.body = body
	s.jar.SetCookies(r.url, response.Cookies())
	if l.used = true; response.Close {
		s.hangUp()
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, s.errorf(KindProtocol, "it packs its pages (%s), and was asked not to", s.shown(encoding))
	}
	return a, nil
}

// visit asks for a page and follows where it leads, on the phone itself. All of it takes at most Timeout.
func (s *Session) visit(ctx context.Context, r request) (*htmlform.Page, error) {
	deadline := time.Now().Add(s.o.Timeout)
	for range maxRedirects + 1 {
		a, err := s.exchange(ctx, r, deadline)
		if err != nil {
			return nil, err
		}
		next, err := s.redirect(a, r.isPost())
		if err != nil {
			return nil, err
		}
		if next == nil {
			return s.understand(a)
		}
		r = request{url: next, referer: r.referer}
	}
	return nil, s.errorf(KindProtocol, "it redirects more than %d times", maxRedirects)
}

// redirect returns where an answer leads, nil if nowhere.
func (s *Session) redirect(a *answer, posted bool) (*url.URL, error) {
	again := false
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		again = posted
	default:
		return nil, nil //nolint:nilnil // nowhere is a good answer
	}
	location := a.header.Get("Location")
	next, err := s.resolve(a.url, location)
	switch {
	case location == "":
		return nil, s.errorf(KindProtocol, "it redirects to nowhere")
	case err != nil:
		return nil, s.errorf(KindForeign, "it redirects elsewhere, to %s", s.shown(location))
	case !htmlform.IsSafe(next):
		return nil, s.errorf(KindProtocol, "it redirects to %s, and asking for that may do something", s.shown(next.RequestURI()))
	case again:
		return nil, s.errorf(KindProtocol, "it wants to be sent once more what it was sent, which is not done (status %d)", a.status)
	}
	return next, nil
}

// understand reads the page that an answer is, if it is one.
func (s *Session) understand(a *answer) (*htmlform.Page, error) {
	kind, ok := isPage(a.header)
	switch {
	case a.status >= http.StatusBadRequest:
		return nil, s.refused(a)
	case !ok:
		return nil, s.errorf(KindProtocol, "%s is no web page, but %s", s.shown(a.url.RequestURI()), s.shown(kind))
	}
	p, err := a.page()
	if err != nil {
		return nil, s.fail(context.Background(), err)
	}
	s.tell(StepPage, s.shown(a.url.RequestURI()))
	s.facts.read(p)
	return p, nil
}

// refused is a page that the phone refuses by its status. It may say why, if it is asked for a login: of other pages the same
// words may mean anything.
func (s *Session) refused(a *answer) error {
	if p, err := s.plain(a); err == nil {
		pages := []*htmlform.Page{p}
		switch {
		case s.login == taken || s.login == sent && s.isEntered(pages):
		case htmlform.Contains(pages, saysLocked):
			return errLocked("that is all it shows")
		case htmlform.Contains(pages, saysWrong) && s.login == sent:
			return errWrong()
		}
	}
	e := s.errorf(KindProtocol, "%s is refused with status %d", s.shown(a.url.RequestURI()), a.status)
	e.status = a.status
	return e
}

// isPage reports whether what a head announces is a web page, and what it announces.
func isPage(h http.Header) (kind string, ok bool) {
	announced := h.Get("Content-Type")
	kind, _, _ = mime.ParseMediaType(announced)
	return announced, announced == "" || kind == "text/html" || kind == "application/xhtml+xml"
}

// view reads a page with its frames. Frames that were read before, by their keys, are left out.
func (s *Session) view(ctx context.Context, r request, read map[string]bool) ([]*htmlform.Page, error) {
	first, err := s.visit(ctx, r)
	if err != nil {
		return nil, err
	}
	if read == nil {
		read = map[string]bool{}
	}
	read[htmlform.PageKey(r.url)], read[htmlform.PageKey(first.URL)] = true, true
	pages := []*htmlform.Page{first}
	for i := 0; i < len(pages); i++ {
		for _, frame := range pages[i].Frames {
			u, err := s.resolve(pages[i].Base, frame)
			if err != nil || read[htmlform.PageKey(u)] || !htmlform.IsSafe(u) {
				continue // what is shown from elsewhere is not the phone's
			}
			read[htmlform.PageKey(u)] = true
			if len(pages) > maxFrames {
				return nil, s.errorf(KindProtocol, "a page has more than %d frames", maxFrames)
			}
			p, err := s.visit(ctx, request{url: u, referer: pages[i].URL})
			if err != nil && !isStatus(err) {
				return nil, err
			}
			if err == nil { // somebody sees the other frames all the same
				pages = append(pages, p)
			}
		}
	}
	return pages, nil
}

// isStatus reports whether an error is a page that the phone refuses by its status.
func isStatus(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.status != 0
}

// page reads the page that an answer holds.
func (a *answer) page() (*htmlform.Page, error) {
	return htmlform.Read(a.url, a.header.Get("Content-Type"), a.body)
}
