package phonesim

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/url"
	"strings"
)

const maxParts = 100 // of one form

// A form is what has arrived of a form with a file, part after part.
type form struct {
	visit  *webRequest
	seen   *Upload
	fields map[string]string
	image  *image // the file for the phone application, nil until it comes
	name   string // its file's name
	denied string // why the file is not taken
	got    int64  // bytes of the image
}

// upload takes a form with a file as it arrives: nothing of it is kept but what the phone evaluates.
func (v *webRequest) upload() *webAnswer {
	t := &v.r.p.traits.web
	if t.logsOut && v.session != nil {
		v.r.site.endSession(v.session)
		v.session = nil
	}
	f := &form{visit: v, seen: newUpload(v.request), fields: map[string]string{}}
	if t.early || t.cuts || t.stalls {
		stopAt := v.request.ContentLength / 2
		if v.request.ContentLength < 0 {
			stopAt = someBytes
		}
		v.body = &halfBody{v.body, stopAt}
	}
	err := f.read(v.body)
	switch {
	case errors.Is(err, errCut):
		return f.atHalf()
	case err != nil:
		return f.cutOff(err)
	case f.fields["page_submit"] == pageLogo && v.session != nil:
		v.r.p.set(func(s *State) { s.Changes++ })
		v.r.p.report(Event{Kind: Changed, Detail: pageLogo})
		return v.resultPage(pageLogo, successText("Transfer completed successfully")) // the text was observed for a logo
	case f.isTransfer():
		v.r.p.set(func(s *State) { s.LastTransfer = f.seen.copy() })
		values := url.Values{}
		for name, value := range f.fields {
			values.Set(name, value)
		}
		return v.submitTransfer(values)
	case f.denied == "" && f.image == nil:
		f.denied = "no file was received"
	}
	if f.image == nil {
		v.r.p.report(Event{Kind: NotTaken, Detail: f.denied})
		if v.session == nil {
			return &webAnswer{cookie: nobody, body: v.document(v.loginForm())}
		}
		return v.resultPage(pageApplication, errorText("Transfer failed: "+f.denied))
	}
	return f.complete()
}

// isTransfer reports whether a form with a file came without one, and asks the phone to fetch it: in the form for both.
func (f *form) isTransfer() bool {
	v := f.visit
	if v.r.p.traits.web.form != formOne || f.image != nil || v.session == nil || v.session.change || f.fields[hiddenPage] != pageApplication {
		return false
	}
	submit := v.transferForms()[0].field(setSubmit)
	is, err := submit.read([]string{f.fields[submit.name]})
	return err == nil && is == "start"
}

// halfBody reads so many bytes and no more.
type halfBody struct {
	r    io.Reader
	left int64
}

func (s *halfBody) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, errCut
	}
	n, err := s.r.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}

// read takes the parts.
func (f *form) read(body io.Reader) error {
	_, parameters, err := mime.ParseMediaType(f.visit.request.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	parts := multipart.NewReader(body, parameters["boundary"])
	for range maxParts {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, body) // what stands behind the last part
			return err
		}
		if err != nil {
			return err
		}
		if err := f.take(part); err != nil {
			return err
		}
	}
	return fmt.Errorf("a form of more than %d fields", maxParts)
}

// take takes one part: a field, or a file.
func (f *form) take(part *multipart.Part) error {
	seen := f.seen.part(part)
	defer func() { f.visit.r.p.set(func(s *State) { s.LastUpload = f.seen.copy() }) }()
	if !seen.HasFileName {
		text, err := io.ReadAll(io.LimitReader(part, maxForm))
		f.fields[seen.Name] = string(text)
		seen.set(string(text))
		return err
	}
	w := io.Discard
	if f.accepts(seen) {
		f.image, f.name = newImage(), seen.FileName
		w = f.image
		f.visit.r.p.report(Event{Kind: Uploading, Detail: f.name})
	}
	n, err := f.receive(w, part)
	seen.Length = n
	return err
}

