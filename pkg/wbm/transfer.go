package wbm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// An Access says where the phone fetches the image, and with which login. With a BaseURL it fetches by HTTPS, else by FTP.
type Access struct {
	// Defaults has the phone use the defaults that are set on its own page: only Name is filled in (CP HFA administration manual
	// A31003-C1000-M102-5, 3.9.3.2).
	Defaults bool
	Name     string // of the file

	BaseURL string // of the folder; it ends in /

	Server   string
	Port     int // 0 is 21
	Account  string
	Path     string
	Username string
	Password secret.Secret
}

// transferForm returns the kind of form that makes the phone fetch a file.
func transferForm() wanted {
	return wanted{
		text: "makes the phone fetch a file",
		field: func(f *htmlform.Form) *htmlform.Control {
			if t := f.Transfer(); t != nil {
				return t.File()
			}
			return nil
		},
		objection: func(f *htmlform.Form) string {
			switch t := f.Transfer(); {
			case t == nil:
				return "it has no field for the name of the file"
			case f.IsAmbiguous():
				return "it has several buttons, and which of them submits it is not clear"
			case !f.IsPost() || f.MediaType() == "text/plain":
				return "it does not submit its fields"
			default:
				return t.Problem()
			}
		},
	}
}

// Fit reports whether the form that was found takes the values. Nothing is sent. The error is an [*Error].
func (s *Session) Fit(f *Form, a Access) error { return s.fill(f.read, a) }

// fill fills a form in. What it does not need for the method stays as it stands, as do hidden fields.
func (s *Session) fill(f *htmlform.Form, a Access) error {
	t := f.Transfer()
	steps := []func() error{
		func() error { return t.UseDefaults(a.Defaults) },
		func() error { return t.Fill(htmlform.RoleFile, a.Name) },
		func() error { return t.Choose(htmlform.RoleAfter, "start download") },
	}
	text := func(role htmlform.Role, value string) {
		steps = append(steps, func() error { return t.Fill(role, value) })
	}
	method := func(name string) {
		steps = append(steps, func() error { return t.Choose(htmlform.RoleMethod, name) })
	}
	switch {
	case a.Defaults:
	case a.BaseURL != "":
		method("https")
		text(htmlform.RoleBaseURL, a.BaseURL)
	default:
		method("ftp")
		text(htmlform.RoleServer, a.Server)
		text(htmlform.RolePort, strconv.Itoa(cmp.Or(a.Port, 21)))
		text(htmlform.RolePath, a.Path)
	}
	if !a.Defaults { // what the page keeps of another server must not go to this one
		text(htmlform.RoleAccount, a.Account)
		text(htmlform.RoleUsername, a.Username)
		text(htmlform.RolePassword, a.Password.Reveal())
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return s.fillError(err)
		}
	}
	return nil
}

// fillError returns the error of a value that the form does not take.
func (s *Session) fillError(err error) error {
	e, kind := (*htmlform.FillError)(nil), KindLacks
	if errors.As(err, &e) && e.Reason == "" {
		kind = KindTooLong
	}
	return s.errorf(kind, "%s", s.redact(err.Error()))
}

// submitPatiences is how many patiences a phone may take to answer a form that makes it fetch an image: it answers when the
// transfer has ended (observed for a logo: captures of an OpenStage page in nbe95/cowphone).
const submitPatiences = 6

// A Submission is a form that was filled in, and makes the phone fetch the image when it is sent.
type Submission struct {
	session *Session
	request request
	before  *htmlform.Page
	values  []string // that were filled in, but for the password
}

// Prepare reads the form again and fills it in. Nothing is sent yet.
func (s *Session) Prepare(ctx context.Context, f *Form, a Access) (*Submission, error) {
	s.redactor = s.redactor.And(a.Password)
	live, err := s.reread(ctx, f)
	if err != nil {
		return nil, err
	}
	target, err := s.target(live)
	if err != nil {
		return nil, s.errorf(KindForeign, "its form for the phone application leads elsewhere now, to %s", s.redact(live.Action()))
	}
	if err := s.fill(live, a); err != nil {
		return nil, err
	}
	r := request{url: target, referer: live.Page.URL}
	r.mediaType, r.body = encode(live)
	return &Submission{s, r, live.Page, []string{a.Name, a.BaseURL, a.Server, a.Account, a.Path, a.Username}}, nil
}

