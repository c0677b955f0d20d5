package wbm

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// visit asks for a page and follows where it leads, on the phone itself. All of it takes at most Timeout.
func (s *Session) visit(ctx context.Context, r request) (*htmlform.Page, error) {
	ctx, done := s.limit(ctx)
	defer done()
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
			return s.understand(ctx, a)
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
func (s *Session) understand(ctx context.Context, a *answer) (*htmlform.Page, error) {
	kind, ok := isPage(a.header)
	switch {
	case a.status >= http.StatusBadRequest:
		return nil, s.refused(ctx, a)
	case !ok:
		return nil, s.errorf(KindProtocol, "%s is no web page, but %s", s.shown(a.url.RequestURI()), s.shown(kind))
	}
	p, err := a.page()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	s.tell(StepPage, s.shown(a.url.RequestURI()))
	s.facts.read(p)
	return p, nil
}

// refused is a page that the phone refuses by its status. It may say why, if it is asked for a login: of other pages the same
// words may mean anything.
func (s *Session) refused(ctx context.Context, a *answer) error {
	if p, err := s.plain(ctx, a); err == nil {
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
