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

// A Form takes an image, or makes the phone fetch one. It was read from the live page.
type Form struct {
	Page  string // path and query of its page
	Field string // name of the field for the file, or for its name

	url       *url.URL
	referer   *url.URL
	signature string
	wanted    wanted
	read      *htmlform.Form
}

// A wanted is a kind of form that is looked for.
type wanted struct {
	field     func(*htmlform.Form) *htmlform.Control // by which a form of the kind is recognised and named; nil if it is of no such kind
	objection func(*htmlform.Form) string            // why a form of the kind cannot be filled in; "" if it can
	text      string                                 // "form takes a file"
}

// uploadForm returns the kind of form that takes a file.
func uploadForm() wanted {
	return wanted{
		text: "takes a file",
		field: func(f *htmlform.Form) *htmlform.Control {
			if files := f.Of("file"); len(files) > 0 {
				return files[0]
			}
			return nil
		},
		objection: func(f *htmlform.Form) string {
			switch files := f.Of("file"); {
			case len(files) > 1:
				return "it takes several files"
			case f.IsAmbiguous():
				return "it has several buttons, and which of them sends the file is not clear"
			case files[0].Name == "":
				return "its field has no name"
			case !f.IsPost() || f.MediaType() != htmlform.Multipart:
				return "it does not send the file"
			}
			return ""
		},
	}
}

// A walk reads the pages of the menu, one after the other.
type walk struct {
	s          *Session
	wanted     wanted
	read       map[string]bool // pages, by their keys
	queue      []candidate     // the most likely first
	queued     map[string]bool
	pages      int
	found      []*htmlform.Form
	signatures []string // of these
	foreign    string   // a form that would do, and leads elsewhere
	rejected   []string // forms of the kind, and why they are not the one
	skipped    error    // why a page was skipped, the first time
}

// maxFound is how many forms are enough to say that there are too many.
const maxFound = 8

// A candidate is a page to read.
type candidate struct {
	url, from *url.URL
	score     int
}

// Find looks through the menu for the one form that takes a file for the phone application. It reads pages with promising
// names first, and the others only if these have no such form: 64 at most and the frames of the last one, each once.
func (s *Session) Find(ctx context.Context) (*Form, error) { return s.find(ctx, uploadForm()) }

// FindTransfer looks in the same way for the one form that makes the phone fetch the phone application.
func (s *Session) FindTransfer(ctx context.Context) (*Form, error) {
	return s.find(ctx, transferForm())
}

func (s *Session) find(ctx context.Context, what wanted) (*Form, error) {
	w := &walk{s: s, wanted: what, read: map[string]bool{}, queued: map[string]bool{}}
	for _, p := range s.start {
		w.read[htmlform.PageKey(p.URL)] = true
	}
	w.pages = len(s.start)
	w.collect(s.start)
	if len(w.queue) == 0 && len(w.found) == 0 { // what answered the login had no menu
		w.queue = append(w.queue, candidate{url: s.at("/index.cmd", "user=Admin"), from: s.referer()})
	}
	for len(w.queue) > 0 && w.pages < maxPages {
		next := w.queue[0]
		if w.queue = w.queue[1:]; w.read[htmlform.PageKey(next.url)] {
			continue
		}
		if next.score <= 0 && (len(w.found) > 0 || w.foreign != "") {
			break
		}
		if err := w.step(ctx, next); err != nil {
			return nil, err
		}
	}
	return w.result()
}

// step reads one page. It skips one that the phone refuses, and an unlikely one that is no page or leads elsewhere.
func (w *walk) step(ctx context.Context, next candidate) error {
	w.read[htmlform.PageKey(next.url)] = true
	w.pages++
	pages, err := w.s.readFrames(ctx, request{url: next.url, referer: next.from}, w.read)
	if e := (*Error)(nil); errors.As(err, &e) && (e.status != 0 || next.score <= 0 && (e.Kind == KindForeign || e.Kind == KindProtocol)) {
		if w.skipped == nil {
			w.skipped = e
		}
		return nil
	}
	if err != nil {
		return err
	}
	w.pages += len(pages) - 1
	if len(loginForms(pages...)) > 0 {
		w.s.loggedIn = false
		return &Error{Kind: KindSession, Msg: "it shows the login form instead of " + w.s.uri(next.url) + ": it logged us out"}
	}
	w.collect(pages)
	return nil
}

