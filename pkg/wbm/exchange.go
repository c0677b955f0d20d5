package wbm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A request is what the phone is sent.
type request struct {
	url       *url.URL
	referer   *url.URL // nil if there is none
	mediaType string   // of the body; "" for a GET
	body      []byte
}

func (r request) isPost() bool { return r.mediaType != "" }

// An answer is what the phone sends back to one request.
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

// limit returns a context that ends after Timeout, with the error that says so.
func (s *Session) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.o.Timeout, errSilent())
}

// newRequest returns a request as a browser would send it.
func (s *Session) newRequest(ctx context.Context, r request) (*http.Request, error) {
	h := (&http.Request{Method: http.MethodGet, URL: r.url, Header: http.Header{
		"User-Agent":      {"Mozilla/5.0 (compatible; cpupdate)"},
		"Accept":          {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en"},
		"Accept-Encoding": {"identity"},
		"Connection":      {"keep-alive"},
	}}).WithContext(ctx)
	if r.referer != nil {
		h.Header.Set("Referer", r.referer.Scheme+"://"+r.referer.Host+r.referer.RequestURI())
	}
	if r.isPost() {
		h.Method = http.MethodPost
		h.Header.Set("Origin", "https://"+s.origin.Host)
		h.Header.Set("Content-Type", r.mediaType)
		h.Body, h.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
	}
	for _, c := range s.jar.Cookies(r.url) {
		h.AddCookie(c)
	}
	if len(h.Header.Get("Cookie")) > maxCookie {
		return nil, s.errorf(KindProtocol, "it sets more cookies than a page may")
	}
	return h, nil
}

// exchange sends a request and reads the answer. A POST goes over a new connection, and is sent once. A GET is sent again
// over a new connection if the one that was kept turns out to have ended.
func (s *Session) exchange(ctx context.Context, r request) (*answer, error) {
	h, err := s.newRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	if s.conn != nil && (r.isPost() || s.conn.client.Err() != nil) {
		s.disconnect()
	}
	for kept := s.conn != nil; ; kept = false {
		if !kept {
			limited, done := s.limit(ctx) // the answer to a form has longer
			defer done()
			if s.conn, err = s.connect(limited, nil); err != nil {
				return nil, err
			}
		}
		response, err := s.conn.roundTrip(h)
		if err == nil {
			return s.receive(ctx, r, response)
		}
		ended := s.conn.read.Load() == 0 && ctx.Err() == nil
		s.abort()
		if !kept || !ended {
			return nil, s.fail(ctx, err)
		}
	}
}

// receive reads the body of an answer, and keeps the connection if it can be used again.
func (s *Session) receive(ctx context.Context, r request, response *http.Response) (*answer, error) {
	defer response.Body.Close()
	a, err := s.readAnswer(ctx, r, response)
	switch {
	case err != nil:
		s.abort()
		return nil, err
	case response.Close:
		s.disconnect()
	}
	return a, nil
}

// readAnswer reads the body of an answer.
func (s *Session) readAnswer(ctx context.Context, r request, response *http.Response) (*answer, error) {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil, s.errorf(KindProtocol, "its answer is not valid: it wants to change to another protocol")
	}
	a := &answer{url: r.url, status: response.StatusCode, header: response.Header}
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
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, s.errorf(KindProtocol, "it compresses its pages (%s), which was not asked for", s.redact(encoding))
	}
	return a, nil
}

// disconnect closes the connection that is kept, if there is one.
func (s *Session) disconnect() {
	if s.conn != nil {
		_ = s.conn.client.Close()
		s.conn = nil
	}
}

// abort closes the connection with a reset.
func (s *Session) abort() {
	s.conn.raw.Reset()
	s.disconnect()
}
