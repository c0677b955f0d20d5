package phonesim_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

func testNoContactPort(t *world, fault string) {
	p := withPage(t, fault)
	if conn, err := t.dial(p.Address()); err == nil {
		t.Errorf("somebody listens: %v", conn.Close())
	}
	b := visit(t, p)
	if got, err := b.do(http.MethodGet, "/contact_dls.html/ContactDLS?ContactMe=true", "", nil); err != nil || got.status != http.StatusNotFound {
		t.Errorf("its web page takes contacts: %v", err)
	}
	b.logIn()
	_, err := b.upload(cpb(t, nil))
	fatal(t, err)
	p.await(phonesim.Started)
	if got := p.State().Version.String(); got != "V1 R9.2.0" {
		t.Errorf("it runs %s", got)
	}
}

// refusedTLS tries a page with a config that it does not go with, and then with one that it does.
func refusedTLS(t *world, fault string, newer, old *tls.Config) *watched {
	t.Helper()
	p := withPage(t, fault)
	if _, err := visitTLS(t, p, newer).do(http.MethodGet, "/", "", nil); err == nil {
		t.Error("it speaks something newer")
	}
	if text := visitTLS(t, p, old).get("/index.cmd?user=Admin"); !strings.Contains(text, "AdminPassword") {
		t.Errorf("it shows\n%s", text)
	}
	return p
}

func testWebTLS10(t *world, fault string) {
	refusedTLS(t, fault, &tls.Config{MinVersion: tls.VersionTLS11}, &tls.Config{MinVersion: tls.VersionTLS10})
}

func testWebRSA(t *world, fault string) {
	p := refusedTLS(t, fault, &tls.Config{MinVersion: tls.VersionTLS12},
		&tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}})
	both := withPage(t, fault, "web-tls-1.0")
	old := &tls.Config{MinVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}}
	if visitTLS(t, both, old).get("/index.cmd?user=Admin"); p.State().Logins != 0 {
		t.Error("somebody has logged in")
	}
}

func testWebRedirect(t *world, fault string) {
	b := visit(t, withPage(t, fault))
	got, err := b.do(http.MethodGet, "/index.cmd?user=Admin", "", nil)
	fatal(t, err)
	if got.status != http.StatusFound || !strings.HasPrefix(got.location, "http://") {
		t.Errorf("it answers %d, %q", got.status, got.location)
	}
}

func testWebSlow(t *world, fault string) {
	b := visit(t, withPage(t, fault))
	b.client.Timeout = 30 * time.Second
	if _, err := b.do(http.MethodGet, "/index.cmd?user=Admin", "", nil); err == nil {
		t.Error("the page comes")
	}
	b.client.Timeout = time.Hour
	if text := b.logIn(); !strings.Contains(text, "V1 R4.9.0") {
		t.Errorf("the other pages are slow too:\n%s", text)
	}
}

func testWebLogin(field string) func(*world, string) {
	return func(t *world, fault string) {
		p := withPage(t, fault)
		b := visit(t, p)
		index := b.get("/index.cmd?user=Admin")
		if text := b.get("/" + find(index, `name="content" src="([^&]*)`)); !strings.Contains(text, `value="WEBMp_AdminLogin"`) || !strings.Contains(text, `name="`+field+`"`) {
			t.Errorf("the start page is\n%s\nand its frame\n%s", index, text)
		}
		if text := b.logIn(); strings.Contains(text, "V1 R4.9.0") || strings.Contains(text, "failed") {
			t.Errorf("to the newer form it answers\n%s", text)
		}
		if text := b.post("page_submit", "WEBMp_AdminLogin", field, "123456"); !strings.Contains(text, "V1 R4.9.0") {
			t.Errorf("to its own it answers\n%s", text)
		}
		if text := b.get("/page.cmd?page=WEBMp_Admin_Menu&lang=en"); !strings.Contains(text, "Phone application") {
			t.Errorf("the frame of the menu is\n%s", text)
		}
		if got := p.State().Logins; got != 1 {
			t.Errorf("%d have logged in", got)
		}
	}
}

