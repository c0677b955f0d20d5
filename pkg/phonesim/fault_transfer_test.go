package phonesim_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// transferring is a phone with a fault, and somebody who has logged in at its page; the service has an image.
func transferring(t *world, faults ...string) (*service, *watched, *browser) {
	t.Helper()
	s := newService(t)
	s.file = cpb(t, nil)
	p := withPage(t, faults...)
	b := visit(t, p)
	b.logIn()
	return s, p, b
}

// testTransferAnswer: what the page says, whether the phone fetches, and whether it restarts with the image.
func testTransferAnswer(says string, fetches, installs bool) func(*world, string) {
	return func(t *world, fault string) {
		s, p, b := transferring(t, fault)
		if got := result(b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s))); got != says {
			t.Errorf("the page says %q", got)
		}
		if installs {
			p.await(phonesim.Started)
			if got := p.State().Version.String(); got != "V1 R9.2.0" {
				t.Errorf("it runs %s", got)
			}
		} else {
			stays(t, p)
		}
		if got := p.State().Fetches; (got == 1) != fetches {
			t.Errorf("it fetched %d files", got)
		}
	}
}

// testTransferSilent: nothing answers, and the phone stays what it is; it can still be visited.
func testTransferSilent(t *world, fault string) {
	s, p, b := transferring(t, fault)
	b.client.Timeout = 20 * time.Minute
	if text, err := b.trySend(b.transferForm(applicationPage, 0).fetchByHTTPS(s)); err == nil {
		t.Errorf("it answers\n%s", text)
	}
	p.await(phonesim.Fetched)
	stays(t, p)
	if text := b.get(applicationPage); !strings.Contains(text, "Phone application") {
		t.Errorf("it shows\n%s", text)
	}
}

// testTransferDrips: the answer begins, and goes on as long as somebody reads.
func testTransferDrips(t *world, fault string) {
	s, p, b := transferring(t, fault)
	b.client.Timeout = 20 * time.Minute
	text, err := b.trySend(b.transferForm(applicationPage, 0).fetchByHTTPS(s))
	if err == nil || !strings.Contains(text, "<html") || len(text) < 6000 {
		t.Errorf("%v after\n%s", err, cut(text))
	}
	p.await(phonesim.Fetched)
	stays(t, p)
}

// testTransferNoAnswer: the connection ends with the restart, without an answer.
func testTransferNoAnswer(t *world, fault string) {
	s, p, b := transferring(t, fault)
	if text, err := b.trySend(b.transferForm(applicationPage, 0).fetchByHTTPS(s)); err == nil {
		t.Errorf("it answers\n%s", text)
	}
	p.await(phonesim.Started)
	if got := p.State().Version.String(); got != "V1 R9.2.0" {
		t.Errorf("it runs %s", got)
	}
}

// testTransferLogsOut: the form of login answers, and nothing is fetched.
func testTransferLogsOut(t *world, fault string) {
	s, p, b := transferring(t, fault)
	if text := b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s)); !strings.Contains(text, "AdminPassword") {
		t.Errorf("it answers\n%s", text)
	}
	stays(t, p)
	p.never(phonesim.Fetching)
	if text := b.get(applicationPage); !strings.Contains(text, "AdminPassword") {
		t.Errorf("the session goes on:\n%s", text)
	}
}

// testTransferBadToken: there is a token, and the right one is refused as well.
func testTransferBadToken(t *world, fault string) {
	s, p, b := transferring(t, fault)
	f := b.transferForm(applicationPage, 0).fetchByHTTPS(s)
	if f.fields[2][0] != "WEBMv_Admin_Token" || f.fields[2][1] == "" {
		t.Errorf("the form is %q", f.fields)
	}
	if got := result(b.send(f)); got != transferFailed {
		t.Errorf("the page says %q", got)
	}
	if e := p.await(phonesim.NotTaken); e.Detail != "the page has expired" {
		t.Errorf("it does not take it: %s", e.Detail)
	}
	stays(t, p)
}

// testTransferForms counts the transfer forms of the page for the phone application, and says where the last one leads and
// what its hidden fields name.
func testTransferForms(count int, action, field string) func(*world, string) {
	return func(t *world, fault string) {
		_, _, b := transferring(t, fault)
		text := b.get(applicationPage)
		if got := strings.Count(text, `<form name="page"`); got != count {
			t.Errorf("it has %d transfer forms", got)
		}
		if strings.Count(text, `type="file"`) != 1 {
			t.Error("it has no form for an upload")
		}
		last := text[max(strings.LastIndex(text, `<form name="page"`), 0):]
		if got := find(last, `^<form name="page" action="([^"]*)"`); got != action {
			t.Errorf("it leads to %q", got)
		}
		if got := find(last, `name="WEBMv_Admin_Download_FileName" value="([^"]*)"`); count > 0 && got != field {
			t.Errorf("its field is %q", got)
		}
	}
}

