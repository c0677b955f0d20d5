package wbm

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// An Image is the file that is sent.
type Image struct {
	Name    string
	Content *io.SectionReader // what it gives is sent; one call of its ReadAt may go on when Upload has returned
	Sent    func(int64)       // called with how many bytes of the image are sent; must not wait; may be nil
}

// An Answer is what the page says to an image or a form. It proves nothing.
type Answer struct {
	Status  int    // of HTTP
	Words   string // of the page, bounded
	Refusal bool   // it says that it failed (for an image: assumed), or the status is one of a refusal
	// Completed says that the page reports a complete transfer; of a form that makes the phone fetch.
	Completed bool
	Doubt     bool // words of a refusal are in it (assumed); "0 errors" has one, too
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
		return Answer{}, s.errorf(KindForeign, "its form for the phone application leads elsewhere now, to %s", s.redact(live.Action()))
	}
	b := newBody(live, image)
	s.emit(StepSend, fmt.Sprintf("%d bytes as %s to %s", image.Content.Size(), s.redact(f.Field), s.uri(target)))
	r := request{url: target, referer: live.Page.URL, mediaType: b.mediaType}
	a, err := s.send(ctx, r, b)
	if err != nil {
		return Answer{}, markWhole(b, err)
	}
	answer, err := s.interpret(ctx, r, a, b)
	return answer, markWhole(b, err)
}

// markWhole notes in an error that the phone was sent the whole image.
func markWhole(b *body, err error) error {
	if e, ok := err.(*Error); ok && b.complete.Load() { //nolint:errorlint // it is ours, and not wrapped yet
		e.Whole = true
	}
	return err
}

// reread reads the page of the form again: it may hold a value that can be sent only once. It must still be the same form.
func (s *Session) reread(ctx context.Context, f *Form) (*htmlform.Form, error) {
	p, err := s.visit(ctx, request{url: f.url, referer: f.referer})
	if err != nil {
		return nil, err
	}
	if len(loginForms(p)) > 0 {
		s.loggedIn = false
		return nil, &Error{Kind: KindSession, Msg: "it shows the login form instead of the form for the image: it logged us out"}
	}
	var found []*htmlform.Form
	for _, live := range p.Forms {
		if live.Signature() == f.signature && live.Classify(s.start).IsPhoneApplication() && f.wanted.objection(live) == "" {
			found = append(found, live)
		}
	}
	switch {
	case len(found) == 0:
		return nil, &Error{Kind: KindNoForm, Msg: "the form for the image is another one now"}
	case len(found) > 1:
		return nil, &Error{Kind: KindManyForms, Msg: "the form for the image is there several times now"}
	}
	return found[0], nil
}

// interpret returns what the phone answers to the image.
func (s *Session) interpret(ctx context.Context, r request, a *answer, b *body) (Answer, error) {
	p, err := s.answerPage(ctx, r, a)
	if err != nil {
		return Answer{}, err
	}
	result := Answer{Status: a.status}
	s.classifyAnswer(&result, p)
	s.emit(StepAnswer, strings.TrimSpace(fmt.Sprintf("%d %s", result.Status, result.Words)))
	switch {
	case a.status >= http.StatusBadRequest:
		return result, s.errorf(KindRefused, "it refuses the image with status %d%s", a.status, quoted(result.Words))
	case !b.complete.Load():
		return result, s.errorf(KindRefused, "it answered before it had the whole image%s", quoted(result.Words))
	}
	return result, nil
}

// answerPage returns the page in an answer to what was sent, or that to which the answer redirects.
func (s *Session) answerPage(ctx context.Context, r request, a *answer) (*htmlform.Page, error) {
	next, err := s.redirect(a, true)
	if err != nil {
		return nil, err
	}
	var p *htmlform.Page
	if next != nil {
		p, err = s.visit(ctx, request{url: next, referer: r.referer})
	} else {
		p, err = s.readAny(ctx, a)
	}
	if err == nil && len(loginForms(p)) > 0 {
		s.loggedIn = false
		err = &Error{Kind: KindSession, Msg: "it answers with the login form: it logged us out"}
	}
	return p, err
}

// quoted returns words behind a colon, if there are any.
func quoted(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

const maxWords = 300

// classifyAnswer notes what a page says to an image, and what that seems to mean. That "error" is a class, and that these words
// may mean a refusal, is assumed.
func (s *Session) classifyAnswer(result *Answer, p *htmlform.Page) {
	words := p.Text
	switch {
	case p.Failure != "":
		words = p.Failure
	case p.Success != "":
		words = p.Success
	default:
		result.Doubt = htmlform.Mention(secret.Prefix(p.Text, 4<<10), []string{
			"failed", "error", "invalid", "incompatible", "not compatible", "not supported", "rejected", "refused", "too large", "denied",
		}) != ""
	}
	result.Words = s.redactTo(maxWords, words)
	result.Refusal = p.Failure != "" || result.Status >= http.StatusBadRequest
}
