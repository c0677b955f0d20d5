package phonesim

import (
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// What a file is for, as a form says it. 4 is a logo (observed: a public logo uploader for OpenStage 40/60), 6 an LDAP template
// (observed: a public script for administrators); the number of the phone application is assumed.
const (
	kindApplication = "1"
	kindLogo        = "4"
	kindLDAP        = "6"
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

// applicationForms returns the forms for the phone application: one for an image of the browser's machine, and one for an image
// that the phone fetches, with the result of a transfer if there was one.
func (v *webRequest) applicationForms() string {
	t := &v.r.p.traits.web
	token := v.r.site.token(v.session, pageApplication)
	var b strings.Builder
	transfers := v.transferForms()
	if v.hasUpload() {
		var settings *transferForm
		if t.form == formOne {
			settings, transfers = transfers[0], nil
		}
		b.WriteString(v.uploadForm("app", token, settings))
		if t.twoForms {
			b.WriteString(v.uploadForm("app2", token, nil))
		}
	}
	for _, f := range transfers {
		f.write(&b, v.lang(), token, v.result, nil)
	}
	return b.String()
}

// hasUpload reports whether the page takes an image of the browser's machine: OpenStage manuals describe only the transfer
// from a server.
func (v *webRequest) hasUpload() bool {
	t := &v.r.p.traits.web
	family, _ := bind.SplitDevice(v.r.p.c.DeviceType)
	return !t.noForm && !t.logoOnly && !strings.EqualFold(family, "OpenStage")
}

// uploadForm returns the form for an image of the browser's machine, alone or with the settings of a transfer. That an image can
// come from there is the manual's (CP HFA administration manual A31003-C1000-M102-5, 3.9.3.1); the names of the fields follow
// those that were observed for other files, with a prefix of their own that is assumed.
func (v *webRequest) uploadForm(prefix, token string, settings *transferForm) string {
	action := "page.cmd"
	if v.r.p.traits.web.foreign {
		action = "https://192.0.2.77/page.cmd"
	}
	var b strings.Builder
	beginForm(&b, action, pageApplication, v.lang(), token, kindApplication)
	fmt.Fprintf(&b, `<input type="hidden" name="WEBMv_Admin_Download_FileName" value="dl-%s-file">
`, prefix)
	if settings != nil {
		b.WriteString("<table>\n")
		for i := range settings.fields {
			settings.fields[i].write(&b, settings.labelled, "")
		}
		fmt.Fprintf(&b, "<tr><td colspan=\"2\">%s</td></tr></table>\n", v.result)
	}
	fmt.Fprintf(&b, `<p><label>Upgrade using file <input type="file" name="dl-%s-upload"></label></p>
<p><input type="submit" name="submit-button" value="Submit"> <input type="reset" value="Reset"></p>
</form>
`, prefix)
	return b.String()
}

// logoForms returns the forms for a logo: one for a file of the browser's machine (assumed), unless it is left out, and one for
// a file on a server (observed: a page captured for a public logo uploader for OpenStage 40/60).
func (v *webRequest) logoForms(file bool) string {
	var b strings.Builder
	if file {
		beginForm(&b, "page.cmd", pageLogo, v.lang(), v.r.site.token(v.session, pageLogo), kindLogo)
		b.WriteString(`<input type="hidden" name="WEBMv_Admin_Download_FileName" value="dl-lgo-file">
<p><label>Logo file <input type="file" name="dl-lgo-upload" accept="image/png"></label></p>
<p><input type="submit" name="submit-button" value="Submit"></p>
</form>
`)
	}
	observedForm(pageLogo, "Logo", "lgo", kindLogo).write(&b, v.lang(), "", "", nil)
	return b.String()
}

// ldapForm returns the form for an LDAP template. Of its fields, method, base URL and file were observed (a public script for
// administrators).
func (v *webRequest) ldapForm() string {
	var b strings.Builder
	observedForm(pageLDAP, "LDAP template", "ldp", kindLDAP).write(&b, v.lang(), "", "", nil)
	return b.String()
}

// defaultsForm returns the form for the stored defaults of all transfers, with what is stored. Its names are assumed.
func (v *webRequest) defaultsForm() string {
	var b strings.Builder
	v.newDefaultsForm().write(&b, v.lang(), "", "", v.r.p.storedDefaults())
	return b.String()
}

func (v *webRequest) newDefaultsForm() *transferForm {
	return observedForm(pageDefaults, "Defaults", "def", "").without(setDefaults, setFile, setSubmit)
}

// beginForm writes the beginning of a form for a file of the browser's machine.
func beginForm(b *strings.Builder, action, name, lang, token, kind string) {
	fmt.Fprintf(b, `<form method="post" action="%s" enctype="multipart/form-data">
`, action)
	writeHidden(b, [][2]string{{hiddenPage, name}, {hiddenLanguage, lang}, {tokenField, token}, {hiddenType, kind}})
}
