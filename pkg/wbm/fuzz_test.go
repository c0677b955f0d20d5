package wbm

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// FuzzReadPage checks that no page sends a form or a link away from the phone.
func FuzzReadPage(f *testing.F) {
	f.Add([]byte("<title>a</title><form action=x><input name=a type=file><select><option>b</select><textarea>c</textarea></form>"))
	f.Add([]byte("<meta http-equiv=refresh content='0;url=x'><base href=//a><frameset><frame src=b></frameset><div hidden><label for=a>x</label>"))
	f.Add([]byte("<a href=x>\xff<h1><p class='error success'><template><form></template><button formaction=y>"))
	f.Add([]byte("<tr><td>Part number<td>x<tr><td>MAC:<td>"))
	f.Add([]byte("<form method=post><label>Filename <input name=f></label><label>Method<select name=m><option>FTP</select></label><select name=s><option>start download</select></form><font color=red>Transfer failed</font>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 64<<10 {
			return
		}
		s := &Session{host: "phone", port: "443", origin: &url.URL{Scheme: "https", Host: "phone", Path: "/"}}
		p, err := htmlform.Read(s.origin, "", body)
		if err != nil {
			return
		}
		s.facts.add(p)
		s.start = []*htmlform.Page{p}
		s.classifyAnswer(&Answer{}, p)
		result := Answer{}
		if (&Submission{session: s, before: &htmlform.Page{}}).classify(&result, p); result.Completed && result.Refusal || len(result.Words) > maxWords+len("[redacted]") {
			t.Fatalf("%+v", result)
		}
		for _, form := range p.Forms {
			if u, err := s.target(form); err == nil && (u.Host != "phone" || u.Scheme != "https" || strings.ContainsAny(u.RequestURI(), " \r\n\x00")) {
				t.Fatalf("sends to %q", u)
			}
			_, _ = loginKindOf(form)
			if transferForm().field(form) != nil && transferForm().objection(form) == "" {
				_ = s.fill(form, Access{Name: "a", Server: "b"})
				if kind, text := encode(form); kind == htmlform.URLEncoded && bytes.ContainsAny(text, " \r\n\x00") {
					t.Fatalf("it sends %q", text)
				}
			}
			_ = s.describe(form)
		}
		for _, l := range p.Links {
			if u, err := s.resolve(p.Base, l.Href); err == nil && (u.Host != "phone" || u.Scheme != "https" || u.User != nil || strings.ContainsAny(u.RequestURI(), " \r\n\x00")) {
				t.Fatalf("leads to %q", u)
			}
		}
	})
}

// FuzzBanner checks that what is taken from a banner is bounded, and that a value is no label.
func FuzzBanner(f *testing.F) {
	f.Add([]byte("<td class=part_4>OpenStage 40<td><table><tr><td>Phone number<td>1<tr><td>Phone IPv4 address<td><tr><td>DNS name<td>x"))
	f.Add([]byte("<p class='part_4'>\xe9<p>phone number:<p>DNS name<p>dns name"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &Session{origin: &url.URL{Scheme: "https", Host: "phone", Path: "/"}}
		p, err := htmlform.Read(s.origin, "", body)
		if err != nil {
			return
		}
		b := s.banner(p)
		for _, value := range []string{b.Model, b.Number, b.IPv4, b.IPv6, b.Name} {
			if len(value) > maxText+len("...") || !utf8.ValidString(value) {
				t.Fatalf("it says %q", value)
			}
		}
		for _, value := range []string{b.Number, b.IPv4, b.IPv6, b.Name} {
			if label(value) == "dns name" || label(value) == "phone number" {
				t.Fatalf("a label is a value: %+v", b)
			}
		}
	})
}

// FuzzBody checks that what is encoded decodes to the same.
func FuzzBody(f *testing.F) {
	f.Add("page_submit", "WEBM_Admin_x", "file", "CP400.img", []byte("image"))
	f.Add("a\"b\r\nc", "--x\r\n\r\n", "f;=\\", "ä\" \\.img\r\nX: y", []byte("\r\n--"))
	f.Fuzz(func(t *testing.T, name, value, field, file string, content []byte) {
		if len(content) == 0 || name == "" || field == "" || !printable(quote(lines(name))+quote(lines(field))+quote(file)) {
			return // a header holds it as it stands, for browsers send it so, and nobody can read that
		}
		form := &htmlform.Form{Page: &htmlform.Page{}, Controls: []*htmlform.Control{
			{Kind: "hidden", Name: name, Value: value}, {Kind: "file", Name: field}, {Kind: "hidden", Name: name, Value: "last"},
		}}
		b := newBody(form, Image{Name: file, Content: io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))})
		var out bytes.Buffer
		b.start()
		if _, err := io.Copy(&out, b); err != nil || int64(out.Len()) != b.length {
			t.Fatalf("%d bytes of %d: %v", out.Len(), b.length, err)
		}
		_, parameters, err := mime.ParseMediaType(b.mediaType)
		if err != nil {
			t.Fatal(err)
		}
		reader := multipart.NewReader(&out, parameters["boundary"])
		want := [][]string{{quote(lines(name)), "", lines(value)}, {quote(lines(field)), quote(file), string(content)}, {quote(lines(name)), "", "last"}}
		for i := range want {
			part, err := reader.NextRawPart()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(part)
			if err != nil {
				t.Fatal(err)
			}
			is := []string{between(part.Header.Get("Content-Disposition"), ` name="`), between(part.Header.Get("Content-Disposition"), `; filename="`), string(got)}
			if !reflect.DeepEqual(is, want[i]) {
				t.Fatalf("part %d is %q, want %q", i, is, want[i])
			}
		}
		if _, err := reader.NextRawPart(); err != io.EOF {
			t.Fatalf("more parts: %v", err)
		}
	})
}

// lines ends every line as forms send it.
func lines(text string) string {
	return strings.ReplaceAll(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n", "\r\n")
}

// between returns what stands within quotes.
func between(text, front string) string {
	_, rest, _ := strings.Cut(text, front)
	inside, _, _ := strings.Cut(rest, `"`)
	return inside
}

// printable reports whether a header can hold a text as it stands.
func printable(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c == 0x7F {
			return false
		}
	}
	return true
}
