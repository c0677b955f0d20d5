package phonesim_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A filledForm is a transfer form as a browser would send it: names and values in their order.
type filledForm struct {
	page   string
	fields [][2]string
	labels map[string]string // of the names
	most   map[string]string // maxlength of the names
}

// transferForm reads the nth transfer form of a page, from 0, as it stands.
func (b *browser) transferForm(page string, n int) *filledForm {
	b.t.Helper()
	forms := regexp.MustCompile(`(?s)<form name="page".*?</form>`).FindAllString(b.get(page), -1)
	if len(forms) <= n {
		b.t.Fatalf("%s has %d transfer forms", page, len(forms))
	}
	f := &filledForm{page: page, labels: map[string]string{}, most: map[string]string{}}
	for _, row := range strings.Split(forms[n], "<tr>") {
		label := find(row, `<(?:label|font)[^>]*>([^<]*)</`)
		for _, tag := range regexp.MustCompile(`(?s)<input[^>]*>|<select.*?</select>`).FindAllString(row, -1) {
			name, value := find(tag, ` name="([^"]*)"`), html.UnescapeString(find(tag, ` value="([^"]*)"`))
			if selected := find(tag, `<option value="([^"]*)" selected`); selected != "" {
				value = selected
			}
			if !strings.Contains(tag, `type="hidden"`) && name != "" {
				f.labels[name], f.most[name] = label, find(tag, ` maxlength="(\d+)"`)
			}
			if name != "" && !strings.Contains(tag, `type="checkbox"`) {
				f.fields = append(f.fields, [2]string{name, value})
			}
		}
	}
	return f
}

// set sets the value of a field.
func (f *filledForm) set(name, value string) *filledForm {
	for i := range f.fields {
		if f.fields[i][0] == name {
			f.fields[i][1] = value
			return f
		}
	}
	f.fields = append(f.fields, [2]string{name, value})
	return f
}

// send sends the form, and returns the page that answers.
func (b *browser) send(f *filledForm) string {
	b.t.Helper()
	text, err := b.trySend(f)
	fatal(b.t, err)
	return text
}

func (b *browser) trySend(f *filledForm) (string, error) {
	b.t.Helper()
	var pairs []string
	for _, field := range f.fields {
		pairs = append(pairs, url.QueryEscape(field[0])+"="+url.QueryEscape(field[1]))
	}
	b.referer = b.base + f.page
	got, err := b.do(http.MethodPost, "/page.cmd", "application/x-www-form-urlencoded", strings.NewReader(strings.Join(pairs, "&")))
	b.referer = ""
	return got.text, err
}

// fetchByHTTPS fills in a form of the observed shape with the file of a service.
func (f *filledForm) fetchByHTTPS(s *service) *filledForm {
	return f.set("dl-app-method", "1").set("dl-app-base-url", "https://"+s.address()+"/file/").set("dl-app-file", "image.img").set("WEBM-Admin-StartDownload", "1")
}

// result is the result that a page shows: its colour and its text.
func result(text string) string {
	found := regexp.MustCompile(`<font color="([^"]*)"><i>([^<]*)</i></font>`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1] + ": " + found[2]
}

const (
	transferDone   = "green: Transfer completed successfully"
	transferFailed = "red: Transfer failed"
)

// TestTransferForm: the form has the names, labels, limits and values that were observed.
func TestTransferForm(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		b := visit(t, withPage(t))
		b.logIn()
		for page, prefix := range map[string]string{applicationPage: "app", "/page.cmd?page=WEBM_Admin_Logo&lang=de": "lgo", "/page.cmd?page=WEBM_Admin_FileTransferLdap": "ldp"} {
			f := b.transferForm(page, 0)
			var names []string
			for _, field := range f.fields {
				names = append(names, field[0]+"="+field[1])
			}
			lang, kind := "en", map[string]string{"app": "1", "lgo": "4", "ldp": "6"}[prefix]
			if prefix == "lgo" {
				lang = "de"
			}
			want := fmt.Sprintf("page_submit=%s lang=%s dl-%[3]s-method=0 dl-%[3]s-addr= dl-%[3]s-port= dl-%[3]s-account= dl-%[3]s-username= dl-%[3]s-password= "+
				"dl-%[3]s-path= dl-%[3]s-base-url= dl-%[3]s-file= WEBM-Admin-StartDownload=0 WEBMv_Admin_Download_FileType=%[4]s WEBMv_Admin_Download_FileName=dl-%[3]s-file",
				find(page, `page=(\w+)`), lang, prefix, kind)
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%s sends\n%s, want\n%s", page, got, want)
			}
			limits := ""
			for _, name := range []string{"use-defaults", "method", "addr", "port", "account", "username", "password", "path", "base-url", "file"} {
				limits += f.labels["dl-"+prefix+"-"+name] + " " + f.most["dl-"+prefix+"-"+name] + ", "
			}
			if want := "Use defaults , Download method , FTP Server address 92, FTP Server port 5, FTP account 92, FTP username 93, FTP password 24, FTP path 92, HTTPS base URL 92, Filename 50, "; limits != want {
				t.Errorf("%s has\n%s, want\n%s", page, limits, want)
			}
		}
	})
}

