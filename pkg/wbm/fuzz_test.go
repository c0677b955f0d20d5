package wbm

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadPage: whatever a page holds, reading it ends, and what is kept of it is bounded.
func FuzzReadPage(f *testing.F) {
	f.Add([]byte("<title>a</title><form action=x><input name=a type=file><select><option>b</select><textarea>c</textarea></form>"))
	f.Add([]byte("<meta http-equiv=refresh content='0;url=x'><base href=//a><frameset><frame src=b></frameset><div hidden><label for=a>x</label>"))
	f.Add([]byte("<a href=x>\xff<h1><p class='error success'><template><form></template><button formaction=y>"))
	f.Add([]byte("<tr><td>Part number<td>x<tr><td>MAC:<td>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 64<<10 {
			return
		}
		s := &Session{host: "phone", port: "443", origin: &url.URL{Scheme: "https", Host: "phone", Path: "/"}}
		p, err := readPage(&answer{url: s.origin, header: http.Header{}, body: body})
		if err != nil {
			return
		}
		if !utf8.ValidString(p.text) || !utf8.ValidString(p.title) || len(p.text) > 2*maxText || len(p.runs) > maxRuns || len(p.links) > maxLinks || len(p.forms) > maxForms {
			t.Fatal("more than a page may be")
		}
		for _, run := range append(p.runs, p.title, p.good, p.bad) {
			if len(run) > 2*maxRun {
				t.Fatalf("%d bytes of one run", len(run))
			}
		}
		s.facts.read(p)
		s.start = []*page{p}
		s.weigh(&Answer{}, p)
		for _, form := range p.forms {
			_ = s.judge(form)
			if u, err := s.target(form); err == nil && (u.Host != "phone" || u.Scheme != "https" || strings.ContainsAny(requestURI(u), " \r\n\x00")) {
				t.Fatalf("sends to %q", u)
			}
			for _, e := range form.entries() {
				if e.name == "" {
					t.Fatal("an entry without a name")
				}
			}
			_, _ = form.known()
			_ = s.describe(form)
		}
		for _, l := range p.links {
			if u, err := s.resolve(p.base, l.href); err == nil && (u.Host != "phone" || u.Scheme != "https" || u.User != nil || strings.ContainsAny(requestURI(u), " \r\n\x00")) {
				t.Fatalf("leads to %q", u)
			}
		}
	})
}

// FuzzBody: what is packed is what comes out again.
func FuzzBody(f *testing.F) {
	f.Add("page_submit", "WEBM_Admin_x", "file", "CP400.img", []byte("image"))
	f.Add("a\"b\r\nc", "--x\r\n\r\n", "f;=\\", "ä\" \\.img\r\nX: y", []byte("\r\n--"))
	f.Fuzz(func(t *testing.T, name, value, field, file string, content []byte) {
		if len(content) == 0 || name == "" || field == "" || !printable(quote(lines(name))+quote(lines(field))+quote(file)) {
			return // a header holds it as it stands, for browsers send it so, and nobody can read that
		}
		p := &page{}
		form := &form{page: p, controls: []*control{{kind: "hidden", name: name, value: value}, {kind: "file", name: field}, {kind: "hidden", name: name, value: "last"}}}
		b := newBody(form, Image{Name: file, Content: io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))})
		var out bytes.Buffer
		if err := b.write(&out, nil); err != nil || int64(out.Len()) != b.length() || !b.complete() {
			t.Fatalf("%d bytes of %d: %v", out.Len(), b.length(), err)
		}
		_, parameters, err := mime.ParseMediaType(b.kind())
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

// between is what stands within quotes.
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