// collect takes the forms and links of pages.
func (w *walk) collect(pages []*htmlform.Page) {
	for _, p := range pages {
		for _, f := range p.Forms {
			w.consider(f)
		}
		for _, l := range p.Links {
			w.enqueue(p, l)
		}
	}
	slices.SortStableFunc(w.queue, func(a, b candidate) int { return b.score - a.score })
}

// enqueue adds the page that a safe link leads to, unless it is known.
func (w *walk) enqueue(p *htmlform.Page, l htmlform.Link) {
	u, err := w.s.resolve(p.Base, l.Href)
	if err != nil || !htmlform.IsSafe(u) {
		return
	}
	key := htmlform.PageKey(u)
	if w.read[key] || w.queued[key] || len(w.queue) >= 2*htmlform.MaxLinks {
		return
	}
	w.queued[key] = true
	w.queue = append(w.queue, candidate{u, p.URL, htmlform.LinkScore(key, l.Text)})
}

// consider notes a form of the kind: as the one for the phone application, or with the reason why it is not.
func (w *walk) consider(f *htmlform.Form) {
	if w.wanted.field(f) == nil || len(w.found) >= maxFound {
		return
	}
	s := w.s
	purpose := f.Classify(s.start)
	_, err := s.target(f)
	reason := ""
	switch {
	case !purpose.IsPhoneApplication():
		reason = purpose.Reason()
	case err != nil:
		w.foreign = w.place(f) + ", to " + s.redact(f.Action())
		return
	default:
		reason = w.wanted.objection(f)
	}
	if reason == "" {
		// Forms of two pages may be the same one. Two of one page are two, even if only what they hide tells them apart.
		signature := f.Signature()
		if i := slices.Index(w.signatures, signature); i < 0 || w.found[i].Page == f.Page {
			w.found, w.signatures = append(w.found, f), append(w.signatures, signature)
		}
		return
	}
	text := w.place(f) + ": " + reason
	if len(w.rejected) < 4 && !slices.Contains(w.rejected, text) {
		w.rejected = append(w.rejected, text)
	}
}

// result returns the form that was found.
func (w *walk) result() (*Form, error) {
	s := w.s
	switch {
	case w.foreign != "":
		return nil, s.errorf(KindForeign, "its form for the phone application leads elsewhere: %s", w.foreign)
	case len(w.found) > 1:
		places := make([]string, 0, len(w.found))
		for _, f := range w.found[:min(len(w.found), 4)] {
			places = append(places, w.place(f))
		}
		return nil, s.errorf(KindManyForms, "%d forms may be meant for the phone application: %s", len(w.found), strings.Join(places, "; "))
	case len(w.found) == 0:
		return nil, w.noForm()
	}
	f := w.found[0]
	s.emit(StepFound, s.describe(f))
	return &Form{
		Page: s.uri(f.Page.URL), Field: s.redact(w.wanted.field(f).Name),
		url: f.Page.URL, referer: s.referer(), signature: f.Signature(), wanted: w.wanted, read: f,
	}, nil
}

// noForm returns the error of a menu without the form.
func (w *walk) noForm() error {
	if e := (*Error)(nil); errors.As(w.skipped, &e) && e.Kind == KindForeign && len(w.rejected) == 0 {
		return e
	}
	text := fmt.Sprintf("no form %s for the phone application, on %d pages", w.wanted.text, w.pages)
	if w.pages >= maxPages {
		text += ", and more were not read"
	}
	if len(w.rejected) > 0 {
		text += " (" + strings.Join(w.rejected, "; ") + ")"
	}
	if w.skipped != nil {
		text += "; skipped: " + w.skipped.Error()
	}
	return w.s.errorf(KindNoForm, "%s", text)
}

// uri returns path and query of an address, for an error or an event.
func (s *Session) uri(u *url.URL) string { return s.redact(u.RequestURI()) }

// place names a form by its field and its page.
func (w *walk) place(f *htmlform.Form) string {
	return w.s.redact(w.wanted.field(f).Name) + " of " + w.s.uri(f.Page.URL)
}

// describe names a form's page and fields. The value of a hidden one may be a token, which is as good as a password: only its
// length is told.
func (s *Session) describe(f *htmlform.Form) string {
	text := s.uri(f.Page.URL) + ":"
	for _, c := range f.Controls {
		switch {
		case c.Name == "":
		case c.Kind == "hidden":
			text += fmt.Sprintf(" %s (hidden, %d bytes)", s.redact(c.Name), len(c.Value))
		default:
			text += fmt.Sprintf(" %s (%s)", s.redact(c.Name), s.redact(c.Kind))
		}
		if len(text) > 2048 {
			return text + " ..."
		}
	}
	return text
}
