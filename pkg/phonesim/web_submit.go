package phonesim

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// submit answers a form.
func (v *webRequest) submit() *webAnswer {
	if strings.HasPrefix(v.request.Header.Get("Content-Type"), "multipart/form-data") {
		return v.upload()
	}
	text, err := io.ReadAll(io.LimitReader(v.body, maxForm))
	form, bad := url.ParseQuery(string(text))
	l := v.r.p.login()
	name := form.Get("page_submit")
	switch {
	case err != nil || bad != nil:
		return &webAnswer{status: http.StatusBadRequest, hangUp: true, body: v.document(errorText("The form is not complete"))}
	case name == l.page && form.Has(l.field):
		return v.logIn(form.Get(l.field), form.Get("page-next"))
	case v.session == nil:
		return &webAnswer{cookie: nobody, body: v.document(v.loginForm())}
	}
	v.language = form.Get(hiddenLanguage)
	if isFile := form.Has(hiddenFile); isFile && name == pageApplication && !v.session.change {
		v.r.p.set(func(s *State) { s.LastTransfer = v.newTransfer(string(text)) })
		return v.submitTransfer(form)
	}
	entry, known := v.entry(name)
	if !known && name != pagePassword {
		return v.page(name)
	}
	if name == pageDefaults && !v.session.change {
		return v.storeDefaults(form)
	}
	v.r.p.set(func(s *State) { s.Changes++ })
	v.r.p.report(Event{Kind: Changed, Detail: name})
	if name == pageRestart {
		// It drops the connection in the middle of the answer (observed: a public script for administrators).
		return &webAnswer{cut: true, body: v.document(successText("The phone restarts")), after: func() {
			state := v.r.p.State()
			v.r.goDown(&restart{version: state.Version, softwareType: state.SoftwareType})
		}}
	}
	if v.session.change {
		return v.page("")
	}
	return &webAnswer{body: v.document(v.menu(entry.name) + successText("The changes are stored") + v.content(entry.name))}
}

// goDown makes the phone restart.
func (r *boot) goDown(next *restart) {
	select {
	case r.due <- next:
	default: // it does already
	}
}
