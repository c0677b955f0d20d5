package phonesim

import (
	"fmt"
	"strings"
)

// What a file is for, as a form says it. 4 is a logo (observed: a public logo uploader for OpenStage 40/60); the number of the
// phone application is assumed.
const (
	kindApplication = "1"
	kindLogo        = "4"
)

// tokenField is the hidden field whose value changes with every view (assumed: pages that were observed have none).
const tokenField = "WEBMv_Admin_Token" //nolint:gosec // a name, no password

// loginForm returns the form for the password.
func (v *webRequest) loginForm() string {
	l := v.r.p.login()
	return fmt.Sprintf(`<form id="login" method="post" action="page.cmd">
<input type="hidden" name="page_submit" value="%s">
<p><label>Password <input type="password" name="%s"></label></p>
<p><input type="submit" value="Login"> <input type="reset" value="Reset"></p>
</form>
`, l.page, l.field)
}

// passwordForm returns the form for a new password (its names are assumed; that it is required is the manuals').
func (v *webRequest) passwordForm() string {
	return errorText("Please change the password") + simpleForm(pagePassword, `<p><label>New password <input type="password" name="new-password"></label></p>
<p><label>Confirm password <input type="password" name="confirm-password"></label></p>`, "Submit")
}

// simpleForm returns a form without a file.
func simpleForm(name, fields, button string) string {
	return fmt.Sprintf(`<form method="post" action="page.cmd">
<input type="hidden" name="page_submit" value="%s">
%s
<p><input type="submit" value="%s"></p>
</form>
`, name, fields, button)
}

// applicationForm returns the form for the phone application. What can be set, and that an image can come from the browser's
// machine, is the manual's (CP HFA administration manual A31003-C1000-M102-5, 3.9.3); the names of the fields follow those that
// were observed for other files, with a prefix of their own that is assumed.
func (v *webRequest) applicationForm(prefix, token string, file bool) string {
	action := "page.cmd"
	if v.r.p.traits.web.foreign {
		action = "https://192.0.2.77/page.cmd"
	}
	var b strings.Builder
	beginForm(&b, action, pageApplication, token, kindApplication)
	fmt.Fprintf(&b, `<input type="hidden" name="WEBMv_Admin_Download_FileName" value="dl-%[1]s-file">
<p><label>Use default <input type="checkbox" name="dl-%[1]s-use-default" value="1"></label></p>
<p><label>Filename <input type="text" name="dl-%[1]s-file" value=""></label></p>
<p><label>After submit <select name="WEBM-Admin-StartDownload"><option value="0" selected>do nothing</option><option value="1">start download</option></select></label></p>
`, prefix)
	serverFields(&b, prefix)
	if file {
		fmt.Fprintf(&b, `<p><label>Upgrade using file <input type="file" name="dl-%s-upload"></label></p>
`, prefix)
	}
	b.WriteString(`<p><input type="submit" name="submit-button" value="Submit"> <input type="reset" value="Reset"></p>
</form>
`)
	return b.String()
}

// serverFields writes the fields for a file on a server (the manual, 3.9.4; names: a public logo uploader for OpenStage 40/60).
func serverFields(b *strings.Builder, prefix string) {
	fmt.Fprintf(b, `<p><label>Download method <select name="dl-%[1]s-method"><option value="0">FTP</option><option value="1">HTTPS</option></select></label></p>
<p><label>Server address <input type="text" name="dl-%[1]s-addr" value=""></label></p>
<p><label>Server port <input type="text" name="dl-%[1]s-port" value="21"></label></p>
<p><label>Account <input type="text" name="dl-%[1]s-account" value=""></label></p>
<p><label>Username <input type="text" name="dl-%[1]s-username" value=""></label></p>
<p><label>Password <input type="password" name="dl-%[1]s-password" value=""></label></p>
<p><label>FTP path <input type="text" name="dl-%[1]s-path" value=""></label></p>
<p><label>HTTPS base URL <input type="text" name="dl-%[1]s-base-url" value=""></label></p>
`, prefix)
}

// logoForm returns the form for a logo (observed: a public logo uploader for OpenStage 40/60, without the field for a file of the
// browser's machine).
func (v *webRequest) logoForm(file bool) string {
	var b strings.Builder
	beginForm(&b, "page.cmd", pageLogo, v.r.site.token(v.session, pageLogo), kindLogo)
	b.WriteString(`<input type="hidden" name="WEBMv_Admin_Download_FileName" value="dl-lgo-file">
<p><label>Filename <input type="text" name="dl-lgo-file" value=""></label></p>
`)
	serverFields(&b, "lgo")
	if file {
		b.WriteString(`<p><label>Logo file <input type="file" name="dl-lgo-upload" accept="image/png"></label></p>
`)
	}
	b.WriteString(`<p><input type="submit" name="submit-button" value="Submit"></p>
</form>
`)
	return b.String()
}

// beginForm writes the beginning of a form for a file.
func beginForm(b *strings.Builder, action, name, token, kind string) {
	fmt.Fprintf(b, `<form method="post" action="%s" enctype="multipart/form-data">
<input type="hidden" name="page_submit" value="%s">
<input type="hidden" name="%s" value="%s">
<input type="hidden" name="WEBMv_Admin_Download_FileType" value="%s">
`, action, name, tokenField, token, kind)
}
