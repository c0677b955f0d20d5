package wbm_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

const takesFile = `method=post enctype="multipart/form-data"`

// menu sets the answer to the login.
func (s *site) menu(page string) {
	s.pages["login:WEBMp_Admin_Login"] = func(w http.ResponseWriter, _ *http.Request) { text(w, "%s", page) }
}

// links returns a menu of pages.
func links(pages ...string) string {
	text := ""
	for _, page := range pages {
		text += `<li><a href="page.cmd?page=` + page + `">` + page + `</a>`
	}
	return text
}

// TestFind checks which form is found, and why others are not.
func TestFind(t *testing.T) {
	t.Parallel()
	const file = `<input type=file name=f><input type=submit>`
	one := func(page, content string) func(*site) {
		return func(s *site) { s.menu(links(page)); s.page(page, content) }
	}
	form := func(attributes, inner string) string { return "<form " + attributes + ">" + inner + file + "</form>" }
	for _, c := range []struct {
		name  string
		setup func(*site)
		kind  wbm.Kind
		says  string
	}{
		{"by the page's name", one("WEBM_Admin_PhoneApplication", form(takesFile, "")), "", "f of /page.cmd?page=WEBM_Admin_PhoneApplication"},
		{"by the name in one word", one("x", form(takesFile, "<input type=hidden name=page_submit value=WEBM_Admin_phoneapplication>")), "", "f of /page.cmd?page=x"},
		{"by a heading", one("x", "<h2>Upgrade using  file</h2>"+form(takesFile, "")), "", "f of"},
		{"by its legend", one("x", form(takesFile, "<fieldset><legend>Firmware</legend>")), "", "f of"},
		{"by the title", one("x", "<title>Software</title>"+form(takesFile, "")), "", "f of"},
		{"by a label", one("x", `<label for=i>Bind</label>`+form(takesFile, `<input id=i type=file name=bindfile disabled>`)), wbm.KindNoForm, "nothing says"},
		{"by the label of its field", one("x", "<form "+takesFile+"><table><tr><td>Application software<td>"+file+"</form>"), "", "f of"},
		{"by the name of its field", one("x", "<form "+takesFile+"><input type=file name=dl-firmware-file>"), "", "dl-firmware-file of"},
		{"in a frame", func(s *site) {
			s.menu(`<frameset><frame src="page.cmd?page=Menu"><frame src="page.cmd?page=Empty"></frameset>`)
			s.page("Menu", links("Two"))
			s.page("Two", `<iframe src="/page.cmd?page=Firmware"></iframe>`)
			s.page("Firmware", form(takesFile, ""))
		}, "", "f of /page.cmd?page=Firmware"},
		{"without a menu in the answer to the login", func(s *site) {
			s.pages["login:WEBMp_Admin_Login"] = func(w http.ResponseWriter, _ *http.Request) {
				s.page("/index.cmd", links("Firmware"))
				text(w, "<p>Welcome")
			}
			s.page("Firmware", form(takesFile, ""))
		}, "", "f of"},
		{"behind many others", func(s *site) {
			s.menu(links(numbered(200)...) + links("FileTransfer"))
			s.page("FileTransfer", links("PhoneApplication"))
			s.page("PhoneApplication", form(takesFile, ""))
		}, "", "f of"},
		{"the same twice", func(s *site) {
			s.menu(links("Firmware1", "Firmware2"))
			s.page("Firmware1", form(takesFile+" action=page.cmd", ""))
			s.page("Firmware2", form(takesFile+" action=page.cmd", ""))
		}, "", "f of"},
		{"a string is no ring", one("x", "<h2>Software string</h2>"+form(takesFile, "")), "", "f of"},
		{"a heading that is everywhere", func(s *site) {
			s.menu("<title>T</title><h1>Logo and Software</h1>" + links("Firmware"))
			s.page("Firmware", "<title>T</title><h1>Logo and Software</h1>"+form(takesFile, ""))
		}, "", "f of"},
		{"a button with another way to send", one("Firmware", form("", "<button formmethod=post formenctype='multipart/form-data'>Upload</button>")), "", "f of"},

		{"the logo page only", func(s *site) { s.menu(links("WEBM_Admin_Logo")) }, wbm.KindNoForm, "dl-lgo-file of /page.cmd?page=WEBM_Admin_Logo: it is for something else (logo)"},
		{"software that is a certificate", one("SoftwareCertificates", form(takesFile, "")), wbm.KindNoForm, "(certificate)"},
		{"software for the dongle", one("Software", form(takesFile, "<h3>Dongle key</h3>")), wbm.KindNoForm, "(dongle)"},
		{"a heading of another form before it", one("Software", "<h3>Ringer melody</h3>"+form(takesFile, "")), wbm.KindNoForm, "(ring"},
		{"a hidden value", one("Software", form(takesFile, "<input type=hidden name=page_submit value=WEBM_Admin_FileTransferLdap>")), wbm.KindNoForm, "(ldap)"},
		{"where it sends", one("Software", form(takesFile+` action="page.cmd?page=WEBM_Admin_Logo"`, "")), wbm.KindNoForm, "(logo)"},
		{"what resets the phone", one("Software", form(takesFile, "<input type=hidden name=page_submit value=WEBM_Admin_FactoryReset>")), wbm.KindNoForm, "(factory)"},
		{"names written as one", one("software", form(takesFile, "<input type=hidden name=page_submit value=webmadminphonebookupload>")), wbm.KindNoForm, "(phonebook)"},
		{"a heading that is everywhere says nothing", func(s *site) {
			s.menu("<title>Software</title><h1>Software</h1>" + links("x"))
			s.page("x", "<title>Software</title><h1>Software</h1>"+form(takesFile, ""))
		}, wbm.KindNoForm, "nothing says what it is for"},
		{"it cannot send a file", one("Firmware", form("method=post", "")), wbm.KindNoForm, "does not send the file"},
		{"it sends by address", one("Firmware", form("enctype=multipart/form-data", "")), wbm.KindNoForm, "does not send the file"},
		{"two files", one("Firmware", form(takesFile, file)), wbm.KindNoForm, "several files"},
		{"no name", one("Firmware", "<form "+takesFile+"><input type=file>"), wbm.KindNoForm, "no name"},
		{"no form", one("Firmware", file), wbm.KindNoForm, "on 2 pages"},
		{"nothing", func(s *site) { s.menu("") }, wbm.KindSession, "logged us out"},
		{"two of them", one("Firmware", form(takesFile, "")+form(takesFile, "<input name=b>")), wbm.KindManyForms, "2 forms may be meant"},
		{"two pages with one", func(s *site) {
			s.menu(links("Firmware", "Upgrade"))
			s.page("Firmware", form(takesFile+" action=a.cmd", ""))
			s.page("Upgrade", form(takesFile+" action=b.cmd", ""))
		}, wbm.KindManyForms, "2 forms may be meant"},
		{"elsewhere", one("Firmware", form(takesFile+` action="https://127.0.0.2/\x1b"`, "")), wbm.KindForeign, "127.0.0.2"},
		{"elsewhere by its button", one("Firmware", form(takesFile, `<input type=submit value=Upload formaction="//127.0.0.2">`)), wbm.KindForeign, "127.0.0.2"},
		{"elsewhere by a base", one("Firmware", `<base href="https://127.0.0.2/">`+form(takesFile+" action=x", "")), wbm.KindForeign, ""},
		{"its page is elsewhere", func(s *site) {
			s.menu(links("Firmware"))
			s.pages["Firmware"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://127.0.0.2/", http.StatusFound)
			}
		}, wbm.KindForeign, "127.0.0.2"},
		{"another page is elsewhere", func(s *site) {
			s.menu(links("Help", "Other", "Firmware"))
			s.pages["Help"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://127.0.0.2/", http.StatusFound)
			}
			s.says("Other", "HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: 1\r\n\r\nx")
			s.page("Firmware", "no form")
		}, wbm.KindForeign, "127.0.0.2"},
		{"logged out", func(s *site) { s.menu(links("Firmware")); s.page("Firmware", loginPage) }, wbm.KindSession, "logged us out"},
		{"cut", func(s *site) { s.menu(links("Firmware")); s.says("Firmware", "") }, wbm.KindBroken, ""},
		{"more cookies than a page may set", func(s *site) {
			s.menu(links("Help"))
			s.says("Help", "HTTP/1.1 200 OK\r\n"+manyCookies()+"Content-Length: 23\r\n\r\n<a href='x.html'>x</a> ")
		}, wbm.KindNoForm, "more cookies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.setup(s)
			f, err := s.find(t)
			if kind(err) != c.kind || (err == nil) != (c.kind == "") {
				t.Fatalf("%v, want %q", err, c.kind)
			}
			says := ""
			if err != nil {
				says = err.Error()
			} else {
				says = f.Field + " of " + f.Page
			}
			if !strings.Contains(says, c.says) || len(says) > 2000 {
				t.Errorf("%q, want %q", says, c.says)
			}
		})
	}
}

