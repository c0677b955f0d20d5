package htmlform

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzRead checks that reading a page ends, whatever it holds, and that what is kept of it is bounded.
func FuzzRead(f *testing.F) {
	f.Add([]byte("<title>a</title><form action=x><input name=a type=file><select><option>b</select><textarea>c</textarea></form>"))
	f.Add([]byte("<meta http-equiv=refresh content='0;url=x'><base href=//a><frameset><frame src=b></frameset><div hidden><label for=a>x</label>"))
	f.Add([]byte("<a href=x>\xff<h1><p class='error success'><template><form></template><button formaction=y>"))
	f.Add([]byte("<tr><td>Part number<td>x<tr><td>MAC:<td>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 64<<10 {
			return
		}
		p, err := Read(&url.URL{Scheme: "https", Host: "phone", Path: "/"}, "", body)
		if err != nil {
			if p != nil {
				t.Fatal("an error came with a page")
			}
			return
		}
		if !utf8.ValidString(p.Text) || !utf8.ValidString(p.Title) || len(p.Text) > 2*MaxText || len(p.Cells) > MaxCells || len(p.Links) > MaxLinks || len(p.Forms) > MaxForms {
			t.Fatal("more than a page may be")
		}
		for _, cell := range append(p.Cells, p.Title, p.Success, p.Failure) {
			if len(cell) > 2*MaxCell {
				t.Fatalf("%d bytes of one cell", len(cell))
			}
		}
		for _, form := range p.Forms {
			_ = form.Classify([]*Page{p})
			if u, err := form.Target(); err == nil {
				check(t, u)
			}
			for _, field := range form.Fields() {
				if field.Name == "" {
					t.Fatal("a field without a name")
				}
			}
			_ = form.Signature()
		}
		for _, l := range p.Links {
			if u, err := Resolve(p.Base, l.Href); err == nil {
				check(t, u)
				_ = IsSafe(u)
				_ = LinkScore(PageKey(u), l.Text)
			}
		}
	})
}

// check checks that an address can be requested.
func check(t *testing.T, u *url.URL) {
	t.Helper()
	if strings.ContainsAny(u.RequestURI(), " \r\n\x00") {
		t.Fatalf("leads to %q", u)
	}
}
