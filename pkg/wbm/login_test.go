package wbm_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// loginForm returns a login form as the pages have it.
func loginForm(attributes, submit, inputs string) string {
	return fmt.Sprintf(`<title>Admin</title><form %s><input type=hidden name=page_submit value="%s">%s<input type=submit></form>`, attributes, submit, inputs)
}

// TestLogin checks every login form and every answer to it, and that the password goes nowhere else.
func TestLogin(t *testing.T) {
	t.Parallel()
	const post, submit, field = `method=post action="page.cmd"`, "WEBMp_Admin_Login", `<input type=password name=AdminPassword>`
	start := func(page string) func(*site) { return func(s *site) { s.page("/index.cmd", page) } }
	after := func(page string) func(*site) {
		return func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "webm", Value: "1|2"})
				text(w, "%s", page)
			}
		}
	}
	form := func(attributes string) func(*site) { return start(loginForm(attributes, submit, field)) }
	redirect := func(status int, to string) func(*site) {
		return func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", strings.ReplaceAll(to, "HOST", s.address))
				w.WriteHeader(status)
			}
			s.page("WEBM_Admin_Menu", menuPage)
		}
	}
	for _, c := range []struct {
		name  string
		setup func(*site)
		kind  wbm.Kind // "" if it works
		says  string
		sent  int
	}{
		{"as it is on CP", func(*site) {}, "", "", 1},
		{"older", func(s *site) {
			s.page("/index.cmd", loginForm(post, "WEBMp_AdminLogin", `<input type=password name=WEBMv-Admin-Password>`))
			s.pages["login:WEBMp_AdminLogin"] = s.login("WEBMv-Admin-Password")
		}, "", "", 1},
		{"older, other field", func(s *site) {
			s.page("/index.cmd", loginForm(post, "WEBMp_AdminLogin", field))
			s.pages["login:WEBMp_AdminLogin"] = s.login("AdminPassword")
		}, "", "", 1},
		{"with a button that does something else", start(loginForm(post, submit, field+`<input type=submit name=x value="Restore defaults"><input type=submit value=Login>`)), "", "", 1},
		{"behind a link", func(s *site) {
			s.page("/index.cmd", `<a href="page.cmd?page=WEBMp_Admin_Login&lang=en">Administrator</a>`)
			s.page("WEBMp_Admin_Login", loginPage)
		}, "", "", 1},
		{"in a frame", func(s *site) {
			s.page("/index.cmd", `<frameset cols=2><frame src="https://127.0.0.2/a.html"><frame src="page.cmd?page=Frame"></frameset>`)
			s.page("Frame", loginPage)
		}, "", "", 1},
		{"on the page that the first one turns into", func(s *site) {
			s.page("/index.cmd", `<meta http-equiv=refresh content="0; url=page.cmd?page=Frame">`)
			s.page("Frame", loginPage)
		}, "", "", 1},
		{"no index.cmd", func(s *site) { delete(s.pages, "/index.cmd"); s.page("/", loginPage) }, "", "", 1},
		{"led on after it", redirect(302, "page.cmd?page=WEBM_Admin_Menu"), "", "", 1},
		{"led on with all that names it", redirect(303, "https://HOST/page.cmd?page=WEBM_Admin_Menu"), "", "", 1},
		{"words in a script", after(`<script>alert("Authentication failed")</script><a title="Password is suspended" href=x.html>x</a>` + menuPage), "", "", 1},
		{"words that are hidden", after(`<div style="display: none"><b>Password is suspended</b></div><p hidden>Authentication failed</p>` + menuPage), "", "", 1},

		{"words of something else", after("<p>SIP registration: Authentication failed</p>" + menuPage), "", "", 1},
		{"words of something else, in a frame that is refused", func(s *site) {
			after(`<iframe src="page.cmd?page=Status"></iframe>` + menuPage)(s)
			s.pages["Status"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusForbidden)
				text(w, "<p>User: Password is suspended")
			}
		}, "", "", 1},
		{"wrong, in words only", func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) { text(w, "<p>Authentication failed") }
		}, wbm.KindPassword, "says that the authentication failed", 1},
		{"locked, in words and by cookie", func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "webm", Value: "0|0"})
				text(w, "<p>Password is suspended")
			}
		}, wbm.KindLocked, "suspended", 1},
		{"a redirect that does something", redirect(302, "page.cmd?page=WEBM_Admin_FactoryReset&confirm=yes"), wbm.KindProtocol, "may change something", 1},
		{"a redirect that logs out", redirect(302, "page.cmd?user=none"), wbm.KindProtocol, "may change something", 1},
		{"wrong", after("<p>AUTHENTICATION\n failed</p>" + loginPage), wbm.KindPassword, "says that the authentication failed", 1},
		{"wrong, without words", after(loginPage), wbm.KindPassword, "shows the login form again", 1},
		{"wrong, by cookie", func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "webm", Value: "0|0"})
				text(w, "%s", menuPage)
			}
		}, wbm.KindPassword, "no login followed", 1},
		{"wrong, by status", func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
		}, wbm.KindPassword, "with status 403", 1},
		{"locked, by status", func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusForbidden)
				text(w, "<p>Password is suspended")
			}
		}, wbm.KindLocked, "suspended", 1},
		{"not working", func(s *site) {
			s.pages["login:"+submit] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		}, wbm.KindProtocol, "status 502", 1},
		{"locked", after("<p>Password is <i>suspended</i></p>" + loginPage), wbm.KindLocked, "the last one too many", 1},
		{"locked before", start("<p>Password is suspended</p>" + loginPage), wbm.KindLocked, "nothing was sent", 0},
		{"change", after(`<form method=post>` + field + `<input type=password name=again></form>`), wbm.KindChange, "does not change passwords", 1},
		{"sent on to be sent again", redirect(307, "page.cmd?page=x"), wbm.KindProtocol, "once more", 1},
		{"led elsewhere after it", redirect(302, "https://127.0.0.2/?is=pass%26word%221"), wbm.KindForeign, "127.0.0.2/?is=[redacted]", 1},
		{"led to HTTP after it", redirect(302, "http://HOST/"), wbm.KindForeign, "http://", 1},

		{"none", start("<p>hello"), wbm.KindNoLogin, "none of the known login forms", 0},
		{"a link that does something", start(`<a href="page.cmd?page=WEBMp_Admin_Login&do=1">x</a><a href="page.cmd?page=WEBMp_Admin_Login_Reset">x</a>`), wbm.KindNoLogin, "", 0},
		{"another", start(loginForm(post, "WEBMp_User_Login", field)), wbm.KindNoLogin, "page_submit=WEBMp_User_Login and AdminPassword", 0},
		{"another field", start(loginForm(post, submit, `<input type=password name=Pin>`)), wbm.KindNoLogin, "", 0},
		{"two fields", start(loginForm(post, submit, field+`<input type=password name=b>`)), wbm.KindNoLogin, "", 0},
		{"a field that cannot be used", start(loginForm(post, submit, `<fieldset disabled>`+field+`</fieldset>`)), wbm.KindNoLogin, "", 0},
		{"two forms", start(loginPage + loginPage), wbm.KindNoLogin, "2 login forms", 0},
		{"in a template", start(`<template>` + loginPage + `</template>`), wbm.KindNoLogin, "", 0},
		{"in a comment", start(`<!--` + loginPage + `-->`), wbm.KindNoLogin, "", 0},
		{"to another host", form(`method=post action="https://127.0.0.2/page.cmd"`), wbm.KindForeign, "127.0.0.2", 0},
		{"to another host, in short", form(`method=post action="//127.0.0.2/page.cmd"`), wbm.KindForeign, "127.0.0.2", 0},
		{"to another port", form(`method=post action="https://127.0.0.1:1/page.cmd"`), wbm.KindForeign, "", 0},
		{"to the usual port", form(`method=post action="https://127.0.0.1/page.cmd"`), wbm.KindForeign, "", 0},
		{"without TLS", func(s *site) { form(`method=post action="http://` + s.address + `/page.cmd"`)(s) }, wbm.KindForeign, "", 0},
		{"with a user", func(s *site) { form(`method=post action="https://a@` + s.address + `/page.cmd"`)(s) }, wbm.KindForeign, "", 0},
		{"to a script", form(`method=post action=" java` + "\n" + `script:alert(1)"`), wbm.KindForeign, "", 0},
		{"to data", form(`method=post action="data:text/html,x"`), wbm.KindForeign, "", 0},
		{"to what cannot be read", form(`method=post action="https://[::1"`), wbm.KindForeign, "", 0},
		{"in the address", form(`action="page.cmd"`), wbm.KindForeign, "in an address", 0},
		{"base elsewhere", start(`<base href="https://127.0.0.2/"><base href="/">` + loginForm(post, submit, field)), wbm.KindForeign, "", 0},
		{"button elsewhere", start(loginForm(post, submit, field+`<button formaction="https://127.0.0.2/">Login</button>`)), wbm.KindForeign, "127.0.0.2", 0},
		{"button in the address", start(loginForm(post, submit, field+`<button formmethod=get>Login</button>`)), wbm.KindForeign, "in an address", 0},
		{"with buttons that say nothing", start(loginForm(post, submit, field+`<input type=submit name=lang value=Deutsch>`)), wbm.KindNoLogin, "several buttons", 0},
		{"packed otherwise", form(post + ` enctype="multipart/form-data"`), wbm.KindNoLogin, "multipart", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.setup(s)
			v, err := wbm.Open(t.Context(), s.address, s.options(t))
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			err = v.Login(t.Context(), secret.New(password))
			if kind(err) != c.kind || (err == nil) != (c.kind == "") {
				t.Fatalf("%v, want %q", err, c.kind)
			}
			if err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "word\"1")) {
				t.Errorf("%q, want %q", err, c.says)
			}
			if len(s.logins) != c.sent {
				t.Errorf("the password was sent %d times, want %d", len(s.logins), c.sent)
			}
			for _, seen := range s.seen {
				if strings.Contains(seen, "pass") || strings.Contains(seen, "Reset") || strings.Contains(seen, "do=") {
					t.Errorf("it asked for %q", seen)
				}
			}
		})
	}
}