// TestTransferRefused: what a browser would not send is refused, and nothing is fetched.
func TestTransferRefused(t *testing.T) {
	t.Parallel()
	for why, change := range map[string]func(*filledForm){
		"the field dl-app-file has 51 characters, and takes 50":              func(f *filledForm) { f.set("dl-app-file", strings.Repeat("x", 51)) },
		"the field dl-app-base-url has 93 characters, and takes 92":          func(f *filledForm) { f.set("dl-app-base-url", "https://"+strings.Repeat("x", 85)) },
		"the field dl-app-password has 26 characters, and takes 24":          func(f *filledForm) { f.set("dl-app-password", strings.Repeat("🔑", 13)) },
		"the field dl-app-port has 6 characters, and takes 5":                func(f *filledForm) { f.set("dl-app-port", "000021") },
		"the field dl-app-method has another value than the form":            func(f *filledForm) { f.set("dl-app-method", "2") },
		"the field dl-app-use-defaults has another value than the form":      func(f *filledForm) { f.set("dl-app-use-defaults", "on") },
		"the field WEBM-Admin-StartDownload has another value than the form": func(f *filledForm) { f.set("WEBM-Admin-StartDownload", "start download") },
		"the hidden field lang did not come back as it was":                  func(f *filledForm) { f.fields = f.fields[:1] },
		"the hidden field WEBMv_Admin_Download_FileType did not come back as it was": func(f *filledForm) {
			f.set("WEBMv_Admin_Download_FileType", "4")
		},
		"the hidden field WEBMv_Admin_Download_FileName did not come back as it was": func(f *filledForm) {
			f.set("WEBMv_Admin_Download_FileName", "dl-lgo-file")
		},
		"the field dl-app-addr came 0 times": func(f *filledForm) {
			f.fields = append(f.fields[:3], f.fields[4:]...)
		},
		"the field dl-app-path came 2 times": func(f *filledForm) { f.fields = append(f.fields, [2]string{"dl-app-path", ""}) },
		"the form has no field x":            func(f *filledForm) { f.set("x", "") },
		"it names no file":                   func(f *filledForm) { f.set("dl-app-file", "") },
		"the URL is not an HTTPS URL":        func(f *filledForm) { f.set("dl-app-base-url", "http://127.0.0.1/") },
		"it names no server":                 func(f *filledForm) { f.set("dl-app-method", "0") },
		"the port is not valid": func(f *filledForm) {
			f.set("dl-app-method", "0").set("dl-app-addr", "127.0.0.1").set("dl-app-port", "99999")
		},
		"it is busy: fetching": nil,
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				s.file = cpb(t, nil)
				p := withPage(t)
				b := visit(t, p)
				b.logIn()
				f := b.transferForm(applicationPage, 0).fetchByHTTPS(s)
				if change == nil {
					s.gets = make(chan string) // until it is read, the first fetch waits
					go func() { _, _ = b.trySend(f) }()
					p.await(phonesim.Fetching)
				} else {
					change(f)
				}
				if strings.Contains(why, "lang") {
					f.fields = append(f.fields, [2]string{"WEBMv_Admin_Download_FileName", "dl-app-file"})
				}
				if got := result(b.send(f)); got != transferFailed {
					t.Errorf("the page says %q", got)
				}
				if e := p.await(phonesim.NotTaken); e.Detail != why {
					t.Errorf("it does not take it: %s", e.Detail)
				}
				if change == nil {
					<-s.gets
					p.await(phonesim.Started)
					return
				}
				stays(t, p)
				p.never(phonesim.Fetching)
			})
		})
	}
}
