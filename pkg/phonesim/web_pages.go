package phonesim

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// The names of pages that are more than text. All begin with WEBM_Admin_ (observed: public scripts); that of the phone
// application is assumed, as are those of the overview and the menus.
const (
	pageOverview    = "WEBM_Admin_Overview"
	pageApplication = "WEBM_Admin_FileTransferPhoneApplication"
	pageDefaults    = "WEBM_Admin_FileTransferDefaults"
	pageLDAP        = "WEBM_Admin_FileTransferLdap"
	pageLogo        = "WEBM_Admin_Logo"
	pageRestart     = "WEBM_Admin_Restart"
	pagePassword    = "WEBM_Admin_ChangePassword" //nolint:gosec // a name, no password
	pageFrame       = "WEBMp_Admin_Menu"
	pageLevel       = "WEBM_Admin_Menu_"
	pageNothing     = "WEBM_Admin_Option_"
)

// A menuEntry is a page of the menu. Their titles are those of the administration manuals as far as they have such a page.
type menuEntry struct{ name, title string }

func menuEntries() []menuEntry {
	return []menuEntry{
		{pageOverview, "General phone information"},
		{"WEBM_Admin_Identity", "Terminal identity"},
		{"WEBM_Admin_IpConfiguration", "IP configuration"},
		{"WEBM_Admin_LLDP_TLV", "LLDP-MED operation"},
		{"WEBM_Admin_Gateway", "Gateway"},
		{"WEBM_Admin_DateAndTime", "Date and time"},
		{"WEBM_Admin_LDAP", "LDAP"},
		{pageDefaults, "File transfer: Defaults"},
		{pageApplication, "File transfer: Phone application"},
		{pageLDAP, "File transfer: LDAP template"},
		{pageLogo, "File transfer: Logo"},
		{"WEBM_Admin_FileTransferRinger", "File transfer: Ringer file"},
		{"WEBM_Admin_WSI", "Web services interface"},
		{"WEBM_Admin_Security", "Security"},
		{"WEBM_Admin_SecureShell", "Secure shell"},
		{pageRestart, "Restart phone"},
		{"WEBM_Admin_FactoryReset", "Factory reset"},
	}
}

// answer answers a request.
func (v *webRequest) answer() *webAnswer {
	t := &v.r.p.traits.web
	query := v.request.URL.Query()
	post := v.request.Method == http.MethodPost
	switch {
	case t.redirects:
		return &webAnswer{status: http.StatusFound, location: "http://" + v.request.Host + webIndex + "?user=Admin"}
	case v.request.URL.Path == "/" && !post:
		return &webAnswer{status: http.StatusFound, location: webIndex + "?user=Admin"} // assumed
	case v.request.URL.Path == webBanner && !post:
		return v.banner()
	case v.request.URL.Path == webIndex && !post:
		return v.index()
	case v.request.URL.Path != webPage || !post && v.request.Method != http.MethodGet:
		return &webAnswer{status: http.StatusNotFound, body: v.document("<p>Not found</p>")}
	case post:
		return v.submit()
	case query.Get("user") == "none":
		return v.logOut()
	case v.session == nil && query.Get("page") == pageFrame:
		return &webAnswer{body: v.document("")}
	}
	return v.page(query.Get("page"))
}

// index returns the start page: for older firmware in frames, else the form of login or what comes after it.
func (v *webRequest) index() *webAnswer {
	answer := v.page("")
	if v.r.p.login().frames {
		answer.body = v.head() + fmt.Sprintf(`<frameset cols="30%%,70%%">
<frame name="menu" src="page.cmd?page=%s&amp;lang=en">
<frame name="content" src="page.cmd?page=%s&amp;lang=en">
</frameset>
</html>
`, pageFrame, v.r.p.login().page)
	}
	if v.session == nil {
		answer.cookie = nobody
	}
	answer.slow = v.r.p.traits.web.slow
	return answer
}

// page returns a page, or the form of login if there is no session.
func (v *webRequest) page(name string) *webAnswer {
	entry, known := v.entry(name)
	switch {
	case v.session == nil:
		return &webAnswer{body: v.document(v.loginForm())}
	case v.session.change:
		return &webAnswer{body: v.document(v.passwordForm())}
	case name == pageFrame:
		return &webAnswer{body: v.document(v.menu(""))}
	case !known:
		return &webAnswer{status: http.StatusNotFound, body: v.document(v.menu("") + errorText("There is no such page"))}
	}
	return &webAnswer{body: v.document(v.menu(entry.name) + "<h1>" + html.EscapeString(entry.title) + "</h1>\n" + v.content(entry.name))}
}

// lang returns the language of the page: the one that was asked for, in two letters, or English.
func (v *webRequest) lang() string {
	lang := v.language
	if lang == "" {
		lang = v.request.URL.Query().Get("lang")
	}
	if len(lang) != 2 || strings.Trim(lang, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "en"
	}
	return lang
}