func manyCookies() string {
	text := ""
	for i := range 40 {
		text += fmt.Sprintf("Set-Cookie: c%d=%s\r\n", i, strings.Repeat("x", 1000))
	}
	return text
}

func upgrades(n int) []string {
	pages := numbered(n)
	for i := range pages {
		pages[i] = "Upgrade" + pages[i]
	}
	return pages
}

func numbered(n int) []string {
	pages := make([]string, n)
	for i := range pages {
		pages[i] = "P" + strconv.Itoa(i)
	}
	return pages
}

// find visits the page as far as the form.
func (s *site) find(t *testing.T) (*wbm.Form, error) {
	t.Helper()
	v, err := wbm.Open(t.Context(), s.address, s.options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	if err := v.Login(t.Context(), secret.New(password)); err != nil {
		t.Fatal(err)
	}
	return v.Find(t.Context())
}

// TestFindEnds checks that the walk through an endless menu ends.
func TestFindEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		setup func(*site)
		says  string
		most  int // pages that are asked for
	}{
		{"a thousand pages", func(s *site) {
			s.menu(links(numbered(1000)...))
			for _, page := range numbered(1000) {
				s.page(page, "<p>nothing")
			}
		}, "on 64 pages, and more were not read", 64},
		{"always another one", func(s *site) {
			s.menu(links("Upgrade"))
			n := 0
			s.pages["Upgrade"] = func(w http.ResponseWriter, _ *http.Request) {
				n++
				next := "Upgrade" + strings.Repeat("x", n)
				s.pages[next] = s.pages["Upgrade"]
				text(w, "%s", links(next))
			}
		}, "and more were not read", 64},
		{"always more forms", func(s *site) {
			s.menu(links(upgrades(100)...))
			for i, page := range upgrades(100) {
				s.page(page, fmt.Sprintf(`<h1>Firmware</h1><form action=a%d %s><input type=file name=f></form>`, i, takesFile))
			}
		}, "forms may be meant", 64},
		{"a page that was seen in a frame", func(s *site) {
			s.menu(links("Upgrade", "Z"))
			s.page("Upgrade", `<iframe src="page.cmd?page=Z"></iframe>`)
			s.page("Z", "<p>")
		}, "on 3 pages", 2},
		{"round and round", func(s *site) {
			s.menu(links("A", "B"))
			s.page("A", links("B", "A", "B&lang=de", "A&lang=fr&user=Admin")+`<a href="#x">x</a><a href="page.cmd?page=A#top">x</a>`)
			s.page("B", links("A&lang=en")+`<iframe src="page.cmd?page=A"></iframe>`)
		}, "on 3 pages", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.setup(s)
			_, err := s.find(t)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			asked := 0
			for _, seen := range s.seen {
				if strings.HasPrefix(seen, "GET /page.cmd?page=") {
					asked++
				}
			}
			if asked > c.most || asked == 0 {
				t.Errorf("it was asked for %d pages", asked)
			}
			slices.Sort(s.seen)
			if n := len(s.seen); len(slices.Compact(s.seen)) != n {
				t.Errorf("it was asked twice: %q", s.seen)
			}
		})
	}
}

