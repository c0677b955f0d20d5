package phonesim

import (
	"net/url"
	"testing"
	"unicode/utf16"
)

// FuzzTransferForm checks that a form that is taken has every field once, and nothing that is longer than it permits; and that
// what is fetched then is a whole address.
func FuzzTransferForm(f *testing.F) {
	const whole = "page_submit=WEBM_Admin_FileTransferPhoneApplication&lang=en&dl-app-method=1&dl-app-addr=&dl-app-port=&dl-app-account=&dl-app-username=&dl-app-password=" +
		"&dl-app-path=&dl-app-base-url=https%3A%2F%2Fh%2F&dl-app-file=x&WEBM-Admin-StartDownload=1&WEBMv_Admin_Download_FileType=1&WEBMv_Admin_Download_FileName=dl-app-file"
	f.Add(whole, false)
	f.Add(whole+"&dl-app-use-defaults=true", false)
	f.Add("page_submit=WEBM_Admin_FileTransferPhoneApplication&lang=en&fx11=x&fx12=9&fx13=20&fx14=&fx15=&fx16=&fx17=&fx18=&fx19=21&fx20=h&WEBMv_Admin_Download_FileType=23&WEBMv_Admin_Download_FileName=fx11", true)
	f.Fuzz(func(t *testing.T, body string, invented bool) {
		values, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		form := observedForm(pageApplication, "Phone application", "app", kindApplication)
		if invented {
			form = inventedForm()
		}
		settings, err := form.read(values, "en")
		if err != nil {
			return
		}
		for i := range form.fields {
			field := &form.fields[i]
			got := values[field.name]
			if len(got) > 1 || len(got) == 0 && field.kind != "checkbox" || field.most > 0 && len(utf16.Encode([]rune(got[0]))) > field.most {
				t.Fatalf("%s is %q", field.name, got)
			}
		}
		file, err := newAccess(settings).file(settings[setFile])
		if err == nil && (file.url == nil) == (file.server == "") {
			t.Fatalf("it fetches %v", file)
		}
	})
}