// testTransferNoForm: there is no such form, and what is sent without one is refused.
func testTransferNoForm(t *world, fault string) {
	testTransferForms(0, "", "")(t, fault)
	other := visit(t, withPage(t))
	other.logIn()
	s, p, b := transferring(t, fault)
	b.send(other.transferForm(applicationPage, 0).fetchByHTTPS(s))
	if e := p.await(phonesim.NotTaken); e.Detail != "the page has no such form" {
		t.Errorf("it does not take it: %s", e.Detail)
	}
}

// testTransferTwo: either of the two forms makes the phone fetch.
func testTransferTwo(t *world, fault string) {
	testTransferForms(2, "./page.cmd", "dl-app2-file")(t, fault)
	s, p, b := transferring(t, fault)
	f := b.transferForm(applicationPage, 1).set("dl-app2-method", "1").set("dl-app2-base-url", "https://"+s.address()+"/file/")
	b.send(f.set("dl-app2-file", "image.img").set("WEBM-Admin-StartDownload", "1"))
	p.await(phonesim.Started)
}

// testTransferNoStart: a form without After submit starts at once.
func testTransferNoStart(t *world, fault string) {
	s, p, b := transferring(t, fault)
	f := b.transferForm(applicationPage, 0).set("dl-app-method", "1").set("dl-app-base-url", "https://"+s.address()+"/file/").set("dl-app-file", "image.img")
	if len(f.labels) != 10 {
		t.Errorf("it has the settings %q", f.labels)
	}
	if got := result(b.send(f)); got != transferDone {
		t.Errorf("the page says %q", got)
	}
	p.await(phonesim.Started)
}

// testTransferOtherShape: only the labels are known; a token and a Referer are required.
func testTransferOtherShape(t *world, fault string) {
	s, p, b := transferring(t, fault)
	fill := func() *filledForm {
		f := b.transferForm(applicationPage, 0)
		for name, label := range f.labels {
			switch label {
			case "Download method":
				f.set(name, "30")
			case "HTTPS base URL":
				f.set(name, "https://"+s.address()+"/file/")
			case "Filename":
				f.set(name, "image.img")
			case "After submit":
				f.set(name, "9")
			case "Password":
				f.set(name, "s3cret")
			}
		}
		return f
	}
	old := fill()
	fill()
	for why, send := range map[string]func(){
		"the page has expired": func() { b.send(old) },
		"the Referer does not name the page of the form": func() {
			f := fill()
			f.page = ".example/"
			b.send(f)
		},
	} {
		if send(); p.await(phonesim.NotTaken).Detail != why {
			t.Errorf("it does not refuse it because %s", why)
		}
	}
	b.origin = "https://192.0.2.1"
	b.send(fill())
	p.await(phonesim.NotTaken)
	b.origin = ""
	if got := result(b.send(fill())); got != transferDone {
		t.Errorf("the page says %q", got)
	}
	p.await(phonesim.Started)
	p.silentAbout("s3cret")
	if seen := p.State().LastTransfer; seen.Referer != b.base+applicationPage || seen.ContentType != "application/x-www-form-urlencoded" || len(seen.Parts) != 15 {
		t.Errorf("it got %+v", seen)
	}
}

// testTransferOneForm: the form for both takes a file, and fetches one when none is chosen.
func testTransferOneForm(t *world, fault string) {
	for _, upload := range []bool{true, false} {
		s, p, b := transferring(t, fault)
		text := b.get(applicationPage)
		if strings.Contains(text, `name="page"`) {
			t.Errorf("it has two forms:\n%s", text)
		}
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, field := range [][2]string{
			{"page_submit", "WEBM_Admin_FileTransferPhoneApplication"},
			{"lang", "en"},
			{"WEBMv_Admin_Token", find(text, `name="WEBMv_Admin_Token" value="(\d+)"`)},
			{"WEBMv_Admin_Download_FileType", "1"},
			{"WEBMv_Admin_Download_FileName", "dl-app-file"},
			{"dl-app-method", "1"},
			{"dl-app-addr", ""},
			{"dl-app-port", ""},
			{"dl-app-account", ""},
			{"dl-app-username", ""},
			{"dl-app-password", ""},
			{"dl-app-path", ""},
			{"dl-app-base-url", "https://" + s.address() + "/file/"},
			{"dl-app-file", "image.img"},
			{"WEBM-Admin-StartDownload", "1"},
		} {
			fatal(t, w.WriteField(field[0], field[1]))
		}
		name := ""
		if upload {
			name = "cp600.bind"
		}
		file, err := w.CreateFormFile("dl-app-upload", name)
		fatal(t, err)
		if upload {
			_, err = file.Write(s.file)
			fatal(t, err)
		}
		fatal(t, w.WriteField("submit-button", "Submit"))
		fatal(t, w.Close())
		got, err := b.do(http.MethodPost, "/page.cmd", w.FormDataContentType(), io.Reader(&body))
		fatal(t, err)
		p.await(phonesim.Started)
		state := p.State()
		if state.Uploads+state.Fetches != 1 || (state.Uploads == 1) != upload || (state.LastTransfer == nil) != upload {
			t.Errorf("it is %+v after\n%s", state, got.text)
		}
		if says := result(got.text); !upload && says != transferDone {
			t.Errorf("the page says %q", says)
		}
	}
}
