package wbm

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A Watcher sees the bytes that are sent.
type Watcher interface {
	io.Writer
	// Check is given the SHA-256 of the whole file, before the last bytes are sent; its error ends the upload.
	Check(sum [32]byte) error
}

// An Image is the file that is sent.
type Image struct {
	Name    string
	Content *io.SectionReader // one call of its ReadAt may go on when Upload has returned, and comes to nothing
	Watch   Watcher           // may be nil
	Sent    func(int64)       // told how many bytes of the image are out; must not wait; may be nil
}

// An Answer is what the page says to an image. It proves nothing.
type Answer struct {
	Status  int    // of HTTP
	Words   string // of the page, bounded
	Refusal bool   // an element of class error is in it (assumed), or the status is one of a refusal
	Doubt   bool   // words are in it that refusals have (assumed), but "0 errors" has them, too
}

// Upload fills in the form as it stands, and sends it with the image. When the context ends the connection is reset, which
// the phone takes for leaving the page: it drops what it got (CP HFA administration manual A31003-C1000-M102-5, 3.9.3.1).
func (s *Session) Upload(ctx context.Context, f *Form, image Image) (Answer, error) {
	if image.Content == nil || image.Content.Size() == 0 {
		return Answer{}, &Error{Kind: KindSource, Msg: "there is nothing to send"}
	}
	live, err := s.reread(ctx, f)
	if err != nil {
		return Answer{}, err
	}
	target, err := s.target(live)
	if err != nil {
		return Answer{}, s.errorf(KindForeign, "its form for the phone application leads elsewhere now, to %s", s.shown(live.Action()))
	}
	b := newBody(live, image)
	s.tell(StepSend, fmt.Sprintf("%d bytes as %s to %s", image.Content.Size(), s.shown(f.Field), s.shown(target.RequestURI())))
	r := request{url: target, referer: live.Page.URL, kind: b.kind()}
	a, err := s.send(ctx, r, b)
	if err != nil {
		return Answer{}, s.whole(b, err)
	}
	answer, err := s.hear(ctx, r, a, b)
	return answer, s.whole(b, err)
}

// whole notes in an error that the phone was sent all of it.
func (s *Session) whole(b *body, err error) error {
	if e, ok := err.(*Error); ok && b.complete() { //nolint:errorlint // it is ours, and not wrapped yet
		e.Whole = true
	}
	return err
}

// reread reads the page of the form again: it may hold something that counts once only. It must still be the same form.
func (s *Session) reread(ctx context.Context, f *Form) (*htmlform.Form, error) {
	p, err := s.visit(ctx, request{url: f.url, referer: f.referer})
	if err != nil {
		return nil, err
	}
	if len(logins([]*htmlform.Page{p})) > 0 {
		s.in = false
		return nil, &Error{Kind: KindSession, Msg: "it shows the form of login instead of the form for the image: it logged us out"}
	}
	var found []*htmlform.Form
	for _, live := range p.Forms {
		if live.Signature() == f.mark && live.Classify(s.start).IsPhoneApplication() && !live.IsAmbiguous() {
			found = append(found, live)
		}
	}
	if len(found) == 0 {
		return nil, &Error{Kind: KindNoForm, Msg: "the form for the image is another one now"}
	}
	return found[0], nil
}

// hear makes an answer of what the phone says to the image, and follows it if it leads to another page.
func (s *Session) hear(ctx context.Context, r request, a *answer, b *body) (Answer, error) {
	next, err := s.redirect(a, true)
	if err != nil {
		return Answer{}, err
	}
	said := Answer{Status: a.status}
	var p *htmlform.Page
	if next != nil {
		if p, err = s.visit(ctx, request{url: next, referer: r.referer}); err != nil {
			return Answer{}, err
		}
	} else if p, err = s.plain(a); err != nil {
		return Answer{}, err
	}
	if len(logins([]*htmlform.Page{p})) > 0 {
		s.in = false
		return Answer{}, &Error{Kind: KindSession, Msg: "it answers the image with the form of login: it logged us out"}
	}
	s.weigh(&said, p)
	s.tell(StepAnswer, strings.TrimSpace(fmt.Sprintf("%d %s", said.Status, said.Words)))
	switch {
	case a.status >= http.StatusBadRequest:
		return said, s.errorf(KindRefused, "it refuses the image with status %d%s", a.status, quoted(said.Words))
	case !b.complete():
		return said, s.errorf(KindRefused, "it answered before it had the whole image%s", quoted(said.Words))
	}
	return said, nil
}

func quoted(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

// plain reads the answer, whatever its status is. What is no page has words only if it is text.
func (s *Session) plain(a *answer) (*htmlform.Page, error) {
	if kind, ok := isPage(a.header); !ok {
		if strings.HasPrefix(strings.ToLower(kind), "text/plain") {
			return htmlform.ReadText(a.url, kind, a.body), nil
		}
		return &htmlform.Page{URL: a.url, Base: a.url}, nil
	}
	p, err := a.page()
	if err != nil {
		return nil, s.fail(context.Background(), err)
	}
	s.facts.read(p)
	return p, nil
}

const maxWords = 300

// weigh notes what a page says to an image, and what that seems to mean. That "error" is a class, and that these words may
// mean a refusal, is assumed.
func (s *Session) weigh(said *Answer, p *htmlform.Page) {
	words := p.Text
	switch {
	case p.Failure != "":
		words = p.Failure
	case p.Success != "":
		words = p.Success
	default:
		said.Doubt = htmlform.Mention(cut(p.Text, 4<<10), []string{
			"failed", "error", "invalid", "incompatible", "not compatible", "not supported", "rejected", "refused", "too large", "denied",
		}) != ""
	}
	said.Words = s.clean(words, maxWords)
	said.Refusal = p.Failure != "" || said.Status >= http.StatusBadRequest
}

// send sends the form with the image over a connection of its own.
func (s *Session) send(ctx context.Context, r request, b *body) (*answer, error) {
	s.hangUp()
	l, err := s.dial(ctx, time.Now().Add(s.o.Timeout))
	if err != nil {
		return nil, err
	}
	u := &upload{s: s, l: l, b: b, quit: make(chan struct{})}
	a, err := u.run(ctx, r)
	if err != nil || !b.complete() {
		l.reset()
		s.line = nil
		return a, err
	}
	return a, nil
}
