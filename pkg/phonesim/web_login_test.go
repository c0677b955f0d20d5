package phonesim_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestPassword: a wrong password is one, and three suspend the right one too.
func TestPassword(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		c := cp600()
		c.Web, c.Password, c.Suspension = "127.0.0.1:0", "päss & word", time.Hour
		p := start(t, c)
		b := visit(t, p)
		for _, test := range []struct{ password, want string }{
			{"123456", "Authentication failed"},
			{"", "Authentication failed"},
			{c.Password, ""}, // which forgives the others
			{"1", "Authentication failed"},
			{"2", "Authentication failed"},
			{"3", "Authentication failed"},
			{c.Password, "Password is suspended"},
		} {
			if got := b.try(test.password); got != test.want {
				t.Errorf("to %q it says %q, want %q", test.password, got, test.want)
			}
		}
		if got := p.State().Logins; got != 1 {
			t.Errorf("%d logins", got)
		}
	})
}

// TestSuspensionEnds: after some time the password is taken again.
func TestSuspensionEnds(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		c := cp600()
		c.Web, c.Suspension = "127.0.0.1:0", 5*time.Minute
		p := start(t, c)
		b := visit(t, p)
		for range 3 {
			b.try("wrong")
		}
		time.Sleep(c.Suspension - time.Second)
		if got := b.try(phonesim.DefaultPassword); got != "Password is suspended" {
			t.Errorf("before that it says %q", got)
		}
		time.Sleep(time.Second)
		if got := b.try(phonesim.DefaultPassword); got != "" {
			t.Errorf("after that it says %q", got)
		}
	})
}

// try sends a password, and returns what is wrong with it.
func (b *browser) try(password string) string {
	b.t.Helper()
	return class(b.post("page_submit", "WEBMp_Admin_Login", "AdminPassword", password), "error")
}

// TestSession: who has not logged in sees nothing, nor who has logged out; the cookie says so.
func TestSession(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		p := withPage(t)
		b, stranger := visit(t, p), visit(t, p)
		cookie := func(b *browser, path string) string {
			t.Helper()
			got, err := b.do(http.MethodGet, path, "", nil)
			fatal(t, err)
			return got.cookie
		}
		if got := cookie(b, "/index.cmd?user=Admin"); got != "webm=0|0; path=/" {
			t.Errorf("a stranger's cookie is %q", got)
		}
		b.logIn()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base, nil)
		fatal(t, err)
		if got := find(b.client.Jar.Cookies(request.URL)[0].Value, `^([1-9]\d*\|[1-9]\d*)$`); got == "" {
			t.Errorf("the cookie is %v", b.client.Jar.Cookies(request.URL))
		}
		for _, path := range []string{applicationPage, "/page.cmd", "/page.cmd?page=WEBM_Admin_Overview&lang=de", "/index.cmd?user=Admin"} {
			if text := b.get(path); strings.Contains(text, "AdminPassword") || !strings.Contains(text, `id="menu"`) {
				t.Errorf("%s: who has logged in sees\n%s", path, text)
			}
			if text := stranger.get(path); !strings.Contains(text, "AdminPassword") || strings.Contains(text, `id="menu"`) || strings.Contains(text, "R4.9.0") {
				t.Errorf("%s: a stranger sees\n%s", path, text)
			}
		}
		if got := cookie(b, "/page.cmd?user=none"); got != "webm=0|0; path=/" {
			t.Errorf("after the logout the cookie is %q", got)
		}
		p.await(phonesim.LoggedOut)
		if text := b.get(applicationPage); !strings.Contains(text, "AdminPassword") {
			t.Errorf("who has logged out sees\n%s", text)
		}
		if got, err := b.do(http.MethodGet, "/elsewhere", "", nil); err != nil || got.status != http.StatusNotFound {
			t.Errorf("elsewhere: %v", err)
		}
		for range 20 { // the oldest make room
			visit(t, p).logIn()
		}
		if got := p.State().Logins; got != 21 {
			t.Errorf("%d logins", got)
		}
	})
}

// TestTitles: the title names the family.
func TestTitles(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		for device, want := range map[string]string{
			"OpenScape Desk Phone CP200": "OpenScape Desk Phone CP Admin", "OpenStage 40": "OpenStage IP Phone Admin",
			"OpenScape Desk Phone IP 55G": "OpenScape Desk Phone IP Admin", "<b>": "<b> Admin",
		} {
			c := cp600()
			c.Web, c.DeviceType = "127.0.0.1:0", device
			if got := find(visit(t, start(t, c)).get("/index.cmd"), `<title>(.*)</title>`); strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(got) != want ||
				strings.Contains(got, "<") {
				t.Errorf("%s: %q, want %q", device, got, want)
			}
		}
	})
}

// TestForms: what else can be set counts, and a restart is one that drops the connection.
func TestForms(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		p := withPage(t)
		b := visit(t, p)
		submit := []string{"page_submit", "WEBM_Admin_DateAndTime", "value", "x"}
		if b.post(submit...); p.State().Changes != 0 {
			t.Error("a stranger has set something")
		}
		b.logIn()
		if got := class(b.post(submit...), "success"); got == "" || p.State().Changes != 1 {
			t.Errorf("it says %q", got)
		}
		if e := p.await(phonesim.Changed); e.Detail != "WEBM_Admin_DateAndTime" {
			t.Errorf("%s was changed", e.Detail)
		}
		_, body := b.form("/page.cmd?page=WEBM_Admin_Logo&lang=en", []byte("a logo"))
		boundary, _, _ := strings.Cut(strings.TrimPrefix(string(body), "--"), "\r\n")
		if got, err := b.do(http.MethodPost, "/page.cmd", "multipart/form-data; boundary="+boundary, bytes.NewReader(body)); err != nil ||
			class(got.text, "success") != "Transfer completed successfully" {
			t.Errorf("to a logo it says %q, %v", got.text, err)
		}
		if e := p.await(phonesim.Changed); e.Detail != "WEBM_Admin_Logo" || p.State().Uploads != 0 {
			t.Errorf("%s was changed", e.Detail)
		}
		_, err := b.do(http.MethodPost, "/page.cmd", "application/x-www-form-urlencoded", strings.NewReader("page_submit=WEBM_Admin_Restart"))
		if err == nil {
			t.Error("it answers, though it restarts")
		}
		p.await(phonesim.Started)
		if got := p.State(); got.Version.String() != "V1 R4.9.0" || got.Restarts != 1 {
			t.Errorf("it is %+v", got)
		}
	})
}
