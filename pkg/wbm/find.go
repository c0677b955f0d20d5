package wbm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A Form takes an image. It was read from the live page.
type Form struct {
	Page  string // path and query of the page it stands on
	Field string // name of the file's field

	url     *url.URL
	referer *url.URL
	mark    string // what tells it from other forms
}

// A walk looks at one page of the menu after the other.
type walk struct {
	s       *Session
	read    map[string]bool // pages, by their keys
	queue   []stop          // what is to be read, the most promising first
	queued  map[string]bool
	pages   int
	found   []*htmlform.Form
	marks   []string // of these
	foreign string   // a form that would do, and leads elsewhere
	others  []string // forms that take a file, and why not this one
	skipped error    // why a page was left out, the first time
}

// maxFound is how many forms are enough to say that there are too many.
const maxFound = 8

// A stop is a page to read.
type stop struct {
	url, from *url.URL
	promise   int
}

// Find looks through the menu for the one form that takes a file for the phone application. It reads the pages whose names
// promise something first, and the others only if these have no such form; 64 at most and the frames of the last one, each once.
func (s *Session) Find(ctx context.Context) (*Form, error) {
	w := &walk{s: s, read: map[string]bool{}, queued: map[string]bool{}}
	for _, p := range s.start {
		w.read[htmlform.PageKey(p.URL)] = true
	}
	w.pages = len(s.start)
	w.look(s.start)
	if len(w.queue) == 0 && len(w.found) == 0 { // what answered the login had no menu
		w.queue = append(w.queue, stop{url: s.at("/index.cmd", "user=Admin"), from: s.referer()})
	}
	for len(w.queue) > 0 && w.pages < maxPages {
		next := w.queue[0]
		if w.queue = w.queue[1:]; w.read[htmlform.PageKey(next.url)] {
			continue
		}
		if next.promise <= 0 && (len(w.found) > 0 || w.foreign != "") {
			break
		}
		if err := w.step(ctx, next); err != nil {
			return nil, err
		}
	}
	return w.result()
}

// step reads one page. One that is no page, or leads elsewhere, is left out if it promises nothing.
func (w *walk) step(ctx context.Context, next stop) error {
	w.read[htmlform.PageKey(next.url)] = true
	w.pages++
	pages, err := w.s.view(ctx, request{url: next.url, referer: next.from}, w.read)
	if e := (*Error)(nil); errors.As(err, &e) && (e.status != 0 || next.promise <= 0 && (e.Kind == KindForeign || e.Kind == KindProtocol)) {
		if w.skipped == nil {
			w.skipped = e
		}
		return nil
	}
	if err != nil {
		return err
	}
	w.pages += len(pages) - 1
	if len(logins(pages)) > 0 {
		w.s.in = false
		return &Error{Kind: KindSession, Msg: "it shows the form of login instead of " + w.s.shown(next.url.RequestURI()) + ": it logged us out"}
	}
	w.look(pages)
	return nil
}

// look takes from pages their forms and their links.
func (w *walk) look(pages []*htmlform.Page) {
	for _, p := range pages {
		for _, f := range p.Forms {
			w.weigh(f)
		}
		for _, l := range p.Links {
			w.follow(p, l)
		}
	}
	slices.SortStableFunc(w.queue, func(a, b stop) int { return b.promise - a.promise })
}

// follow notes where a link leads, if asking for that does nothing.
func (w *walk) follow(p *htmlform.Page, l htmlform.Link) {
	u, err := w.s.resolve(p.Base, l.Href)
	if err != nil || !htmlform.IsSafe(u) {
		return
	}
	key := htmlform.PageKey(u)
	if w.read[key] || w.queued[key] || len(w.queue) >= 2*htmlform.MaxLinks {
		return
	}
	w.queued[key] = true
	w.queue = append(w.queue, stop{u, p.URL, htmlform.LinkScore(key, l.Text)})
}

// weigh notes a form that takes one file, if that may be the phone application.
func (w *walk) weigh(f *htmlform.Form) {
	files := f.Of("file")
	if len(files) == 0 || len(w.found) >= maxFound {
		return
	}
	s := w.s
	where := fmt.Sprintf("%s of %s", s.shown(files[0].Name), s.shown(f.Page.URL.RequestURI()))
	v := f.Classify(s.start)
	_, err := s.target(f)
	switch {
	case !v.IsPhoneApplication():
		w.reject(where, v.Reason())
	case err != nil:
		w.foreign = where + ", to " + s.shown(f.Action())
	case len(files) > 1:
		w.reject(where, "it takes several files")
	case f.IsAmbiguous():
		w.reject(where, "it has several buttons, and which of them sends the file is not clear")
	case files[0].Name == "":
		w.reject(where, "its field has no name")
	case !f.IsPost() || f.MediaType() != htmlform.Multipart:
		w.reject(where, "it does not send the file")
	default:
		if mark := f.Signature(); !slices.Contains(w.marks, mark) {
			w.found, w.marks = append(w.found, f), append(w.marks, mark)
		}
	}
}

// reject notes a form that takes a file, and is not the one; of many, the first few.
func (w *walk) reject(where, why string) {
	text := where + ": " + why
	if len(w.others) < 4 && !slices.Contains(w.others, text) {
		w.others = append(w.others, text)
	}
}

// result is what the walk found.
func (w *walk) result() (*Form, error) {
	s := w.s
	switch {
	case w.foreign != "":
		return nil, s.errorf(KindForeign, "its form for the phone application leads elsewhere: %s", w.foreign)
	case len(w.found) > 1:
		names := make([]string, 0, len(w.found))
		for _, f := range w.found[:min(len(w.found), 4)] {
			names = append(names, s.shown(f.Of("file")[0].Name)+" of "+s.shown(f.Page.URL.RequestURI()))
		}
		return nil, s.errorf(KindManyForms, "%d forms may be meant for the phone application: %s", len(w.found), strings.Join(names, "; "))
	case len(w.found) == 0:
		if e := (*Error)(nil); errors.As(w.skipped, &e) && e.Kind == KindForeign && len(w.others) == 0 {
			return nil, e
		}
		text := fmt.Sprintf("no form takes a file for the phone application, on %d pages", w.pages)
		if w.pages >= maxPages {
			text += ", and more were not read"
		}
		if len(w.others) > 0 {
			text += " (" + strings.Join(w.others, "; ") + ")"
		}
		if w.skipped != nil {
			text += "; left out: " + w.skipped.Error()
		}
		return nil, s.errorf(KindNoForm, "%s", text)
	}
	f := w.found[0]
	s.tell(StepFound, s.describe(f))
	form := &Form{Page: s.shown(f.Page.URL.RequestURI()), Field: s.shown(f.Of("file")[0].Name), url: f.Page.URL, referer: s.referer(), mark: f.Signature()}
	return form, nil
}

// describe names a form's page and fields. What hidden ones hold may be a token, which is as good as a password: of that only
// the length is told.
func (s *Session) describe(f *htmlform.Form) string {
	text := s.shown(f.Page.URL.RequestURI()) + ":"
	for _, e := range f.Controls {
		switch {
		case e.Name == "":
		case e.Kind == "hidden":
			text += fmt.Sprintf(" %s (hidden, %d bytes)", s.shown(e.Name), len(e.Value))
		default:
			text += fmt.Sprintf(" %s (%s)", s.shown(e.Name), s.shown(e.Kind))
		}
		if len(text) > 2048 {
			return text + " ..."
		}
	}
	return text
}
