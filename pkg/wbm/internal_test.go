package wbm

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// read reads a page that stands at a phone's address.
func read(t testing.TB, text string) *page {
	t.Helper()
	p, err := readPage(&answer{url: &url.URL{Scheme: "https", Host: "phone", Path: "/page.cmd"}, header: http.Header{}, body: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEntries: what a form sends, as browsers fill it in.
func TestEntries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, form, want string }{
		{"in order", `<input name=b value=1><input type=hidden name=a value=2>`, "b=1&a=2"},
		{"unknown kinds are text", `<input type=colour name=a value=1>`, "a=1"},
		{"without a name", `<input value=1><input name="" value=2>`, ""},
		{"disabled", `<input disabled name=a value=1><fieldset disabled><input name=b><textarea name=c></textarea></fieldset><input name=d>`, "d="},
		{"boxes", `<input type=checkbox name=a><input type=checkbox name=b checked value=x><input type=radio name=c value=1><input type=radio name=c value=2 checked>`, "b=x&c=2"},
		{"buttons", `<button type=button name=x>1</button><input type=reset name=y><button name=a value=1>A</button>`, "a=1"},
		{"the button that sends", `<button name=a value=1>Restore</button><button name=b value=2>Upload</button><input type=submit name=c value=Help>`, "b=2"},
		{"two buttons that send", `<button name=a value=1>Upload</button><input type=submit name=b value=Send>`, ""},
		{"two buttons that say nothing", `<button name=a value=1>A</button><input type=submit name=b value=2>`, ""},
		{"a picture that sends", `<input type=submit name=a value=Cancel><input type=image name=i alt=Upload>`, "i.x=0&i.y=0"},
		{"options that are left open", `<select name=a><option>x<optgroup><option selected>y</select>Logo<select name=b><option>z</select>Logo`, "a=y&b=z"},
		{"a button that cannot be used", `<input type=submit name=a disabled><input type=submit name=b value=2>`, "b=2"},
		{"a picture", `<input type=image name=i value=3>`, "i.x=0&i.y=0"},
		{"a picture without a name", `<input type=image>`, "x=0&y=0"},
		{"selection", `<select name=a><option value=1>x<option selected value=2>y<option>z</select>`, "a=2"},
		{"first of a selection", `<select name=a><option disabled value=0><option> the  first </option><option value=2></select>`, "a=the+first"},
		{"last of a selection", `<select name=a><option selected value=1><option selected value=2></select>`, "a=2"},
		{"many of a selection", `<select multiple name=a><option selected value=1><option value=3><option selected value=2></select>`, "a=1&a=2"},
		{"none of a selection", `<select multiple name=a><option value=1></select><select name=b></select>`, ""},
		{"an area", "<textarea name=a>\n\nx\r\ny<b></textarea>", "a=%0D%0Ax%0D%0Ay%3Cb%3E"},
		{"of another form", `<input form=g name=a><input form=nowhere name=b><input form=f name=c>`, "c="},
		{"in a template", `<template><input name=a></template><noscript><input name=b></noscript><!--<input name=c>-->`, ""},
		{"that is hidden is sent all the same", `<div style="display:none"><input name=a value=1></div>`, "a=1"},
		{"first of two alike", `<input name=a NAME=b value=1 value=2>`, "a=1"},
		{"entities", `<input name="a&amp;b" value="&#228;&lt;">`, "a%26b=%C3%A4%3C"},
		{"a form in it", `<form><input name=a></form>`, "a="},
		{"a password as it stands", `<input type=password name=a value=x>`, "a=x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := read(t, `<form id=f>`+c.form+`</form><form id=g></form>`)
			if got := string(urlEncoded(p, p.forms[0].entries())); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestResolve: what is on the phone, and what is elsewhere.
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
			got = requestURI(u)
		}
		if got != c.want {
			t.Errorf("%s on port %s: %q, want %q", c.reference, c.port, got, c.want)
		}
	}
}

// TestSeen: what somebody sees of a page.
func TestSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ page, want string }{
		{"a<b>b</b>c <i> d</i>\n\n<p>e<br>f", "abc d e f"},
		{"a<script>b</script><style>c</style><title>d</title><textarea>e</textarea><select><option>f</select>g", "a g"},
		{"<div hidden>a<div>b</div>c</div>d", "d"},
		{"<p style='Display : None'>a<p>b", "b"},
		{"<input hidden>a", "a"},
		{"a&nbsp;&nbsp;b&lt;c", "a b<c"},
		{"<noscript>a</noscript><noframes>b</noframes><iframe>c</iframe>d", "d"},
		{"a<plaintext>b", "a"},
		{"</b></form></p>a</html>b", "a b"},
		{"<a", ""},
	} {
		if got := strings.TrimSpace(read(t, c.page).text); got != c.want {
			t.Errorf("%s: %q, want %q", c.page, got, c.want)
		}
	}
}

// TestFacts: what pages say of the phone.
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
		{"the first title", []string{"<title> A\n B</title><title>C</title>", "<title>D</title>"}, Facts{Title: "A B"}},
		{"a long one", []string{"<p>MAC: " + strings.Repeat("a", 300)}, Facts{MAC: strings.Repeat("a", 200)}},
		{"a label in a sentence", []string{"<p>The software version of others: V1"}, Facts{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := factList{}
			for _, text := range c.pages {
				l.read(read(t, text))
			}
			if got := l.facts(secret{}); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestMention: words are found apart and together, and not within others by chance.
func TestMention(t *testing.T) {
	t.Parallel()
	words := []string{"phone application", "ring", "certificate", "ring file"}
	for text, want := range map[string]string{
		"WEBM_Admin_PhoneApplication": "phone application", "phoneapplication": "phone application", "Phone  Applications!": "phone application",
		"phone-application-2": "phone application", "HTTPCertificate": "certificate", "webmcertificates": "certificate", "Rings": "ring", "RingFile": "ring",
		"string": "", "phone": "", "application phone": "", "": "", "spring-file": "",
	} {
		if got := mention(text, words); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestSecret: a password is found in whatever way a page repeats it, and is not told by printing.
func TestSecret(t *testing.T) {
	t.Parallel()
	const password = "a b&c\"d/é"
	s := newSecret(password)
	for _, text := range []string{
		password, "a+b%26c%22d%2F%C3%A9", "a+b%26c%22d%2f%c3%a9", "a%20b&c%22d%2F%C3%A9", "a b&amp;c&#34;d/é", "a b&amp;c&quot;d/é", `a b&c\"d/é`,
		"%61%20%62%26%63%22%64%2F%C3%A9", "%61%20%62%26%63%22%64%2f%c3%a9", "a+b%26c%22d%2F%E9",
	} {
		if got := s.scrub("<" + text + ">"); got != "<***>" {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if got := s.scrub("a b&c is no password, nor is a b"); got != "a b&c is no password, nor is a b" {
		t.Errorf("%q", got)
	}
	other := s.and(newSecret("other")).and(newSecret(""))
	if got := other.scrub("other and " + password); got != "*** and ***" {
		t.Errorf("%q", got)
	}
	session, options := &Session{secret: s}, Options{Secret: password}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		text := fmt.Sprintf(format, s) + fmt.Sprintf(format, session) + fmt.Sprintf(format, *session) + fmt.Sprintf(format, options) + fmt.Sprintf(format, &options)
		if strings.Contains(text, "c\"d") || strings.Contains(text, `c\"d`) || strings.Contains(text, fmt.Sprintf("%x", "c\"d")) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
