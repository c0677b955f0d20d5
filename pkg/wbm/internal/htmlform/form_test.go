package htmlform

import (
	"net/url"
	"strings"
	"testing"
)

// read reads a page that stands at a phone's address.
func read(t testing.TB, text string) *Page {
	t.Helper()
	p, err := Read(&url.URL{Scheme: "https", Host: "phone", Path: "/page.cmd"}, "", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFields checks what a form sends, as browsers fill it in.
func TestFields(t *testing.T) {
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
		{"a hidden one is sent anyway", `<div style="display:none"><input name=a value=1></div>`, "a=1"},
		{"first of two alike", `<input name=a NAME=b value=1 value=2>`, "a=1"},
		{"entities", `<input name="a&amp;b" value="&#228;&lt;">`, "a%26b=%C3%A4%3C"},
		{"a form in it", `<form><input name=a></form>`, "a="},
		{"a password as it stands", `<input type=password name=a value=x>`, "a=x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := read(t, `<form id=f>`+c.form+`</form><form id=g></form>`)
			if got := string(p.URLEncode(p.Forms[0].Fields())); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestVisible checks what a person sees of a page.
func TestVisible(t *testing.T) {
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
		if got := strings.TrimSpace(read(t, c.page).Text); got != c.want {
			t.Errorf("%s: %q, want %q", c.page, got, c.want)
		}
	}
}

// TestMention checks that words are found apart and together, and not within others by chance.
func TestMention(t *testing.T) {
	t.Parallel()
	words := []string{"phone application", "ring", "certificate", "ring file"}
	for text, want := range map[string]string{
		"WEBM_Admin_PhoneApplication": "phone application", "phoneapplication": "phone application", "Phone  Applications!": "phone application",
		"phone-application-2": "phone application", "HTTPCertificate": "certificate", "webmcertificates": "certificate", "Rings": "ring", "RingFile": "ring",
		"string": "", "phone": "", "application phone": "", "": "", "spring-file": "",
	} {
		if got := Mention(text, words); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