// entry finds a page by its name; no name is the overview.
func (v *webRequest) entry(name string) (menuEntry, bool) {
	if name == "" || name == v.r.p.login().page {
		name = pageOverview
	}
	t := &v.r.p.traits.web
	if n, ok := menuLevel(name); ok && t.loop {
		return menuEntry{name, fmt.Sprintf("Menu %d", n)}, true
	}
	if n, found := strings.CutPrefix(name, pageNothing); found && t.thousand {
		return menuEntry{name, "Option " + n}, true
	}
	for _, entry := range menuEntries() {
		hidden := t.loop && (name == pageApplication || name == pageLogo)
		if entry.name == name && !hidden {
			return entry, true
		}
	}
	return menuEntry{}, false
}

// menuLevel returns the number of a page in the menu without end.
func menuLevel(name string) (uint64, bool) {
	digits, found := strings.CutPrefix(name, pageLevel)
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, found && err == nil
}

// menu returns the list of the pages that can be reached from a page.
func (v *webRequest) menu(from string) string {
	var b strings.Builder
	b.WriteString(`<ul id="menu">` + "\n")
	link := func(name, title string) {
		fmt.Fprintf(&b, `<li><a href="page.cmd?page=%s&amp;lang=en">%s</a></li>`+"\n", name, html.EscapeString(title))
	}
	if v.r.p.traits.web.thousand {
		for n := range 1000 {
			link(fmt.Sprintf("%s%d", pageNothing, n+1), fmt.Sprintf("Option %d", n+1))
		}
	}
	for _, entry := range menuEntries() {
		if e, known := v.entry(entry.name); known {
			link(e.name, e.title)
		}
	}
	if v.r.p.traits.web.loop {
		n, _ := menuLevel(from)
		link(fmt.Sprintf("%s%d", pageLevel, n+1), fmt.Sprintf("Menu %d", n+1))
	}
	b.WriteString(`<li><a href="page.cmd?user=none">Logout</a></li>` + "\n</ul>\n")
	return b.String()
}

// content returns what a page holds beneath the menu.
func (v *webRequest) content(name string) string {
	t := &v.r.p.traits.web
	switch name {
	case pageOverview:
		return v.overview()
	case pageApplication:
		return v.applicationForms()
	case pageDefaults:
		return v.defaultsForm()
	case pageLDAP:
		return v.ldapForm()
	case pageLogo:
		return v.logoForms(!t.noForm)
	case pageRestart:
		return simpleForm(name, "", "Restart")
	case "WEBM_Admin_FactoryReset":
		return simpleForm(name, `<p><label>Factory reset password <input type="password" name="factory-reset-password"></label></p>`, "Factory reset")
	case "WEBM_Admin_IpConfiguration":
		return simpleForm(name, `<p><label>DHCP <input type="checkbox" name="dhcp" value="1" checked></label></p>`, "Submit")
	}
	if strings.HasPrefix(name, pageLevel) || strings.HasPrefix(name, pageNothing) {
		return "<p>There is nothing to set here.</p>\n"
	}
	return simpleForm(name, `<p><label>Value <input type="text" name="value" value=""></label></p>`, "Submit")
}

// overview returns the table of what the phone is (its labels are assumed).
func (v *webRequest) overview() string {
	p := v.r.p
	state := p.State()
	rows := [][2]string{{"Device type", v.device()}, {"Software type", state.SoftwareType}}
	if !p.traits.web.noVersion {
		rows = append(rows, [2]string{"Software version", state.Version.String()})
	}
	if p.traits.web.otherMAC {
		state.MAC = otherMAC(state.MAC)
	}
	rows = append(rows, [2]string{"Part number", p.c.PartNumber}, [2]string{"MAC address", state.MAC})
	var b strings.Builder
	b.WriteString(`<table id="overview">` + "\n")
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(&b, "<tr><th>%s</th><td>%s</td></tr>\n", row[0], html.EscapeString(row[1]))
		}
	}
	b.WriteString("</table>\n")
	return b.String()
}

// device returns the device type as the page shows it.
func (v *webRequest) device() string {
	device := v.r.p.c.DeviceType
	if v.r.p.traits.web.hostile {
		device = "\x1b[2J\x1b]0;evil\x07" + hostileText(device)
	}
	return device
}

// title returns the title with the family: "... IP Phone Admin" for an OpenStage, "OpenScape Desk Phone IP Admin" (observed: a public scanner
// of phones); the one for CP is assumed.
func (v *webRequest) title() string {
	family, model := bind.SplitDevice(v.r.p.c.DeviceType)
	switch {
	case v.r.p.traits.web.hostile:
		return family + " \x1b]0;evil\x07 Admin"
	case strings.EqualFold(family, "OpenStage"):
		return family + " IP Phone Admin"
	case family == "":
		return model + " Admin"
	}
	return family + " Admin"
}

// head returns the beginning of every page.
func (v *webRequest) head() string {
	return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>` + html.EscapeString(v.title()) + "</title></head>\n"
}

// document returns a page. Its banner shows the device type (the guide).
func (v *webRequest) document(content string) string {
	return v.head() + `<body>
<div id="banner">` + html.EscapeString(v.device()) + "</div>\n" + content + "</body>\n</html>\n"
}

// An element of class success is what says that something was done (observed: a public script for administrators); that
// one of class error says the opposite is assumed.
func successText(text string) string {
	return `<div class="success">` + html.EscapeString(text) + "</div>\n"
}

func errorText(text string) string {
	return `<div class="error">` + html.EscapeString(text) + "</div>\n"
}
