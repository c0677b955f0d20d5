package phonesim

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
)

// submitTransfer answers a transfer form for the phone application. It answers when the transfer has ended (observed for a
// logo), and restarts with the image after that.
func (v *webRequest) submitTransfer(values url.Values) *webAnswer {
	t := &v.r.p.traits.web
	if t.transfer == transferLogsOut {
		v.r.site.endSession(v.session)
		v.session = nil
		return &webAnswer{cookie: nobody, body: v.document(v.loginForm())}
	}
	f, settings, err := v.readTransfer(values)
	if err != nil {
		return v.transferRefused(err.Error())
	}
	if settings[setSubmit] != "start" && f.field(setSubmit) != nil {
		v.r.p.set(func(s *State) { s.Changes++ })
		v.r.p.report(Event{Kind: Changed, Detail: pageApplication})
		return v.transferPage("") // with nothing to say of a transfer (assumed)
	}
	file, err := v.r.p.accessOf(settings).file(settings[setFile])
	if err != nil {
		return v.transferRefused(err.Error())
	}
	if !v.r.p.begin(StatusFetching) {
		return v.transferRefused("it is busy: " + string(v.r.p.State().Status))
	}
	v.r.p.set(func(s *State) { s.Instructed++ })
	v.r.p.report(Event{Kind: Instructed, Detail: "at its web page: " + file.String()})
	return v.runTransfer(&order{software: true, immediate: true, files: []fetch{file}})
}

// readTransfer reads a transfer form: the one of the page that it was sent with, and its settings. It takes nothing that a
// browser would not send for that form: a real phone may be less strict (assumed).
func (v *webRequest) readTransfer(values url.Values) (*transferForm, map[string]string, error) {
	var f *transferForm
	for _, form := range v.transferForms() {
		if f == nil || values.Get(hiddenFile) == form.field(setFile).name {
			f = form
		}
	}
	if f == nil {
		return nil, nil, errors.New("the page has no such form")
	}
	if f.token && (v.r.p.traits.web.transfer == transferBadToken || !v.r.site.isValid(v.session, f.page, values.Get(tokenField))) {
		return nil, nil, errors.New("the page has expired")
	}
	if f.referer && !v.cameFromHere() {
		return nil, nil, errors.New("the Referer does not name the page of the form")
	}
	settings, err := f.read(values, v.lang())
	return f, settings, err
}

// cameFromHere reports whether a request says that it comes from one of the phone's pages, and nothing in it says otherwise.
func (v *webRequest) cameFromHere() bool {
	own := "https://" + v.request.Host
	origin, stated := v.request.Header["Origin"]
	return strings.HasPrefix(v.request.Header.Get("Referer"), own+webPage) && (!stated || len(origin) == 1 && origin[0] == own)
}

// read returns the settings that a form sends. Every field must be there once, with a value that a browser can send.
func (f *transferForm) read(values url.Values, lang string) (map[string]string, error) {
	known := map[string]bool{tokenField: f.token}
	before, after := f.hidden(lang)
	for _, field := range append(before, after...) {
		known[field[0]] = true
		if got := values[field[0]]; len(got) != 1 || got[0] != field[1] {
			return nil, fmt.Errorf("the hidden field %s did not come back as it was", field[0])
		}
	}
	settings := map[string]string{}
	for i := range f.fields {
		field := &f.fields[i]
		known[field.name] = true
		value, err := field.read(values[field.name])
		if err != nil {
			return nil, err
		}
		settings[field.setting] = value
	}
	for name := range values {
		if !known[name] && !f.extra {
			return nil, fmt.Errorf("the form has no field %s", shown(name))
		}
	}
	return settings, nil
}

// read returns what a field stands for.
func (f *transferField) read(values []string) (string, error) {
	if f.kind == "checkbox" && len(values) == 0 {
		return "", nil
	}
	if len(values) != 1 {
		return "", fmt.Errorf("the field %s came %d times", f.name, len(values))
	}
	value := values[0]
	switch f.kind {
	case "checkbox":
		if value != f.options[0].value {
			return "", fmt.Errorf("the field %s has another value than the form", f.name)
		}
		return "yes", nil
	case "select":
		for _, o := range f.options {
			if o.value == value {
				return o.is, nil
			}
		}
		return "", fmt.Errorf("the field %s has another value than the form", f.name)
	}
	if n := len(utf16.Encode([]rune(value))); n > f.most {
		return "", fmt.Errorf("the field %s has %d characters, and takes %d", f.name, n, f.most)
	}
	return value, nil
}