// Send submits the form, once. It returns what the page answers when the transfer has ended; once the form may have been sent, an
// error says so. When the context ends, the connection is reset.
func (b *Submission) Send(ctx context.Context) (Answer, error) {
	s := b.session
	s.emit(StepSubmit, s.uri(b.request.url))
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	limit := submitPatiences * s.o.Patience
	within, cancel := context.WithTimeoutCause(ctx, limit, &Error{Kind: KindTimeout, Msg: "it has the form, and does not answer to its end"})
	defer cancel()
	a, err := s.exchange(within, b.request)
	var answer Answer
	if err == nil {
		answer, err = b.interpret(within, a)
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		e.Whole = sent.Load()
	}
	return answer, err
}

// interpret returns what the phone answers when the transfer has ended.
func (b *Submission) interpret(ctx context.Context, a *answer) (Answer, error) {
	s := b.session
	p, err := s.answerPage(ctx, b.request, a)
	if err != nil {
		return Answer{}, err
	}
	result := Answer{Status: a.status}
	b.classify(&result, p)
	s.emit(StepAnswer, strings.TrimSpace(fmt.Sprintf("%d %s", result.Status, result.Words)))
	if a.status >= http.StatusBadRequest {
		return result, s.errorf(KindRefused, "it refuses the form with status %d%s", a.status, quoted(result.Words))
	}
	return result, nil
}

// What pages say when a transfer has ended, the first in green and the second in red (observed: captures of an OpenStage page in
// nbe95/cowphone, of a logo).
const (
	textCompleted = "transfer completed successfully"
	textNotDone   = "transfer failed"
)

// classify notes what a page says of the transfer: by its text, or in another language by its colour. A coloured text that stood on
// the page before says nothing. If text and colour, or two of them, contradict each other, nobody can tell.
func (b *Submission) classify(result *Answer, p *htmlform.Page) {
	isResult := func(text string) bool { return says(text, textCompleted) || says(text, textNotDone) }
	news := func(now, then []string) []string {
		return slices.DeleteFunc(slices.Clone(now), func(text string) bool {
			return text == "" || slices.Contains(b.values, text) || slices.Contains(then, text) && !isResult(text)
		})
	}
	green, red := news(p.Green, b.before.Green), news(p.Red, b.before.Red)
	completed, failed := says(p.Text, textCompleted), says(p.Text, textNotDone)
	switch {
	case completed:
		failed = failed || slices.ContainsFunc(red, isResult)
	case failed:
		completed = slices.ContainsFunc(green, isResult)
	default:
		completed, failed = len(green) > 0 || p.Success != "", len(red) > 0 || p.Failure != ""
	}
	result.Completed, result.Refusal = completed && !failed, failed && !completed
	all := slices.Concat(red, green, news([]string{p.Failure, p.Success}, nil), news(p.Cells, b.before.Cells))
	if len(red)+len(green) > 0 || p.Failure != "" || p.Success != "" {
		all = all[:1]
	}
	result.Words = b.session.redactTo(maxWords, strings.Join(all, " "))
}

// says reports whether a text, in whatever case, contains another one.
func says(text, part string) bool { return strings.Contains(strings.ToLower(text), part) }

// encode returns what the form submits, as browsers encode it (HTML standard, "form submission").
func encode(f *htmlform.Form) (mediaType string, body []byte) {
	if f.MediaType() == htmlform.URLEncoded {
		return htmlform.URLEncoded, f.Page.URLEncode(f.Fields())
	}
	var text bytes.Buffer
	w := multipart.NewWriter(&text)
	_ = w.SetBoundary("----cpupdate" + rand.Text()) // as the calls below it cannot fail: what is written to is memory
	for _, field := range f.Fields() {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + f.Page.Encode(quote(field.Name)) + `"`}}
		if field.File { // none is chosen
			header["Content-Disposition"][0] += `; filename=""`
			header["Content-Type"] = []string{"application/octet-stream"}
		}
		part, _ := w.CreatePart(header)
		_, _ = io.WriteString(part, f.Page.Encode(field.Value))
	}
	_ = w.Close()
	return w.FormDataContentType(), text.Bytes()
}
