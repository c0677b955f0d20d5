package phonesim

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// The ten settings of a transfer form, by the names that they have here.
const (
	setDefaults = "use-defaults"
	setMethod   = "method"
	setServer   = "addr"
	setPort     = "port"
	setAccount  = "account"
	setUsername = "username"
	setPassword = "password"
	setPath     = "path"
	setBaseURL  = "base-url"
	setFile     = "file"
	setSubmit   = "after-submit"
)

// The hidden fields of a transfer form (observed: a page of an OpenStage, captured for a public logo uploader).
const (
	hiddenPage     = "page_submit"
	hiddenLanguage = "lang"
	hiddenType     = "WEBMv_Admin_Download_FileType"
	hiddenFile     = "WEBMv_Admin_Download_FileName" // holds the name of the field with the file's name
)

// A transferForm is a form for a file that the phone fetches from a server.
type transferForm struct {
	page, title string
	kind        string // of the file: its number in the hidden field
	action      string
	fields      []transferField // in their order
	token       bool            // it has a token, and takes only the one of the last view
	referer     bool            // it takes only what names its page as the Referer
	extra       bool            // it has fields of its own besides
	labelled    bool            // labels are elements of their own, else cells of a table (observed)
}

// A transferField is a setting of a transfer form.
type transferField struct {
	setting string // one of the above
	name    string
	label   string
	kind    string // text, password, checkbox or select
	most    int    // the longest value, 0 for no limit
	options []transferOption
}

// A transferOption is a value of a selection, or that of a checkbox.
type transferOption struct {
	value, text string
	is          string // what it stands for: method "ftp" or "https", after submit "start", or "" for neither
}

// observedForm returns the form in the shape that was observed for a logo on an OpenStage 40/60 (a page captured for a public
// logo uploader): names, order, labels, the longest values, and what the selections send. Its prefix and number for the phone
// application are assumed, as is its page.
func observedForm(page, title, prefix, kind string) *transferForm {
	f := &transferForm{page: page, title: title, kind: kind, action: "./page.cmd"}
	text := func(setting, label string, most int) transferField {
		return transferField{setting: setting, name: "dl-" + prefix + "-" + setting, label: label, kind: "text", most: most}
	}
	password := text(setPassword, "FTP password", 24)
	password.kind = "password"
	f.fields = []transferField{
		{setDefaults, "dl-" + prefix + "-" + setDefaults, "Use defaults", "checkbox", 0, []transferOption{{value: "true"}}},
		{setMethod, "dl-" + prefix + "-" + setMethod, "Download method", "select", 0, []transferOption{{"0", "FTP", "ftp"}, {"1", "HTTPS", "https"}}},
		text(setServer, "FTP Server address", 92), text(setPort, "FTP Server port", 5), text(setAccount, "FTP account", 92),
		text(setUsername, "FTP username", 93), password, text(setPath, "FTP path", 92), text(setBaseURL, "HTTPS base URL", 92),
		text(setFile, "Filename", 50),
		{setSubmit, "WEBM-Admin-StartDownload", "After submit", "select", 0, []transferOption{{"0", "do nothing", ""}, {"1", "start download", "start"}}},
	}
	return f
}

// inventedForm returns the form in a shape that no phone is known to have: names that say nothing, other numbers, another
// order, the labels of the CP HFA administration manual A31003-C1000-M102-5 (3.9.4), a token and a demand for the Referer.
func inventedForm() *transferForm {
	f := &transferForm{
		page: pageApplication, title: "Phone application", kind: "23", action: "page.cmd?lang=en",
		token: true, referer: true, labelled: true,
	}
	text := func(n int, setting, label string, most int) transferField {
		return transferField{setting: setting, name: fmt.Sprintf("fx%d", n), label: label, kind: "text", most: most}
	}
	password := text(17, setPassword, "Password", 32)
	password.kind = "password"
	f.fields = []transferField{
		text(11, setFile, "Filename", 64),
		{setSubmit, "fx12", "After submit", "select", 0, []transferOption{{"9", "start download", "start"}, {"5", "do nothing", ""}}},
		{setMethod, "fx13", "Download method", "select", 0, []transferOption{{"30", "HTTPS", "https"}, {"20", "FTP", "ftp"}}},
		text(14, setBaseURL, "HTTPS base URL", 255), text(15, setPath, "FTP path", 128), text(16, setUsername, "Username", 64), password,
		text(18, setAccount, "Account", 64), text(19, setPort, "Server port", 5), text(20, setServer, "Server address", 128),
		{setDefaults, "fx21", "Use default", "checkbox", 0, []transferOption{{value: "1"}}},
	}
	return f
}

