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

// A loginKind is a form that takes the password of the administrator, by its names.
type loginKind struct{ submit, field string }

// knownLogins returns the login forms that were observed.
func knownLogins() []loginKind {
	return []loginKind{
		{"WEBMp_Admin_Login", "AdminPassword"},       // firmware V3 and CP400 (observed: sja/openstage-ssh, UnifyConfigurator)
		{"WEBMp_AdminLogin", "WEBMv-Admin-Password"}, // older (observed: OpenVAS check for the OpenStage default password)
		{"WEBMp_AdminLogin", "AdminPassword"},        // older (the same)
	}
}

// A loginState is how far the login is.
type loginState int

const (
	loginNotSent  loginState = iota
	loginSent                // the next page is the answer
	loginAccepted            // the phone took the password
)

// What pages say about a password (observed: UnifyConfigurator).
const (
	textWrong  = "authentication failed"
	textLocked = "password is suspended"
)

// loginKindOf returns which login form a form is, if it is one that was observed.
func loginKindOf(f *htmlform.Form) (kind loginKind, known bool) {
	passwords := f.Of("password")
	if len(passwords) != 1 {
		return loginKind{}, false
	}
	kind = loginKind{f.Hidden("page_submit"), passwords[0].Name}
	return kind, slices.Contains(knownLogins(), kind)
}

// loginForms returns the login forms on pages.
func loginForms(pages ...*htmlform.Page) []*htmlform.Form {
	var found []*htmlform.Form
	for _, p := range pages {
		for _, f := range p.Forms {
			if _, known := loginKindOf(f); known {
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
	s.redactor = s.redactor.And(password)
	f, err := s.findLogin(ctx)
	if err != nil {
		return err
	}
	target, err := s.target(f)
	switch {
	case err != nil:
		return s.errorf(KindForeign, "its login form leads elsewhere, to %s; the password was not sent", s.redact(f.Action()))
	case !f.IsPost():
		return s.errorf(KindForeign, "its login form would show the password in an address; it was not sent")
	case f.IsAmbiguous():
		return s.errorf(KindNoLogin, "its login form has several buttons, and which of them logs in is not clear")
	case f.MediaType() != htmlform.URLEncoded:
		return s.errorf(KindNoLogin, "its login form is sent as %s, which none of the known ones is", f.MediaType())
	}
	kind, _ := loginKindOf(f)
	s.emit(StepLogin, "page_submit="+kind.submit+", "+kind.field)
	fields := f.Fields()
	for i := range fields {
		if fields[i].Name == kind.field {
			fields[i].Value = password.Reveal()
		}
	}
	s.loggedIn, s.login = true, loginSent // from here on it is better to log out
	pages, err := s.readFrames(ctx, request{url: target, referer: f.Page.URL, mediaType: htmlform.URLEncoded, body: f.Page.URLEncode(fields)}, nil)
	if e := (*Error)(nil); errors.As(err, &e) && (e.status == http.StatusUnauthorized || e.status == http.StatusForbidden) {
		s.loggedIn = false
		return s.errorf(KindPassword, "it refuses the password with status %d", e.status)
	}
	if err != nil {
		return err
	}
	if err := s.checkLogin(pages); err != nil {
		return err
	}
	s.start, s.login = pages, loginAccepted
	return nil
}

// findLogin returns the login form on the start page, or on the page that a link of it leads to.
func (s *Session) findLogin(ctx context.Context) (*htmlform.Form, error) {
	pages := s.start
	if len(loginForms(pages...)) == 0 && !htmlform.Contains(pages, textLocked) {
		if u, from := s.loginLink(pages); u != nil {
			var err error
			if pages, err = s.readFrames(ctx, request{url: u, referer: from}, nil); err != nil {
				return nil, err
			}
		}
	}
	if htmlform.Contains(pages, textLocked) {
		return nil, errLocked("nothing was sent")
	}
	found := loginForms(pages...)
	switch {
	case len(found) == 0:
		return nil, s.errorf(KindNoLogin, "it has none of the known login forms%s", s.unknownLogin(pages))
	case len(found) > 1:
		return nil, s.errorf(KindNoLogin, "it has %d login forms", len(found))
	}
	return found[0], nil
}

func errLocked(what string) *Error {
	return &Error{Kind: KindLocked, Msg: "it says that its password is suspended, after too many wrong ones; " + what}
}

func errWrong() *Error {
	return &Error{Kind: KindPassword, Msg: "it says that the authentication failed"}
}

// loginLink returns where a page links to a login of the administrator. The name of that page is assumed from the names of the
// forms.
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

// unknownLogin names a form that takes a password and is none of the known ones; "" if there is none.
func (s *Session) unknownLogin(pages []*htmlform.Page) string {
	for _, p := range pages {
		for _, f := range p.Forms {
			if passwords := f.Of("password"); len(passwords) > 0 {
				return ", but one with page_submit=" + s.redact(f.Hidden("page_submit")) + " and " + s.redact(passwords[0].Name)
			}
		}
	}
	return ""
}

// checkLogin returns an error if the phone did not take the password. It does not check that the page is a menu: whatever is no
// failure is taken for one, and [Session.Find] sees it if it is none. Texts of a failure do not count where all else says that
// somebody is logged in: a menu may say of a telephone number what a login says of a password. If somebody may be logged in
// anyway, Close logs out.
func (s *Session) checkLogin(pages []*htmlform.Page) error {
	again := len(loginForms(pages...)) > 0
	s.loggedIn = !again && !s.hasCookie(isZero)
	switch {
	case htmlform.Contains(pages, textLocked) && !s.isLoggedIn(pages):
		return errLocked("the password that was sent now may have been the last one too many")
	case htmlform.Contains(pages, textWrong) && !s.isLoggedIn(pages):
		return errWrong()
	case demandsChange(pages):
		s.loggedIn = true
		return &Error{Kind: KindChange, Msg: "it demands a new password first; cpupdate does not change passwords"}
	case again:
		return &Error{Kind: KindPassword, Msg: "it shows the login form again, and does not say why"}
	case !s.loggedIn:
		return &Error{Kind: KindPassword, Msg: "it accepted the password, but no login followed"}
	}
	return nil
}

// isLoggedIn reports whether all but texts says that somebody is logged in: no login form, and a cookie that is not zero.
func (s *Session) isLoggedIn(pages []*htmlform.Page) bool {
	return len(loginForms(pages...)) == 0 && s.hasCookie(func(value string) bool { return value != "" && !isZero(value) })
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

// hasCookie reports whether the phone has set its cookie to a value that matches. It is webm, two numbers with a bar between
// them (observed: a public logo uploader for OpenStage 40/60).
func (s *Session) hasCookie(matches func(string) bool) bool {
	for _, c := range s.jar.Cookies(s.origin) {
		if c.Name == "webm" {
			return matches(c.Value)
		}
	}
	return false
}

// isZero reports whether the cookie says that nobody is logged in: both numbers are zero (observed: the same).
func isZero(value string) bool { return value != "" && strings.Trim(value, "0|\"") == "" }