// accessOf returns how the phone reaches the server that settings name: with Use defaults set, the one of its stored defaults
// (CP HFA administration manual A31003-C1000-M102-5, 3.9.3.2).
func (p *Phone) accessOf(settings map[string]string) Access {
	if settings[setDefaults] != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.defaults
	}
	return newAccess(settings)
}

// newAccess returns the access that settings describe.
func newAccess(settings map[string]string) Access {
	return Access{
		HTTPS: settings[setMethod] == "https", Server: settings[setServer], Port: settings[setPort], Account: settings[setAccount],
		Username: settings[setUsername], Password: settings[setPassword], Path: settings[setPath], BaseURL: settings[setBaseURL],
	}
}

// transferRefused answers a transfer form for which the phone fetches nothing.
func (v *webRequest) transferRefused(why string) *webAnswer {
	v.r.p.report(Event{Kind: NotTaken, Detail: why})
	return v.transferPage(resultFailed())
}

// transferPage returns the page after a transfer form: the form again, and the result in it (observed for a logo).
func (v *webRequest) transferPage(result string) *webAnswer {
	v.result = result
	return v.page(pageApplication)
}

// runTransfer fetches the image, and answers as the faults have it.
func (v *webRequest) runTransfer(o *order) *webAnswer {
	t := &v.r.p.traits
	if t.web.transfer == transferFailsAtOnce || t.neverFetches {
		v.r.p.set(func(s *State) { s.Status = StatusIdle })
		v.r.p.report(Event{Kind: Declined, Detail: "it fetches nothing"})
		return v.transferPage(resultFailed())
	}
	next := v.r.update(v.ctx, o)
	if next == nil {
		return v.transferPage(resultFailed())
	}
	switch t.web.transfer {
	case transferSaysFailed, transferStaysOld, transferSilent, transferDrips:
		v.r.refuse("it accepts no image from its transfer form")
		next = nil
	}
	answer := v.transferPage(v.transferResult())
	answer.huge = t.web.huge
	switch {
	case t.web.transfer == transferDrips:
		answer.endless = true
	case t.web.transfer == transferSilent:
		<-v.ctx.Done() // the connection stays open
		return &webAnswer{silent: true}
	case t.web.transfer == transferNoAnswer:
		v.install(next)
		<-v.ctx.Done() // the restart ends the connection
		return &webAnswer{silent: true}
	case next != nil:
		v.r.p.set(func(s *State) { s.Status = StatusInstalling })
		answer.after = func() { v.install(next) }
	}
	return answer
}

// transferResult returns what the page says of a transfer for which an image came.
func (v *webRequest) transferResult() string {
	switch t := &v.r.p.traits.web; t.transfer {
	case transferSaysFailed, transferFailedInstalls:
		return resultFailed()
	case transferLanguage:
		return coloured("blue", "Übertragung erfolgreich abgeschlossen")
	default:
		if t.hostile {
			return strings.Replace(resultDone(), "Transfer", "\x1b[31m\u202eTransfer", 1)
		}
	}
	return resultDone()
}

// refuse makes the phone stay what it is.
func (r *boot) refuse(why string) {
	r.p.set(func(s *State) { s.Refusal, s.Status = why, StatusIdle })
	r.p.report(Event{Kind: Refused, Detail: why})
}

// install makes the phone restart with an image.
func (v *webRequest) install(next *restart) {
	v.r.p.set(func(s *State) { s.Status = StatusInstalling })
	v.r.p.report(Event{Kind: Installing, Version: next.version})
	v.r.goDown(next)
}

// newTransfer returns the shape of a request with a transfer form: its fields in their order, without passwords.
func (v *webRequest) newTransfer(body string) *Upload {
	seen := newUpload(v.request)
	secret := map[string]bool{}
	for _, f := range v.transferForms() {
		secret[f.field(setPassword).name] = true
	}
	for pair := range strings.SplitSeq(body, "&") {
		encoded, value, _ := strings.Cut(pair, "=")
		name, _ := url.QueryUnescape(encoded) // ParseQuery has read it before
		value, _ = url.QueryUnescape(value)
		seen.Parts = append(seen.Parts, Part{Name: shown(name)})
		if last := &seen.Parts[len(seen.Parts)-1]; secret[name] {
			last.Length = int64(len(value))
		} else {
			last.set(value)
			if last.Value == value {
				last.Encoded = shown(pair)
			}
		}
	}
	return seen
}