// field returns the field of a setting.
func (f *transferForm) field(setting string) *transferField {
	for i := range f.fields {
		if f.fields[i].setting == setting {
			return &f.fields[i]
		}
	}
	return nil
}

// without leaves out the fields of settings.
func (f *transferForm) without(settings ...string) *transferForm {
	var kept []transferField
	for _, field := range f.fields {
		if !slices.Contains(settings, field.setting) {
			kept = append(kept, field)
		}
	}
	f.fields = kept
	return f
}

// hidden returns the hidden fields, in their order: those before the settings, and those after them.
func (f *transferForm) hidden(lang string) (before, after [][2]string) {
	before = [][2]string{{hiddenPage, f.page}, {hiddenLanguage, lang}}
	if f.kind != "" {
		after = [][2]string{{hiddenType, f.kind}}
		if file := f.field(setFile); file != nil {
			after = append(after, [2]string{hiddenFile, file.name})
		}
	}
	return before, after
}

// write writes the form as the page shows it, with a result if there is one, and with the values that are stored.
func (f *transferForm) write(b *strings.Builder, lang, token, result string, values map[string]string) {
	fmt.Fprintf(b, `<form name="page" action="%s" method="post">`+"\n", f.action)
	before, after := f.hidden(lang)
	if f.token {
		before = append(before, [2]string{tokenField, token})
	}
	writeHidden(b, before)
	fmt.Fprintf(b, `<table><tr><th colspan="2" align="center">%s</th></tr>`+"\n", html.EscapeString(f.title))
	for i := range f.fields {
		f.fields[i].write(b, f.labelled, values[f.fields[i].setting])
	}
	if result != "" {
		fmt.Fprintf(b, `<tr><td align="center" colspan="2">%s</td></tr>`+"\n", result)
	}
	b.WriteString(`<tr><td align="center"><input type="submit" value="Submit"></td><td align="center"><input type="reset" value="Reset"></td>` + "\n")
	writeHidden(b, after)
	b.WriteString("</tr></table>\n</form>\n")
}

func writeHidden(b *strings.Builder, fields [][2]string) {
	for _, field := range fields {
		fmt.Fprintf(b, `<input type="hidden" name="%s" value="%s">`+"\n", field[0], html.EscapeString(field[1]))
	}
}

// write writes a row of the table.
func (f *transferField) write(b *strings.Builder, labelled bool, value string) {
	if labelled {
		fmt.Fprintf(b, `<tr><td><label for="%s">%s</label></td><td>`, f.name, f.label)
	} else {
		fmt.Fprintf(b, `<tr><td align="right"><font color="black">%s</font></td><td>`, f.label)
	}
	f.control(b, value)
	b.WriteString("</td></tr>\n")
}

// control writes what is filled in.
func (f *transferField) control(b *strings.Builder, value string) {
	switch f.kind {
	case "select":
		fmt.Fprintf(b, `<select id="%[1]s" name="%[1]s" size="1">`, f.name)
		for _, o := range f.options {
			selected := ""
			if o.is == value {
				selected = " selected"
			}
			fmt.Fprintf(b, `<option value="%s"%s>%s</option>`, o.value, selected, o.text)
		}
		b.WriteString("</select>")
	case "checkbox":
		fmt.Fprintf(b, `<input id="%[1]s" name="%[1]s" type="checkbox" value="%[2]s">`, f.name, f.options[0].value)
	default:
		fmt.Fprintf(b, `<input id="%[1]s" name="%[1]s" type="%[2]s" size="18" maxlength="%[3]d" value="%[4]s">`, f.name, f.kind, f.most, html.EscapeString(value))
	}
}

// The results that were observed of a logo on an OpenStage 40/60 (pages captured for a public logo uploader): an element font
// with a colour, and the text in italics.
func resultDone() string   { return coloured("green", "Transfer completed successfully") }
func resultFailed() string { return coloured("red", "Transfer failed") }

func coloured(colour, text string) string {
	return `<font color="` + colour + `"><i>` + text + `</i></font>`
}
