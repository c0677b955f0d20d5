package wbm

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// visit reads a page and follows its redirects, on the phone itself. All of it takes at most Timeout.
func (s *Session) visit(ctx context.Context, r request) (*htmlform.Page, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	for range maxRedirects + 1 {
		a, err := s.exchange(ctx, r)
		if err != nil {
			return nil, err
		}
		next, err := s.redirect(a, r.isPost())
		if err != nil {
			return nil, err
		}
		if next == nil {
			return s.readPage(ctx, a)
		}
		r = request{url: next, referer: r.referer}
	}
	return nil, s.errorf(KindProtocol, "it redirects more than %d times", maxRedirects)
}

// redirect returns where an answer redirects to; nil if it does not.
func (s *Session) redirect(a *answer, posted bool) (*url.URL, error) {
	again := false
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		again = posted
	default:
		return nil, nil //nolint:nilnil // most answers do not
	}
	location := a.header.Get("Location")
	next, err := s.resolve(a.url, location)
	switch {
	case location == "":
		return nil, s.errorf(KindProtocol, "it redirects to nowhere")
	case err != nil:
		return nil, s.errorf(KindForeign, "it redirects elsewhere, to %s", s.redact(location))
	case !htmlform.IsSafe(next):
		return nil, s.errorf(KindProtocol, "it redirects to %s, and requesting that may change something", s.uri(next))
	case again:
		return nil, s.errorf(KindProtocol, "it demands the same request once more, which is not sent again (status %d)", a.status)
	}
	return next, nil
}

// readPage reads the page in an answer. It fails if the phone refuses it by its status, or if it is none.
func (s *Session) readPage(ctx context.Context, a *answer) (*htmlform.Page, error) {
	kind, ok := isPage(a.header)
	switch {
	case a.status >= http.StatusBadRequest:
		return nil, s.statusError(ctx, a)
	case !ok:
		return nil, s.errorf(KindProtocol, "%s is not a web page, but %s", s.uri(a.url), s.redact(kind))
	}
	p, err := s.parse(ctx, a)
	if err != nil {
		return nil, err
	}
	s.emit(StepPage, s.uri(a.url))
	return p, nil
}

// parse parses the page in an answer.
func (s *Session) parse(ctx context.Context, a *answer) (*htmlform.Page, error) {
	p, err := htmlform.Read(a.url, a.header.Get("Content-Type"), a.body)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	s.facts.add(p)
	return p, nil
}

// readAny reads an answer whatever its status is. One that is no page has text only if it is plain text.
func (s *Session) readAny(ctx context.Context, a *answer) (*htmlform.Page, error) {
	kind, ok := isPage(a.header)
	switch {
	case ok:
		return s.parse(ctx, a)
	case strings.HasPrefix(strings.ToLower(kind), "text/plain"):
		return htmlform.ReadText(a.url, kind, a.body), nil
	}
	return &htmlform.Page{URL: a.url, Base: a.url}, nil
}

// statusError returns the error of a page that the phone refuses by its status. Its text may say why while a login is asked
// for; on other pages the same words may mean anything.
func (s *Session) statusError(ctx context.Context, a *answer) error {
	if p, err := s.readAny(ctx, a); err == nil {
		pages := []*htmlform.Page{p}
		switch {
		case s.login == loginAccepted || s.login == loginSent && s.isLoggedIn(pages):
		case htmlform.Contains(pages, textLocked):
			return errLocked("that is all it shows")
		case htmlform.Contains(pages, textWrong) && s.login == loginSent:
			return errWrong()
		}
	}
	e := s.errorf(KindProtocol, "%s is refused with status %d", s.uri(a.url), a.status)
	e.status = a.status
	return e
}

// isPage reports whether a header announces a web page, and returns the media type that it announces.
func isPage(h http.Header) (kind string, ok bool) {
	announced := h.Get("Content-Type")
	kind, _, _ = mime.ParseMediaType(announced)
	return announced, announced == "" || kind == "text/html" || kind == "application/xhtml+xml"
}

// readFrames reads a page with its frames. It skips frames that were read before, by their keys.
func (s *Session) readFrames(ctx context.Context, r request, read map[string]bool) ([]*htmlform.Page, error) {
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
				continue // a frame from elsewhere is not the phone's
			}
			read[htmlform.PageKey(u)] = true
			if len(pages) > maxFrames {
				return nil, s.errorf(KindProtocol, "a page has more than %d frames", maxFrames)
			}
			p, err := s.visit(ctx, request{url: u, referer: pages[i].URL})
			if err != nil && !isStatus(err) {
				return nil, err
			}
			if err == nil { // a person sees the other frames anyway
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