// TestUnsafeLinks checks that links that change something, or lead elsewhere, are not followed.
func TestUnsafeLinks(t *testing.T) {
	t.Parallel()
	for _, href := range []string{
		"page.cmd?user=none", "page.cmd?page=WEBM_Admin_Restart", "page.cmd?page=WEBM_Admin_FactoryReset", "page.cmd?page=Upgrade&user=none",
		"page.cmd?page=Upgrade&action=start", "page.cmd?page=Upgrade&user=User", "page.cmd?page=Upgrade&page=Other", "page.cmd?page=Upgrade;x",
		"https://127.0.0.2/page.cmd?page=Upgrade", "//127.0.0.2/page.cmd", "https://127.0.0.1/page.cmd", "http://127.0.0.1/upgrade.html",
		"javascript:upgrade()", "mailto:a@example.org", "upgrade.cgi", "upgrade.img", "/Logout.cmd", "ReBoot.html", "page.cmd?page=%zz", "page.cmd?page=LogOff&lang=en",
		"page.cmd?page=SoftwareUpgradeStart", "page.cmd?page=RestoreDefaults", "page.cmd?page=Shutdown", "page.cmd?page=UpgradePowerOff",
		"page.cmd?page=InitialiseSoftware", "page.cmd?page=DisableWebAccess", "page.cmd?page=softwareapply", "page.cmd?page=x&tab=FormatFlash",
		"upgrade/abort.html", "page.cmd?page=UpgradeNow", "page.cmd?page=x&menu=TurnOff",
	} {
		t.Run(href, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.pages["Redirect"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", href)
				w.WriteHeader(http.StatusFound)
			}
			s.menu(`<a href="` + href + `">Upgrade</a><a href="page.cmd?page=Last">x</a><a href="page.cmd?page=Redirect">x</a><iframe src="` + href + `"></iframe><area href="` + href + `">`)
			s.page("Last", "<p>")
			_, err := s.find(t)
			if kind(err) != wbm.KindNoForm && kind(err) != wbm.KindForeign {
				t.Errorf("%v", err)
			}
			if want := []string{"GET /index.cmd?user=Admin", "POST /page.cmd", "GET /page.cmd?page=Last", "GET /page.cmd?page=Redirect"}; !slices.Equal(s.seen, want) {
				t.Errorf("it was asked for %q", s.seen)
			}
		})
	}
}

// TestHiddenValues checks that of the values of hidden fields only the length is reported.
func TestHiddenValues(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.menu(links("PhoneApplication"))
	s.page("PhoneApplication", "<form "+takesFile+"><input type=hidden name=csrf value=token-canary><input type=file name=f><input type=submit></form>")
	o := s.options(t)
	var told []string
	o.Event = func(e wbm.Event) { told = append(told, e.Text) }
	_, _ = s.visit(t, o, image("x")) // what the answer is does not matter
	if all := strings.Join(told, "\n"); strings.Contains(all, "token-canary") || !strings.Contains(all, " csrf (hidden, 12 bytes)") {
		t.Errorf("%s", all)
	}
}