// accepts reports whether a file is accepted, by the fields before it. Only one is accepted at a time.
func (f *form) accepts(seen *Part) bool {
	v := f.visit
	switch {
	case f.image != nil || f.denied != "" || f.fields["page_submit"] == pageLogo && v.session != nil:
		return false
	case v.session == nil || v.session.change:
		f.denied = "nobody is logged in"
	case f.fields["page_submit"] != pageApplication || !strings.HasPrefix(seen.Name, "dl-app"):
		f.denied = "the form has no such file"
	case f.fields["WEBMv_Admin_Download_FileType"] != kindApplication:
		f.denied = "it is not a file for the phone application"
	case !v.r.site.isValid(v.session, pageApplication, f.fields[tokenField]):
		f.denied = "the page has expired"
	case seen.FileName == "":
		f.denied = "no file was chosen"
	case !v.r.p.begin(StatusUploading):
		f.denied = "it is busy: " + string(v.r.p.State().Status)
	}
	return f.denied == ""
}

// receive moves the bytes of a file.
func (f *form) receive(w io.Writer, r io.Reader) (int64, error) {
	buffer := make([]byte, fetchChunk)
	var got int64
	for {
		n, err := r.Read(buffer)
		got += int64(n)
		_, _ = w.Write(buffer[:n]) // neither an image nor nothing fails
		if w != io.Discard {
			f.got = got
			f.visit.r.p.set(func(s *State) { s.UploadBytes += int64(n) })
		}
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

// cancel drops what arrived of an image: the phone stays what it is, as when somebody leaves the page (CP HFA administration
// manual A31003-C1000-M102-5, 3.9.3.1).
func (f *form) cancel(why string) {
	if f.image == nil {
		return
	}
	f.visit.r.p.set(func(s *State) { s.Status = StatusIdle })
	f.visit.r.p.report(Event{Kind: Cancelled, Detail: why, Bytes: f.got})
}

// cutOff cancels a form that did not come to its end.
func (f *form) cutOff(err error) *webAnswer {
	var network net.Error
	why := "the connection ended early"
	if errors.As(err, &network) && network.Timeout() {
		why = "no data arrived in time"
	}
	f.cancel(why)
	return &webAnswer{silent: true}
}

// atHalf does what the phone's faults make it do after half of an image.
func (f *form) atHalf() *webAnswer {
	v := f.visit
	t := &v.r.p.traits.web
	switch {
	case t.cuts:
		f.cancel("it cut the connection")
		if lingering, ok := v.line.Conn.(interface{ SetLinger(seconds int) error }); ok {
			_ = lingering.SetLinger(0)
		}
		_ = v.line.Close()
		return &webAnswer{silent: true}
	case t.stalls:
		f.cancel("it stopped reading")
		<-v.ctx.Done() // the connection stays open
		return &webAnswer{silent: true}
	}
	refusal := "it accepts no image"
	v.r.p.set(func(s *State) { s.Refusal = refusal })
	f.cancel("it refused the image")
	return &webAnswer{hangUp: true, body: v.document(v.menu(pageApplication) + errorText("Transfer failed: the image is not accepted"))}
}

// complete decides on an image that arrived as a whole.
func (f *form) complete() *webAnswer {
	v, t := f.visit, &f.visit.r.p.traits.web
	v.r.p.set(func(s *State) { s.Uploads++ })
	v.r.p.report(Event{Kind: Uploaded, Bytes: f.got, Detail: f.name})
	failed, done := errorText("Transfer failed: the image is not accepted"), successText("Transfer completed successfully")
	if t.refuses || t.staysOld {
		refusal := "it accepts no image at its web page"
		v.r.p.set(func(s *State) { s.Refusal, s.Status = refusal, StatusIdle })
		v.r.p.report(Event{Kind: Refused, Detail: refusal})
		if t.staysOld {
			failed = done
		}
		return v.resultPage(pageApplication, failed)
	}
	next := v.r.decide(&order{}, f.image)
	if next == nil {
		return v.resultPage(pageApplication, failed)
	}
	v.r.p.set(func(s *State) { s.Status = StatusInstalling })
	answer := v.resultPage(pageApplication, done)
	answer.after = func() {
		v.r.p.report(Event{Kind: Installing, Version: next.version})
		v.r.goDown(next)
	}
	return answer
}

// resultPage returns the page after a form with a file.
func (v *webRequest) resultPage(name, message string) *webAnswer {
	if v.r.p.traits.web.hostile {
		message = strings.Replace(message, "Transfer", "\x1b[31m\u202eTransfer", 1)
	}
	return &webAnswer{huge: v.r.p.traits.web.huge, body: v.document(v.menu(name) + message)}
}
