package wbm

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// read reads a page that stands at a phone's address.
func read(t testing.TB, text string) *htmlform.Page {
	t.Helper()
	p, err := htmlform.Read(&url.URL{Scheme: "https", Host: "phone", Path: "/page.cmd"}, "", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestResolve checks which addresses are on the phone, and which are elsewhere.
func TestResolve(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ port, reference, want string }{
		{"443", "page.cmd?page=a b#c", "/dir/page.cmd?page=a%20b"},
		{"443", "", "/dir/index.cmd"},
		{"443", "/", "/"},
		{"443", "https://PHONE:443", "/"},
		{"443", " //phone/x\n", "/x"},
		{"443", `\\phones\x`, "/dir/%5C%5Cphones%5Cx"},
		{"443", "?a=\"<ü>`", "/dir/index.cmd?a=%22%3C%C3%BC%3E%60"},
		{"443", "../../x", "/x"},
		{"443", "https://phone:8443/", ""},
		{"8443", "https://phone:8443/x", "/x"},
		{"8443", "https://phone/x", ""},
		{"8443", "https://other:8443/x", ""},
		{"8443", "//other:8443/x", ""},
		{"8443", "https://phone.:8443/x", ""},
		{"8443", "https://phone.other:8443/x", ""},
		{"8443", "https://phone@other:8443/x", ""},
		{"8443", "https://u@phone:8443/x", ""},
		{"8443", "http://phone:8443/x", ""},
		{"8443", "https:phone", ""},
		{"8443", "javascript:x", ""},
		{"8443", "\x01", ""},
		{"8443", "https://[", ""},
	} {
		s := &Session{host: "phone", port: c.port, origin: &url.URL{Scheme: "https", Host: "phone:" + c.port}}
		base := &url.URL{Scheme: "https", Host: "phone:" + c.port, Path: "/dir/index.cmd"}
		got := ""
		if u, err := s.resolve(base, c.reference); err == nil {
			got = u.RequestURI()
		}
		if got != c.want {
			t.Errorf("%s on port %s: %q, want %q", c.reference, c.port, got, c.want)
		}
	}
}

// TestFacts checks what pages say of the phone.
func TestFacts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		pages []string
		want  Facts
	}{
		{"a table", []string{"<table><tr><th>Part number<td> S1 <tr><td>MAC<td>aa:bb</table>"}, Facts{PartNumber: "S1", MAC: "aa:bb"}},
		{"a list", []string{"<dl><dt>Device type:</dt><dd>CP400</dd></dl>"}, Facts{Device: "CP400"}},
		{"a line", []string{"<p>Software Version: V1 R2<p>SOFTWARE TYPE : <b>Unify</b> SIP"}, Facts{Version: "V1 R2", SoftwareType: "Unify SIP"}},
		{"a field", []string{"<label>MAC address</label><br><input readonly value=aa>"}, Facts{MAC: "aa"}},
		{"nothing beside it", []string{"<table><tr><td>Part number<td><tr><td>x<td>y</table>"}, Facts{}},
		{"a label beside it", []string{"<tr><td>Part number<td>MAC address<td>aa"}, Facts{MAC: "aa"}},
		{"a password beside it", []string{"<tr><td>Part number<td><input type=password value=x>"}, Facts{}},
		{"the same twice", []string{"<p>MAC: a", "<p>MAC: a"}, Facts{MAC: "a"}},
		{"two values", []string{"<p>MAC: a", "<p>MAC: b", "<p>MAC: b"}, Facts{}},
		{"the same with other spaces", []string{"<p>Software version: V1&nbsp;&nbsp; R4.9.0", "<p>Software version: V1 R4.9.0"}, Facts{Version: "V1 R4.9.0"}},
		{"the first title", []string{"<title> A\n B</title><title>C</title>", "<title>D</title>"}, Facts{Title: "A B"}},
		{"a long one", []string{"<p>MAC: " + strings.Repeat("a", 300)}, Facts{MAC: strings.Repeat("a", 200)}},
		{"a label in a sentence", []string{"<p>The software version of others: V1"}, Facts{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := factList{}
			for _, text := range c.pages {
				l.add(read(t, text))
			}
			if got := l.facts(secret.Redactor{}); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestSecret checks that a password is found in every form in which a page repeats it, and that nothing prints it.
func TestSecret(t *testing.T) {
	t.Parallel()
	const password = "a b&c\"d/é"
	s := &Session{redactor: secret.NewRedactor(secret.New(password))}
	for _, text := range []string{
		password, "a+b%26c%22d%2F%C3%A9", "a+b%26c%22d%2f%c3%a9", "a%20b&c%22d%2F%C3%A9", "a b&amp;c&#34;d/é", "a b&amp;c&quot;d/é", `a b&c\"d/é`,
		"%61%20%62%26%63%22%64%2F%C3%A9", "%61%20%62%26%63%22%64%2f%c3%a9", "a+b%26c%22d%2F%E9",
	} {
		if got := s.redactor.Scrub("<" + text + ">"); got != "<[redacted]>" {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if got := s.redactor.Scrub("a b&c is no password, nor is a b"); got != "a b&c is no password, nor is a b" {
		t.Errorf("%q", got)
	}
	both := secret.NewRedactor(secret.New(password), secret.New("other"), secret.New(""), secret.Secret{})
	if got := both.Scrub("other and " + password); got != "[redacted] and [redacted]" {
		t.Errorf("%q", got)
	}
	options := Options{Secrets: []secret.Secret{secret.New(password)}}
	s.o = options
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		text := fmt.Sprintf(format, s) + fmt.Sprintf(format, *s) + fmt.Sprintf(format, options) + fmt.Sprintf(format, &options)
		if strings.Contains(text, "c\"d") || strings.Contains(text, `c\"d`) || strings.Contains(text, fmt.Sprintf("%x", "c\"d")) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// TestBody checks the bytes of a form with an image: they are those of a browser.
func TestBody(t *testing.T) {
	t.Parallel()
	p := read(t, `<form><input type=hidden name='a"' value="x&#10;y"><input type=file name=f><input type=file name=g><input name=b value=1></form>`)
	b := newBody(p.Forms[0], Image{Name: "a\r\n.img", Content: io.NewSectionReader(strings.NewReader("image"), 0, 5)})
	b.start()
	text, err := io.ReadAll(b)
	boundary, _ := strings.CutPrefix(b.mediaType, "multipart/form-data; boundary=")
	want := strings.ReplaceAll(strings.ReplaceAll(`--B
Content-Disposition: form-data; name="a%22"

x
y
--B
Content-Disposition: form-data; name="f"; filename="a%0D%0A.img"
Content-Type: application/octet-stream

image
--B
Content-Disposition: form-data; name="g"; filename=""
Content-Type: application/octet-stream


--B
Content-Disposition: form-data; name="b"

1
--B--
`, "\n", "\r\n"), "--B", "--"+boundary)
	if err != nil || string(text) != want || b.length != int64(len(want)) {
		t.Errorf("%d bytes are announced, %v:\n%s", b.length, err, text)
	}
}

// TestAnswerBeforeWriteReturns checks that an answer to the whole image does not count as early because it is here before
// the write of the last bytes has returned.
func TestAnswerBeforeWriteReturns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given    int64 // to the connection, of 10 bytes
		sent     bool  // after a second
		waits    time.Duration
		complete bool
	}{
		{9, false, 0, false},
		{10, true, time.Second, true},
		{10, false, refusalGrace, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &body{length: 10, completed: make(chan struct{}), limitAnswer: func(bool) {}}
			b.given.Store(c.given)
			if c.sent {
				time.AfterFunc(time.Second, b.wrote)
			}
			begun := time.Now()
			b.await(refusalGrace)
			if waited := time.Since(begun); waited != c.waits || b.complete.Load() != c.complete {
				t.Errorf("%+v: waited %s, complete %t", c, waited, b.complete.Load())
			}
		})
	}
}
