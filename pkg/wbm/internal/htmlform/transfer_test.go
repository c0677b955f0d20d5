package htmlform

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// observedTransfer is a form in the shape that was observed for a logo, for the phone application.
const observedTransfer = `<form name=page action="./page.cmd" method=post><input type=hidden name=page_submit value=WEBM_Admin_FileTransferPhoneApplication>
<table><tr><td>Use defaults<td><input type=checkbox name=dl-app-use-defaults value=true>
<tr><td>Download method<td><select name=dl-app-method><option value=0>FTP<option value=1>HTTPS</select>
<tr><td>FTP Server address<td><input name=dl-app-addr maxlength=92><tr><td>FTP Server port<td><input name=dl-app-port maxlength=5>
<tr><td>FTP account<td><input name=dl-app-account maxlength=92><tr><td>FTP username<td><input name=dl-app-username maxlength=93>
<tr><td>FTP password<td><input type=password name=dl-app-password maxlength=24><tr><td>FTP path<td><input name=dl-app-path maxlength=92>
<tr><td>HTTPS base URL<td><input name=dl-app-base-url maxlength=92><tr><td>Filename<td><input name=dl-app-file maxlength=50>
<tr><td>After submit<td><select name=WEBM-Admin-StartDownload><option value=0>do nothing<option value=1>start download</select>
<tr><td><input type=submit value=Submit><td><input type=reset value=Reset></table>
<input type=hidden name=WEBMv_Admin_Download_FileType value=1><input type=hidden name=WEBMv_Admin_Download_FileName value=dl-app-file></form>`

// roles returns which field has which role, sorted by the order of the table.
func (t *Transfer) roles() string {
	var all []string
	for _, row := range roleRows() {
		if c := t.fields[row.role]; c != nil {
			all = append(all, c.Name)
		}
	}
	return strings.Join(all, " ")
}

// TestTransferForm checks which forms are recognised, and by what their fields are.
func TestTransferForm(t *testing.T) {
	t.Parallel()
	const method = `<label>Download method <select name=m><option>FTP<option>HTTPS</select></label>`
	const after = `<label>After submit <select name=s><option>do nothing<option>start download</select></label>`
	const names = `<input name=dl-x-addr><input name=dl-x-port><input name=dl-x-account><input name=dl-x-username><input type=password name=dl-x-password>` +
		`<input name=dl-x-path><input name=dl-x-base-url><input type=checkbox name=dl-x-use-defaults>`
	for _, c := range []struct{ name, form, roles, problem string }{
		{"observed", observedTransfer, "dl-app-use-defaults dl-app-file WEBM-Admin-StartDownload dl-app-method dl-app-addr dl-app-port dl-app-account dl-app-username dl-app-password dl-app-path dl-app-base-url", ""},
		{"by labels", `<label>Filename: <input name=f></label>` + method + after, "f s m", ""},
		{"labels of their own count first", `<table><tr><td>Account<td><label for=i>Filename</label><input id=i name=f></table>` + method + after, "f s m", ""},
		{"by names", `<input name=dl-x-file><input type=hidden name=Download_FileName value=dl-x-file><select name=dl-x-method><option>FTP</select>` + names + `<select name=q><option>start download</select>`, "dl-x-use-defaults dl-x-file q dl-x-method dl-x-addr dl-x-port dl-x-account dl-x-username dl-x-password dl-x-path dl-x-base-url", ""},
		{"with a file", `<label>Filename <input name=f></label><input type=file name=u>` + method + after, "f s m", ""},
		{"no method", `<label>Filename <input name=f></label>` + after, "f s", "it has no choice of the method"},
		{"no start", `<label>Filename <input name=f></label>` + method, "f m", "it has no choice of what happens after submit"},
		{"two names", `<label>Filename <input name=f></label><label>File name <input name=g></label>` + method + after, "f s m", `it has two fields for "Filename"`},
		{"the hidden field names another", `<label>Filename <input name=f></label><input name=g><input type=hidden name=FileName value=g>` + method + after, "f s m", `it has two fields for "Filename"`},
		{"label and name contradict", `<label>Filename <input name=dl-x-file></label><label>Account <input name=dl-x-path></label>` + method + after, "dl-x-file s m dl-x-path", ""},
		{"a disabled one does not count", `<label>Filename <input disabled name=g></label><label>Filename <input name=f></label>` + method + after, "f s m", ""},
		{"no name of a file", method + after + names, "", ""},
		{"a file name alone", `<label>Filename <input name=f></label>`, "", ""},
		{"a hidden name of a file", `<label>Filename <input type=hidden name=f></label>` + method + after, "", ""},
		{"five hundred fields", strings.Repeat(`<input name=n><select name=n></select>`, 250) + `<label>Filename <input name=f></label>` + method + after, "f s m", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := c.form
			if !strings.Contains(text, "<form") {
				text = "<form method=post>" + text + "</form>"
			}
			got := read(t, text).Forms[0].Transfer()
			switch {
			case got == nil && c.roles == "":
			case got == nil:
				t.Error("it is not recognised")
			case c.name == "label and name contradict":
				if !strings.Contains(got.Problem(), "contradict") {
					t.Errorf("%q", got.Problem())
				}
			case got.roles() != c.roles || got.Problem() != c.problem:
				t.Errorf("%s, %q", got.roles(), got.Problem())
			}
		})
	}
}

