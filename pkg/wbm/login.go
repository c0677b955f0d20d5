package wbm

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A loginForm is a form that takes the password of the administrator.
type loginForm struct{ submit, field string }

// loginForms are the forms that were observed.
func loginForms() []loginForm {
	return []loginForm{
		{"WEBMp_Admin_Login", "AdminPassword"},       // firmware V3 and CP400 (observed: sja/openstage-ssh, UnifyConfigurator)
		{"WEBMp_AdminLogin", "WEBMv-Admin-Password"}, // older (observed: OpenVAS check for the OpenStage default password)
		{"WEBMp_AdminLogin", "AdminPassword"},        // older (the same)
	}
}

// An attempt is how far the login is.
type attempt int

const (
	notSent attempt = iota
	sent            // and what comes next is the answer
	taken           // the phone took the password
)

// What pages say to a password (observed: UnifyConfigurator).
const (
	saysWrong  = "authentication failed"
	saysLocked = "password is suspended"
)

// known reports whether a form is one of those that were observed, and which.
func known(f *htmlform.Form) (loginForm, bool) {
	passwords := f.Of("password")
	if len(passwords) != 1 {
		return loginForm{}, false
	}
	is := loginForm{f.Hidden("page_submit"), passwords[0].Name}
	return is, slices.Contains(loginForms(), is)
}

// logins returns the forms of login that are on pages.
func logins(pages []*htmlform.Page) []*htmlform.Form {
	var found []*htmlform.Form
	for _, p := range pages {
		for _, f := range p.Forms {
			if _, known := known(f); known {
				found = append(found, f)
			}
		}
	}
	return found
}

// Login sends the password, once.
func (s *Session) Login(ctx context.Context, password secret.Secret) error {
	if password.Reveal() == "" {
		return &Error{Kind: KindPassword, Msg: "there is no password to log in with"}
	}
	s.redactor = secret.NewRedactor(s.o.Secret, password)
	f, err := s.loginForm(ctx)
	if err != nil {
		return err
	}
	target, err := s.target(f)
	is, _ := known(f)
	switch {
	case err != nil:
		return s.errorf(KindForeign, "its form of login leads elsewhere, to %s; the password was not sent", s.shown(f.Action()))
	case !f.IsPost():
		return s.errorf(KindForeign, "its form of login would show the password in an address; it was not sent")
	case f.IsAmbiguous():
		return s.errorf(KindNoLogin, "its form of login has several buttons, and which of them logs in is not clear")
	case f.MediaType() != htmlform.URLEncoded:
		return s.errorf(KindNoLogin, "its form of login is sent as %s, which none of the known ones is", f.MediaType())
	}
	s.tell(StepLogin, "page_submit="+is.submit+", "+is.field)
	entries := f.Fields()
	for i := range entries {
		if entries[i].Name == is.field {
			entries[i].Value = password.Reveal()
		}
	}
	s.in, s.login = true, sent // from here on it is better to log out
	pages, err := s.view(ctx, request{url: target, referer: f.Page.URL, mediaType: htmlform.URLEncoded, body: f.Page.URLEncode(entries)}, nil)
	if e := (*Error)(nil); errors.As(err, &e) && (e.status == http.StatusUnauthorized || e.status == http.StatusForbidden) {
		s.in = false
		return s.errorf(KindPassword, "it refuses the password with status %d", e.status)
	}
	if err != nil {
		return err
	}
	if err := s.judgeLogin(pages); err != nil {
		return err
	}
	s.start, s.login = pages, taken
	return nil
}

