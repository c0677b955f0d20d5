package phonesim

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	cookieName  = "webm" // two numbers joined by a bar (observed: a public logo uploader for OpenStage 40/60)
	nobody      = "0|0"  // who is not logged in (observed there)
	maxSessions = 16
	mostWrong   = 3 // passwords in a row, until none is taken for a while (assumed)
)

// A login is the form in which a web page takes the password.
type login struct {
	page, field string
	frames      bool // the page comes in frames (assumed for older firmware)
}

// newLogin returns the form of firmware V3 and of a CP400 (observed: three public scripts).
func newLogin() login { return login{"WEBMp_Admin_Login", "AdminPassword", false} }

// olderLogin and oldLogin return those of older firmware (observed: a public scanner of phones).
func olderLogin() login { return login{"WEBMp_AdminLogin", "WEBMv-Admin-Password", true} }
func oldLogin() login   { return login{"WEBMp_AdminLogin", "AdminPassword", true} }

// login returns the phone's form of login.
func (p *Phone) login() login {
	if l := p.traits.web.login; l.page != "" {
		return l
	}
	return newLogin()
}

// A session is a login that has not ended.
type session struct {
	id     string
	change bool              // a new password is demanded first
	tokens map[string]string // of the last view of each page with a form for a file
}

// sessionOf returns the session of a request, nil if it has none.
func (s *webState) sessionOf(request *http.Request) *session {
	cookie, err := request.Cookie(cookieName)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.sessions, func(one *session) bool { return one.id == cookie.Value })
	if at < 0 {
		return nil
	}
	return s.sessions[at]
}

// newSession opens a session. The oldest makes room.
func (s *webState) newSession(change bool) *session {
	one := &session{id: fmt.Sprintf("%d|%d", number(), number()), change: change, tokens: map[string]string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sessions) == maxSessions {
		s.sessions = s.sessions[1:]
	}
	s.sessions = append(s.sessions, one)
	return one
}

// endSession ends a session.
func (s *webState) endSession(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = slices.DeleteFunc(s.sessions, func(other *session) bool { return other == one })
}

// token returns a new token for a page, which makes the one before worthless.
func (s *webState) token(one *session, page string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.tokens[page] = fmt.Sprint(number())
	return one.tokens[page]
}

// isValid reports whether the token is that of the last view of the page.
func (s *webState) isValid(one *session, page, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return token != "" && one.tokens[page] == token
}

// number returns a number that cannot be guessed, and is never 0.
func number() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.BigEndian.Uint32(b[:]) | 1
}

// checkPassword returns what is wrong with a password: "" if it is right. The texts were observed in a public script for
// administrators.
func (r *boot) checkPassword(password string) string {
	s := &r.site
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.p.traits.web.suspended || time.Now().Before(s.suspended):
		return "Password is suspended"
	case password == r.p.c.Password:
		s.wrong = 0
		return ""
	}
	s.wrong++
	if s.wrong == mostWrong {
		s.wrong, s.suspended = 0, time.Now().Add(r.p.c.Suspension)
	}
	return "Authentication failed"
}

// logIn answers the form of login. next is the page that is shown then, "" for the overview.
func (v *webRequest) logIn(password, next string) *webAnswer {
	if problem := v.r.checkPassword(password); problem != "" {
		v.r.p.report(Event{Kind: NoLogin, Detail: problem})
		return &webAnswer{cookie: nobody, body: v.document(errorText(problem) + v.loginForm())}
	}
	v.session = v.r.site.newSession(v.r.p.traits.web.change)
	v.r.p.set(func(s *State) { s.Logins++ })
	v.r.p.report(Event{Kind: LoggedIn})
	answer := v.page(next)
	answer.cookie = v.session.id
	return answer
}

// logOut ends the session (observed: page.cmd with user=none).
func (v *webRequest) logOut() *webAnswer {
	if v.session != nil {
		v.r.site.endSession(v.session)
		v.session = nil
		v.r.p.report(Event{Kind: LoggedOut})
	}
	return &webAnswer{cookie: nobody, body: v.document(v.loginForm())}
}