// TestFill checks what fields take: as browsers count, and no more than their limit.
func TestFill(t *testing.T) {
	t.Parallel()
	form := func(attributes string) *Transfer {
		return read(t, `<form method=post><label>Filename <input name=f value=old `+attributes+`></label><label>Method <select name=m></select></label></form>`).Forms[0].Transfer()
	}
	for _, c := range []struct{ attributes, value, says string }{
		{"maxlength=3", "abc", ""},
		{"maxlength=3", "abcd", `"Filename" (f): the value has 4 characters, and the field takes at most 3`},
		{"maxlength=3", "äöü", ""},
		{"maxlength=3", "😀a", ""},
		{"maxlength=3", "😀😀", "the value has 4 characters"},
		{"maxlength=0", "", ""},
		{"maxlength=0", "a", "takes at most 0"},
		{"maxlength=-1", "abcd", ""},
		{"maxlength=x", "abcd", ""},
		{"maxlength=''", "abcd", ""},
		{"maxlength=' 3x'", "abcd", "takes at most 3"},
		{"maxlength=+3", "abcd", "takes at most 3"},
		{"maxlength=99999999999999999999", "abcd", ""},
		{"", strings.Repeat("a", 9999), ""},
		{"readonly", "a", "the field cannot be filled in"},
		{"readonly", "old", ""},
	} {
		got := form(c.attributes)
		err := got.Fill(RoleFile, c.value)
		if c.says == "" && (err != nil || got.File().Value != c.value) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || got.File().Value != "old") {
			t.Errorf("%s, %.20q: %v, %q", c.attributes, c.value, err, got.File().Value)
		}
	}
	if err := form("").Fill(RolePath, ""); err != nil {
		t.Error(err)
	}
	if err := form("").Fill(RolePath, "x"); err == nil || !strings.Contains(err.Error(), `"FTP path": the form has no such field`) {
		t.Error(err)
	}
	latin, err := Read(&url.URL{}, "text/html; charset=iso-8859-1", []byte(observedTransfer))
	if err != nil {
		t.Fatal(err)
	}
	if err := latin.Forms[0].Transfer().Fill(RoleFile, "ж"); err == nil || !strings.Contains(err.Error(), "ISO 8859-1") {
		t.Error(err)
	}
	if err := latin.Forms[0].Transfer().Fill(RoleFile, "ä"); err != nil {
		t.Error(err)
	}
}

// TestChoose checks that an option is known by its text alone, and by no number.
func TestChoose(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		`<option value=0>FTP<option value=1>HTTPS`:   "m=0",
		`<option value=0>HTTPS<option value=1> ftp `: "m=1",
		`<option value=0>FTPS<option value=1>SFTP`:   "",
		`<option value=0>FTP<option value=1>Ftp`:     "",
		`<option value=0 disabled>FTP`:               "",
		`<option value=FTP>`:                         "m=FTP",
		`<option value=FTP>HTTPS`:                    "",
		`<option value=0>FTP / HTTPS`:                "",
		`<option value=0>Übertragung per FTP`:        "",
		``:                                           "",
		`<option selected value=9>HTTPS<option selected value=8>X<option>FTP`:  "m=FTP",
		strings.Repeat(`<option value=5>other`, 300) + `<option value=301>FTP`: "m=301",
	} {
		f := read(t, `<form method=post><label>Filename <input name=f disabled><input name=g></label><label>Method <select name=m>`+options+`</select></label></form>`).Forms[0]
		transfer := f.Transfer()
		if transfer == nil {
			t.Fatal("it is not recognised")
		}
		err := transfer.Choose(RoleMethod, "ftp")
		_, got, _ := strings.Cut(string(f.Page.URLEncode(f.Fields())), "&")
		if (err == nil) != (want != "") || want != "" && got != want {
			t.Errorf("%.60s: %s, %v", options, got, err)
		}
	}
}

