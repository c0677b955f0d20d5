package wbm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/secret"
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
	r := request{url: target, referer: live.Page.URL, mediaType: b.mediaType}
	a, err := s.send(ctx, r, b)
	if err != nil {
		return Answer{}, s.whole(b, err)
	}
	answer, err := s.hear(ctx, r, a, b)
	return answer, s.whole(b, err)
}

// whole notes in an error that the phone was sent all of it.
func (s *Session) whole(b *body, err error) error {
	if e, ok := err.(*Error); ok && b.complete.Load() { //nolint:errorlint // it is ours, and not wrapped yet
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
	} else if p, err = s.plain(ctx, a); err != nil {
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
	case !b.complete.Load():
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
func (s *Session) plain(ctx context.Context, a *answer) (*htmlform.Page, error) {
	if kind, ok := isPage(a.header); !ok {
		if strings.HasPrefix(strings.ToLower(kind), "text/plain") {
			return htmlform.ReadText(a.url, kind, a.body), nil
		}
		return &htmlform.Page{URL: a.url, Base: a.url}, nil
	}
	p, err := a.page()
	if err != nil {
		return nil, s.fail(ctx, err)
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
		said.Doubt = htmlform.Mention(secret.Prefix(p.Text, 4<<10), []string{
			"failed", "error", "invalid", "incompatible", "not compatible", "not supported", "rejected", "refused", "too large", "denied",
		}) != ""
	}
	said.Words = s.clean(words, maxWords)
	said.Refusal = p.Failure != "" || said.Status >= http.StatusBadRequest
}

// send sends the form with the image over a connection of its own. Until all of it is sent and answered, whatever ends the
// connection resets it, the end of the process too.
func (s *Session) send(ctx context.Context, r request, b *body) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(s.o.Patience, func() {
		cancel(&Error{Kind: KindTimeout, Msg: "it has the whole image and does not answer"})
	})
	patience.Stop()
	defer patience.Stop()
	b.interrupted = ctx.Err
	var c *conn
	trace := &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		if info.Err == nil && !c.lost.Load() {
			b.sent()
			patience.Reset(s.o.Patience)
		}
	}}
	h, err := s.newRequest(httptrace.WithClientTrace(ctx, trace), r)
	if err != nil {
		return nil, err
	}
	h.Body, h.ContentLength = b, b.length
	s.disconnect()
	limited, done := s.limit(ctx)
	defer done()
	if c, err = s.connect(limited, b); err != nil {
		return nil, err
	}
	s.conn = c
	defer b.finish()
	b.start()
	response, err := c.roundTrip(h)
	if err != nil {
		err = s.uploadError(ctx, b, err)
		s.abort()
		return nil, err
	}
	patience.Stop()
	defer time.AfterFunc(s.o.Timeout, func() { cancel(errSilent()) }).Stop()
	if b.complete.Load() {
		c.normal.Store(true)
		c.raw.CloseNormally()
	}
	a, err := s.receive(ctx, r, response)
	if err == nil && !b.complete.Load() && s.conn != nil {
		s.abort()
	}
	return a, err
}

// uploadError returns the error of an upload that has no answer.
func (s *Session) uploadError(ctx context.Context, b *body, err error) error {
	cause, mine := context.Cause(ctx), (*Error)(nil)
	class := netconn.Classify(err)
	switch {
	case cause != nil:
		return cause
	case errors.As(err, &mine):
		return mine
	case s.conn.raw.TimedOut(), class == netconn.Timeout && !b.complete.Load():
		return &Error{Kind: KindTimeout, Msg: "it takes no more of the image"}
	case class == netconn.Broken && b.complete.Load():
		return &Error{Kind: KindBroken, Msg: "it cut the connection when it had the whole image, and said nothing"}
	case class == netconn.Broken:
		return &Error{Kind: KindBroken, Msg: "it cut the connection in the middle of the image"}
	}
	return s.fail(ctx, err)
}