func testWebSuspended(t *world, fault string) {
	p := withPage(t, fault)
	if got := class(visit(t, p).logIn(), "error"); got != "Password is suspended" {
		t.Errorf("it answers %q", got)
	}
	if e := p.await(phonesim.NoLogin); e.Detail != "Password is suspended" {
		t.Errorf("it did not let somebody in: %s", e.Detail)
	}
	p.never(phonesim.LoggedIn)
}

func testWebChange(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	for _, text := range []string{b.logIn(), b.get(applicationPage)} {
		if class(text, "error") != "Please change the password" || !strings.Contains(text, `name="new-password"`) || strings.Contains(text, "Menu") {
			t.Errorf("it shows\n%s", text)
		}
	}
	if got := p.State().Changes; got != 0 {
		t.Errorf("%d changes", got)
	}
	if b.post("page_submit", "WEBM_Admin_ChangePassword", "new-password", "654321"); p.State().Changes != 1 {
		t.Error("a change does not count")
	}
}

func testWebNoVersion(t *world, fault string) {
	if text := visit(t, withPage(t, fault)).logIn(); strings.Contains(text, "R4.9.0") || !strings.Contains(text, "Unify HFA") {
		t.Errorf("it shows\n%s", text)
	}
}

func testWebOtherMAC(t *world, fault string) {
	p := withPage(t, fault)
	if text := visit(t, p).logIn(); strings.Contains(text, p.State().MAC) || !strings.Contains(text, "MAC address</th><td>00:1A:E8:") {
		t.Errorf("it shows\n%s", text)
	}
}

func testWebHostile(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	if text := b.logIn(); len(text) < 60_000 || !strings.Contains(text, "\x1b[2J") || !strings.Contains(text, "\u202e") {
		t.Errorf("it shows %q", cut(text))
	}
	text, err := b.upload(cpb(t, nil))
	fatal(t, err)
	if !strings.HasPrefix(class(text, "success"), "\x1b[31m") {
		t.Errorf("it answers %q", class(text, "success"))
	}
}

func testWebLoop(t *world, fault string) {
	b := visit(t, withPage(t, fault))
	text := b.logIn()
	seen := map[string]bool{}
	for range 50 {
		next := find(text, `href="(page.cmd\?page=WEBM_Admin_Menu_\d+)&amp;`)
		if next == "" || seen[next] {
			t.Fatalf("the menu ends:\n%s", text)
		}
		seen[next] = true
		text = b.get("/" + next)
	}
	if text := b.get(applicationPage); strings.Contains(text, `type="file"`) {
		t.Error("there is a form for an image")
	}
}

func testWebThousand(t *world, fault string) {
	b := visit(t, withPage(t, fault))
	text := b.logIn()
	if n := strings.Count(text, "<li>"); n < 1000 || strings.Index(text, "Option 1000") > strings.Index(text, "Phone application") {
		t.Errorf("the menu has %d entries", n)
	}
	if text := b.get("/page.cmd?page=WEBM_Admin_Option_1000&lang=en"); !strings.Contains(text, "nothing to set") {
		t.Errorf("it shows\n%s", text)
	}
}

// testWebFiles counts the fields for files on the page for the phone application and on that for a logo.
func testWebFiles(application, logo int, action string) func(*world, string) {
	return func(t *world, fault string) {
		b := visit(t, withPage(t, fault))
		b.logIn()
		text := b.get(applicationPage)
		if got := strings.Count(text, `type="file"`); got != application {
			t.Errorf("%d on the page for the phone application", got)
		}
		if got := find(text, `action="([^"]*)"`); got != action {
			t.Errorf("the form leads to %s", got)
		}
		if got := strings.Count(b.get("/page.cmd?page=WEBM_Admin_Logo"), `type="file"`); got != logo {
			t.Errorf("%d on the page for a logo", got)
		}
	}
}