// TestUseDefaults checks the shapes that the field may have.
func TestUseDefaults(t *testing.T) {
	t.Parallel()
	const rest = `<label>Filename <input name=f></label><label>Method <select name=m></select></label>`
	for _, c := range []struct {
		field   string
		on, off string // what is sent; "?" is an error
	}{
		{`<label>Use defaults <input type=checkbox name=d value=true></label>`, "d=true", ""},
		{`<label>Use defaults <input type=checkbox checked name=d value=true></label>`, "d=true", ""},
		{`<label>Use default(s) <select name=d><option value=7>Yes<option value=8>No</select></label>`, "d=7", "d=8"},
		{`<label>Use default <select name=d><option value=7>Ja<option value=8>Nein</select></label>`, "?", "?"},
		{``, "?", ""},
	} {
		for _, on := range []bool{true, false} {
			f := read(t, "<form method=post>"+c.field+rest+"</form>").Forms[0]
			err := f.Transfer().UseDefaults(on)
			got, _, _ := strings.Cut(string(f.Page.URLEncode(f.Fields())), "f=")
			got = strings.TrimSuffix(got, "&")
			want := c.off
			if on {
				want = c.on
			}
			if want == "?" && err == nil || want != "?" && (err != nil || got != want) {
				t.Errorf("%s, %t: %q, %v", c.field, on, got, err)
			}
		}
	}
}

// TestColours checks which elements are green or red.
func TestColours(t *testing.T) {
	t.Parallel()
	for element, want := range map[string]string{
		`<font color=green><i>a</i></font>`: "a|", `<font color="#00FF00">a</font>`: "a|", `<font color="#080">a</font>`: "a|",
		`<font color=red>a</font>`: "|a", `<font color="#c00">a</font>`: "|a", `<b style="Color : RED; x">a</b>`: "|a",
		`<font color=blue>a</font>`: "|", `<font color="#333">a</font>`: "|", `<font color="#ff0">a</font>`: "|", `<b color=red>a</b>`: "|",
		`<font color="#zzzzzz">a</font>`: "|", `<font color="">a</font>`: "|", `<font color=red></font>`: "|", `<br style="color:red">a`: "|",
		`<p style="background-color:red">a</p>`: "|", strings.Repeat(`<font color=red>`, 999) + "a": "|a,a,a,a,a,a,a,a",
	} {
		p := read(t, element)
		if got := strings.Join(p.Green, ",") + "|" + strings.Join(p.Red, ","); got != want {
			t.Errorf("%.40s: %s", element, got)
		}
	}
	many := read(t, strings.Repeat(`<font color=green>a</font>`, 999)+`<label>Filename <input name=f></label>`)
	if len(many.Green) > maxColoured+maxNested {
		t.Errorf("%d green texts", len(many.Green))
	}
}

// FuzzTransfer checks that whatever a form is, it is filled in as a browser would: every field once and in its order, hidden ones as
// they stand, and nothing that is longer than a field takes.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte(observedTransfer), "image.img")
	f.Add([]byte(`<form method=post enctype=multipart/form-data><label>Filename <input name=f maxlength=3></label><label>Method <select name=m><option>FTP</select></label>`), "ä😀")
	f.Add([]byte(`<form><select name=a><option>start download</select><input name=x-file readonly><input type=hidden name=FileName value=x-file><select name=x-method>`), "")
	f.Fuzz(func(t *testing.T, body []byte, value string) {
		if len(body) > 64<<10 {
			return
		}
		p, err := Read(&url.URL{Scheme: "https", Host: "phone", Path: "/"}, "", body)
		if err != nil {
			return
		}
		for _, form := range p.Forms {
			if transfer := form.Transfer(); transfer != nil {
				checkFill(t, form, transfer, value)
			}
		}
	})
}

func checkFill(t *testing.T, form *Form, transfer *Transfer, value string) {
	t.Helper()
	_ = transfer.Problem()
	_ = form.Classify(nil)
	hidden := func() string {
		text := ""
		for _, field := range form.Of("hidden") {
			text += fmt.Sprintf("%q=%q ", field.Name, field.Value)
		}
		return text
	}
	before, controls := hidden(), len(form.Controls)
	for _, row := range roleRows() {
		if row.kinds != nil {
			continue
		}
		if err := transfer.Fill(row.role, value); err != nil {
			continue
		}
		if c := transfer.fields[row.role]; c != nil && (c.Value != value || c.limited && len(utf16.Encode([]rune(value))) > c.limit) {
			t.Fatalf("%s has %q of at most %s", c.Name, c.Value, strconv.Itoa(c.limit))
		}
	}
	_ = transfer.Choose(RoleMethod, "ftp")
	_ = transfer.Choose(RoleAfter, "start download")
	_ = transfer.UseDefaults(value == "")
	if hidden() != before || len(form.Controls) != controls {
		t.Fatal("hidden fields changed")
	}
	next := 0
	for _, field := range form.Fields() {
		for next < controls && crlf(form.Controls[next].Name) != field.Name && form.Controls[next].Kind != "image" {
			next++
		}
		if next == controls {
			t.Fatalf("%q is not sent in its turn", field.Name)
		}
	}
}