// TestLatin checks that a page in ISO-8859-1 is sent the password in ISO-8859-1.
func TestLatin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pages["/index.cmd"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		_, _ = w.Write([]byte(loginForm("method=post", "WEBMp_Admin_Login", `<input type=password name=AdminPassword><input name=x value="`+"\xfc"+`">`)))
	}
	v, err := wbm.Open(t.Context(), s.address, s.options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	_ = v.Login(t.Context(), secret.New("größer"))
	if want := "page_submit=WEBMp_Admin_Login&AdminPassword=gr%F6%DFer&x=%FC"; len(s.logins) != 1 || s.logins[0] != want {
		t.Errorf("sent %q, want %q", s.logins, want)
	}
}

// TestPasswordIsEmpty checks that nothing is sent without a password.
func TestPasswordIsEmpty(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, err := wbm.Open(t.Context(), s.address, s.options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Login(t.Context(), secret.New("")); kind(err) != wbm.KindPassword || len(s.logins) != 0 {
		t.Errorf("%v, sent %q", err, s.logins)
	}
}

// TestDoubtLogsOut checks that Close logs out if somebody may be logged in, also after a login that seems to have failed.
func TestDoubtLogsOut(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]bool{
		"<p>Authentication failed":             true,
		"<p>Password is suspended":             true,
		"<p>Authentication failed" + loginPage: false,
		"<p>SIP: Authentication failed<form><input type=password name=a><input type=password name=b></form>": true,
	} {
		s := newSite(t)
		s.pages["login:WEBMp_Admin_Login"] = func(w http.ResponseWriter, _ *http.Request) { text(w, "%s", page) }
		v, err := wbm.Open(t.Context(), s.address, s.options(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Login(t.Context(), secret.New(password)); err == nil {
			t.Errorf("%s: it is no failure", page)
		}
		if _ = v.Close(); s.out != want {
			t.Errorf("%s: logged out is %t", page, s.out)
		}
	}
}
