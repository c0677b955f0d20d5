package wbm_test

import (
	"crypto/tls"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// access is what both fill in: whatever has to be encoded is in it. The phone fetches by HTTPS from a folder.
func access(base string) wbm.Access {
	return wbm.Access{Name: "cp600.bind", BaseURL: base, Username: `ü "fw" &=+%41;*~!()'%2A`, Password: secret.New(`pä ss&w%rd+`)}
}

// TestBrowserTransfer checks that a person with a browser can have the phone fetch the image by its page, and that both send
// the same form: names, order, encoding, Referer and Origin, in each shape of the form.
func TestBrowserTransfer(t *testing.T) {
	t.Parallel()
	browser := newChromium(t)
	image := browserImage(t)
	files := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cp/cp600.bind" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(image)
	}))
	defer files.Close()
	a := access(files.URL + "/cp/")
	defaults := wbm.Access{Name: a.Name, Defaults: true}
	for name, test := range map[string]struct {
		fault  phonesim.Fault
		access wbm.Access
	}{
		"observed":           {"", a},
		"observed, defaults": {"", defaults},
		"other shape":        {"web-transfer-other-shape", a},
		"other, defaults":    {"web-transfer-other-shape", defaults},
		"one form":           {"web-transfer-one-form", a},
	} {
		config := phonesim.Config{Defaults: phonesim.Access{HTTPS: true, BaseURL: a.BaseURL}}
		if test.fault != "" {
			config.Faults = []phonesim.Fault{test.fault}
		}
		one, oneEvents := browsedAs(t, config)
		says := transferByHand(browser, one.State().WebAddress, test.access)
		version := fetched(t, one, oneEvents)
		theirs := one.State().LastTransfer
		if says != "Transfer completed successfully" || version != "V1 R9.2.0" || one.State().Changes != 0 {
			t.Errorf("%s: by hand the page says %q, and the phone runs %s after %d changes", name, says, version, one.State().Changes)
		}
		other, otherEvents := browsedAs(t, config)
		if says := transferByProgram(t, other.State().WebAddress, test.access); says != "Transfer completed successfully" {
			t.Errorf("%s: by program the page says %q", name, says)
		}
		if version := fetched(t, other, otherEvents); version != "V1 R9.2.0" || other.State().Changes != 0 {
			t.Errorf("%s: by program the phone runs %s after %d changes", name, version, other.State().Changes)
		}
		if a, b := shape(t, theirs), shape(t, other.State().LastTransfer); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: a browser sends\n%s\nand we\n%s", name, lines(a), lines(b))
		}
	}
}

// fetched waits until the phone is back, and returns what it runs.
func fetched(t *testing.T, phone *phonesim.Phone, events chan phonesim.Event) string {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e := <-events:
			if e.Kind == phonesim.NotTaken || e.Kind == phonesim.FetchEnded {
				t.Fatalf("%s: %s\n%s", e.Kind, e.Detail, lines(shape(t, phone.State().LastTransfer)))
			}
			if e.Kind == phonesim.Started {
				return phone.State().Version.String()
			}
		case <-limit:
			t.Fatalf("the phone does not restart: %+v", phone.State())
		}
	}
}

// transferByHand does what a person would, and returns the result that the page shows in the end.
func transferByHand(c *chromium, address string, a wbm.Access) string {
	c.open("https://" + address + "/")
	c.click(`document.querySelector('input[type="password"]')`)
	c.enter(phonesim.DefaultPassword)
	c.loaded(func() { c.click(`document.querySelector('form input[type="submit"]')`) })
	c.loaded(func() {
		c.click(`[...document.querySelectorAll("#menu a")].find(a => a.innerText.includes("Phone application"))`)
	})
	const form = `[...document.forms].find(f => f.innerText.includes("Filename"))`
	field := func(label string) string { // the last control of the first row that begins with the label, in whatever words
		return fmt.Sprintf(`[...%s.querySelectorAll("tr")].find(r => r.innerText.trim().replace(/^FTP (?!path)/, "").toLowerCase().startsWith(%q)).querySelector("input, select")`, form, label)
	}
	fill := func(label, text string) {
		c.click(field(label))
		c.enter(text)
	}
	choose := func(label, option string) { // by typing what the option begins with, as with a keyboard
		c.eval(field(label)+".focus()", false)
		c.enter(option)
	}
	if a.Defaults {
		c.click(field("use default"))
	} else {
		choose("download method", "HTTPS")
		fill("https base url", a.BaseURL)
		fill("username", a.Username)
		fill("password", a.Password.Reveal())
	}
	fill("filename", a.Name)
	choose("after submit", "start")
	c.loaded(func() { c.click(form + `.querySelector('input[type="submit"]')`) })
	return c.text("font[color] i")
}

// transferByProgram does the same with this package, and returns what the page answers.
func transferByProgram(t *testing.T, address string, a wbm.Access) string {
	t.Helper()
	session, err := wbm.Open(t.Context(), address, wbm.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}})
	noProblem(t, err)
	defer session.Close()
	noProblem(t, session.Login(t.Context(), secret.New(phonesim.DefaultPassword)))
	form, err := session.FindTransfer(t.Context())
	noProblem(t, err)
	submission, err := session.Prepare(t.Context(), form, a)
	noProblem(t, err)
	answer, err := submission.Send(t.Context())
	noProblem(t, err)
	return answer.Words
}

// shape is what can be compared of a request: all but the token, where the page is, and what separates parts.
func shape(t *testing.T, u *phonesim.Upload) []string {
	t.Helper()
	if u == nil || len(u.Parts) < 12 {
		t.Fatalf("the request is not known: %+v", u)
	}
	kind, _, err := mime.ParseMediaType(u.ContentType)
	noProblem(t, err)
	origin, err := url.Parse(u.Origin)
	if err != nil || origin.Host == "" {
		t.Errorf("the origin is %q", u.Origin)
	}
	all := []string{u.Method + " " + u.Path, kind, strings.Replace(u.Origin, origin.Host, "PHONE", 1), strings.Replace(u.Referer, origin.Host, "PHONE", 1)}
	for _, p := range u.Parts {
		if p.Name == "WEBMv_Admin_Token" {
			p.Value, p.Encoded, p.Length = "", "", 0
		}
		all = append(all, fmt.Sprintf("%+v", p))
	}
	if kind == "application/x-www-form-urlencoded" { // its length depends on the token alone
		for _, p := range u.Parts {
			if p.Name == "WEBMv_Admin_Token" {
				return append(all, fmt.Sprintf("%d bytes besides the token", u.Length-p.Length))
			}
		}
		return append(all, fmt.Sprintf("%d bytes", u.Length))
	}
	return all
}