// loginForm returns the form on the start page, or on the page that a link of it leads to.
func (s *Session) loginForm(ctx context.Context) (*htmlform.Form, error) {
	pages := s.start
	if len(logins(pages)) == 0 && !htmlform.Contains(pages, saysLocked) {
		if u, from := s.loginLink(pages); u != nil {
			var err error
			if pages, err = s.view(ctx, request{url: u, referer: from}, nil); err != nil {
				return nil, err
			}
		}
	}
	if htmlform.Contains(pages, saysLocked) {
		return nil, errLocked("nothing was sent")
	}
	found := logins(pages)
	switch {
	case len(found) == 0:
		return nil, s.errorf(KindNoLogin, "it has none of the known forms of login%s", s.strangeForms(pages))
	case len(found) > 1:
		return nil, s.errorf(KindNoLogin, "it has %d forms of login", len(found))
	}
	return found[0], nil
}

func errLocked(what string) *Error {
	return &Error{Kind: KindLocked, Msg: "it says that its password is suspended, after too many wrong ones; " + what}
}

func errWrong() *Error {
	return &Error{Kind: KindPassword, Msg: "it says that the authentication failed"}
}

// loginLink returns where a page links to a login of the administrator; its name is assumed from the names of the forms.
func (s *Session) loginLink(pages []*htmlform.Page) (u, from *url.URL) {
	for _, p := range pages {
		for _, l := range p.Links {
			u, err := s.resolve(p.Base, l.Href)
			if err != nil || !htmlform.IsSafe(u) {
				continue
			}
			name := strings.ToLower(u.Query().Get("page"))
			if strings.Contains(name, "admin") && strings.Contains(name, "login") {
				return u, p.URL
			}
		}
	}
	return nil, nil
}

// strangeForms names the forms that take a password and are none of the known ones.
func (s *Session) strangeForms(pages []*htmlform.Page) string {
	for _, p := range pages {
		for _, f := range p.Forms {
			if passwords := f.Of("password"); len(passwords) > 0 {
				return ", but one with page_submit=" + s.shown(f.Hidden("page_submit")) + " and " + s.shown(passwords[0].Name)
			}
		}
	}
	return ""
}

// judgeLogin looks whether the phone took the password. It does not look whether it likes it: whatever is not a failure is a
// menu, or [Session.Find] will see that it is none. Words of a failure are none where all else says that somebody is logged
// in: a menu may say of a telephone number what a login says of a password. Who may be logged in all the same is logged out.
func (s *Session) judgeLogin(pages []*htmlform.Page) error {
	again := len(logins(pages)) > 0
	s.in = !again && !s.hasCookie(isZero)
	switch {
	case htmlform.Contains(pages, saysLocked) && !s.isEntered(pages):
		return errLocked("the password that was sent now may have been the last one too many")
	case htmlform.Contains(pages, saysWrong) && !s.isEntered(pages):
		return errWrong()
	case demandsChange(pages):
		s.in = true
		return &Error{Kind: KindChange, Msg: "it demands a new password first; we change none"}
	case again:
		return &Error{Kind: KindPassword, Msg: "it shows the form of login again, and does not say why"}
	case !s.in:
		return &Error{Kind: KindPassword, Msg: "it took the password, and nobody is logged in"}
	}
	return nil
}

// isEntered reports whether all but words says that somebody is logged in: no form of login, and a cookie that is not zero.
func (s *Session) isEntered(pages []*htmlform.Page) bool {
	return len(logins(pages)) == 0 && s.hasCookie(func(value string) bool { return value != "" && !isZero(value) })
}

// demandsChange reports whether a page wants a password and the same again, or an old and a new one (assumed).
func demandsChange(pages []*htmlform.Page) bool {
	for _, p := range pages {
		for _, f := range p.Forms {
			if len(f.Of("password")) > 1 {
				return true
			}
		}
	}
	return false
}

// hasCookie reports whether the phone has set its cookie, and to what: webm, two numbers with a bar between them (observed: a
// public logo uploader for OpenStage 40/60).
func (s *Session) hasCookie(like func(string) bool) bool {
	for _, c := range s.jar.Cookies(s.origin) {
		if c.Name == "webm" {
			return like(c.Value)
		}
	}
	return false
}

// isZero reports whether the cookie says that nobody is logged in: both numbers are zero (observed: the same).
func isZero(value string) bool { return value != "" && strings.Trim(value, "0|\"") == "" }
