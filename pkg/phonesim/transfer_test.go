package phonesim_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestTransfer: the phone fetches by HTTPS and by FTP what its page says, answers when it has it, and restarts.
func TestTransfer(t *testing.T) {
	t.Parallel()
	image := cpb(t, nil)
	for name, fill := range map[string]func(*world, *service, *filledForm){
		"https": func(_ *world, s *service, f *filledForm) { f.fetchByHTTPS(s) },
		"ftp": func(t *world, _ *service, f *filledForm) {
			host, port, err := net.SplitHostPort(newFTPServer(t, image).listener.Addr().String())
			fatal(t, err)
			f.set("dl-app-method", "0").set("dl-app-addr", host).set("dl-app-port", port).set("dl-app-username", "fw").
				set("dl-app-password", "s3cret").set("dl-app-path", "/cp600").set("dl-app-file", "image.img").
				set("dl-app-base-url", "of no use").set("WEBM-Admin-StartDownload", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				s.file = image
				p := withPage(t)
				b := visit(t, p)
				b.logIn()
				f := b.transferForm(applicationPage, 0)
				fill(t, s, f)
				if got := result(b.send(f)); got != transferDone {
					t.Errorf("the page says %q", got)
				}
				if e := p.await(phonesim.Instructed); !strings.HasPrefix(e.Detail, "at its web page: ") {
					t.Errorf("it was told %q", e.Detail)
				}
				if e := p.await(phonesim.Fetched); e.Bytes != int64(len(image)) {
					t.Errorf("it got %d bytes", e.Bytes)
				}
				p.await(phonesim.Installing)
				p.await(phonesim.Started)
				if got := p.State(); got.Version.String() != "V1 R9.2.0" || got.Instructed != 1 || got.Fetches != 1 || got.Uploads != 0 || got.Changes != 0 {
					t.Errorf("it is %+v", got)
				}
				p.silentAbout("s3cret")
			})
		})
	}
}

// silentAbout fails if an event or the recorded request tells a secret.
func (w *watched) silentAbout(secret string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.all {
		if strings.Contains(e.Detail, secret) {
			w.t.Errorf("the event %q tells the password", e.Kind)
		}
	}
	if seen := fmt.Sprintf("%+v", w.State().LastTransfer); strings.Contains(seen, secret) {
		w.t.Errorf("the request tells the password: %s", seen)
	}
}

// TestTransferStored: with "do nothing" nothing is fetched, nor by a form for another file.
func TestTransferStored(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := withPage(t)
		b := visit(t, p)
		b.logIn()
		if got := result(b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s).set("WEBM-Admin-StartDownload", "0"))); got != "" {
			t.Errorf("the page says %q", got)
		}
		b.send(b.transferForm("/page.cmd?page=WEBM_Admin_Logo", 0).set("dl-lgo-file", "logo.png").set("WEBM-Admin-StartDownload", "1"))
		b.send(b.transferForm("/page.cmd?page=WEBM_Admin_FileTransferLdap", 0).set("dl-ldp-file", "ldap.txt").set("WEBM-Admin-StartDownload", "1"))
		if got := p.State(); got.Changes != 3 || got.Instructed != 0 || len(s.gets) != 0 {
			t.Errorf("it is %+v", got)
		}
		stays(t, p)
	})
}

// TestTransferFails: a file that is not there, or that the phone does not install, is a failure on the page.
func TestTransferFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		image []byte
		base  string
		kind  phonesim.Kind
	}{
		"no such file": {cpb(t, nil), "/missing/", phonesim.FetchEnded},
		"other model":  {cpb(t, func(b *bind.Builder) { b.Models = []string{"CP200"} }), "/file/", phonesim.Refused},
		"no image":     {[]byte("no image"), "/file/", phonesim.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				s.file = test.image
				p := withPage(t)
				b := visit(t, p)
				b.logIn()
				if got := result(b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s).set("dl-app-base-url", "https://"+s.address()+test.base))); got != transferFailed {
					t.Errorf("the page says %q", got)
				}
				p.await(test.kind)
				stays(t, p)
			})
		})
	}
}

// TestTransferDefaults: with Use defaults, the phone takes its stored defaults and the file's name alone, whatever else the
// form says; and its page changes the defaults, which it keeps over a restart and never shows the password of.
func TestTransferDefaults(t *testing.T) {
	t.Parallel()
	image := cpb(t, nil)
	inMemory(t, func(t *world) {
		server := newFTPServer(t, image)
		host, port, err := net.SplitHostPort(server.listener.Addr().String())
		fatal(t, err)
		c := cp600()
		c.Web = "127.0.0.1:0"
		c.Defaults = phonesim.Access{Server: host, Port: port, Username: "fw", Password: "s3cret", Path: "cp600"}
		p := start(t, c)
		b := visit(t, p)
		b.logIn()
		use := func() string {
			f := b.transferForm(applicationPage, 0).set("dl-app-use-defaults", "true").set("dl-app-method", "1").set("dl-app-base-url", "https://127.0.0.1:1/")
			return result(b.send(f.set("dl-app-file", "image.img").set("WEBM-Admin-StartDownload", "1")))
		}
		if got := use(); got != transferDone {
			t.Errorf("the page says %q", got)
		}
		p.await(phonesim.Started)
		for _, command := range []string{"USER fw", "PASS s3cret", "CWD cp600", "RETR image.img"} {
			if !server.saw(command) {
				t.Errorf("the server saw no %s", command)
			}
		}
		s := newService(t)
		s.file = image
		b.logIn()
		page := "/page.cmd?page=WEBM_Admin_FileTransferDefaults"
		if text := b.get(page); !strings.Contains(text, `value="fw"`) || strings.Contains(text, "s3cret") {
			t.Errorf("the page of the defaults is\n%s", text)
		}
		b.send(b.transferForm(page, 0).set("dl-def-method", "7"))
		p.await(phonesim.NotTaken)
		b.send(b.transferForm(page, 0).set("dl-def-method", "1").set("dl-def-base-url", "https://"+s.address()+"/file").set("dl-def-username", ""))
		p.await(phonesim.Changed)
		if got := use(); got != transferDone {
			t.Errorf("after the change the page says %q", got)
		}
		if got := <-s.gets; !strings.HasPrefix(got, "GET /file/image.img HTTP/1.1\r\n") || strings.Contains(got, "Authorization") {
			t.Errorf("it asks %q", got)
		}
		p.silentAbout("s3cret")
	})
}

// TestTransferNoDefaults: without stored defaults, Use defaults leads nowhere.
func TestTransferNoDefaults(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := withPage(t)
		b := visit(t, p)
		b.logIn()
		if got := result(b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s).set("dl-app-use-defaults", "true"))); got != transferFailed {
			t.Errorf("the page says %q", got)
		}
		if e := p.await(phonesim.NotTaken); e.Detail != "it names no server" {
			t.Errorf("it does not take it: %s", e.Detail)
		}
	})
}

// TestTransferHeldOpen: the page answers when the transfer has ended, however long that takes, and a person who leaves does not
// end it.
func TestTransferHeldOpen(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		for _, leaves := range []bool{false, true} {
			s := newService(t)
			s.file = cpb(t, nil)
			s.gets = make(chan string)
			c := cp600()
			c.Web, c.Timeout = "127.0.0.1:0", time.Hour
			p := start(t, c)
			b := visit(t, p)
			b.logIn()
			f := b.transferForm(applicationPage, 0).fetchByHTTPS(s)
			answered := make(chan string, 1)
			if leaves {
				b.client.Timeout = time.Minute
			}
			go func() {
				text, err := b.trySend(f)
				answered <- fmt.Sprint(result(text), err != nil)
			}()
			p.await(phonesim.Fetching)
			time.Sleep(20 * time.Minute) // of virtual time
			if !leaves && len(answered) > 0 {
				t.Errorf("it answers early: %s", <-answered)
			}
			<-s.gets
			if got, want := <-answered, map[bool]string{false: transferDone + "false", true: "true"}[leaves]; got != want {
				t.Errorf("it answers %s, want %s", got, want)
			}
			p.await(phonesim.Started)
		}
	})
}

// TestTransferWithoutLogin: who has not logged in, or has to change the password, makes the phone fetch nothing.
func TestTransferWithoutLogin(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		known := visit(t, withPage(t))
		known.logIn()
		f := known.transferForm(applicationPage, 0).fetchByHTTPS(s)
		p := withPage(t)
		if text := visit(t, p).send(f); !strings.Contains(text, "AdminPassword") {
			t.Errorf("it answers\n%s", text)
		}
		change := withPage(t, "web-change-password")
		b := visit(t, change)
		b.logIn()
		b.send(f)
		for _, phone := range []*watched{p, change} {
			if got := phone.State(); got.Instructed != 0 || got.LastTransfer != nil {
				t.Errorf("it is %+v", got)
			}
		}
	})
}

// TestToldWhileTransferring: a phone does not fetch what it is told to while it fetches for its page.
func TestToldWhileTransferring(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s, files := newService(t), newService(t)
		files.file, files.gets = cpb(t, nil), make(chan string)
		p := withPage(t)
		b := visit(t, p)
		b.logIn()
		f := b.transferForm(applicationPage, 0).fetchByHTTPS(files)
		c := solicit(t, p.Address(), s)
		answered := make(chan string, 1)
		go func() {
			text, _ := b.trySend(f)
			answered <- result(text)
		}()
		p.await(phonesim.Fetching)
		s.say(c, "SoftwareDeployment", httpsItems(s, "normal")...)
		if e := p.await(phonesim.Declined); e.Detail != "it fetches an image for its web page" {
			t.Errorf("it declines: %s", e.Detail)
		}
		<-files.gets
		if got := <-answered; got != transferDone {
			t.Errorf("the page says %q", got)
		}
		p.await(phonesim.Started)
		if got := p.State(); got.Fetches != 1 || got.Restarts != 1 {
			t.Errorf("it is %+v", got)
		}
	})
}

// TestTransferWithOtherFaults: the faults of fetching, of images and of the page's answers hold for a transfer, too.
func TestTransferWithOtherFaults(t *testing.T) {
	t.Parallel()
	for faults, test := range map[string]struct {
		says, version string
		last          phonesim.Kind
		fetches       int
	}{
		"fetches-twice":               {transferDone, "V1 R9.2.0", phonesim.Started, 2},
		"cut-and-resumes":             {transferDone, "V1 R9.2.0", phonesim.Started, 1},
		"cut-mid-download":            {transferFailed, "V1 R4.9.0", phonesim.FetchEnded, 0},
		"never-fetches":               {transferFailed, "V1 R4.9.0", phonesim.Declined, 0},
		"reject-image":                {transferFailed, "V1 R4.9.0", phonesim.Refused, 1},
		"truncated":                   {transferFailed, "V1 R4.9.0", phonesim.Refused, 1},
		"reboots-with-old-version":    {transferDone, "V1 R4.9.0", phonesim.Started, 1},
		"restarts-with-other-version": {transferDone, "V1 R9.2.1", phonesim.Started, 1},
		"never-comes-back":            {transferDone, "V1 R4.9.0", phonesim.Gone, 1},
		"web-hostile-text":            {"green: \x1b[31m\u202eTransfer completed successfully", "V1 R9.2.0", phonesim.Started, 1},
		"web-huge-answer":             {transferDone, "V1 R9.2.0", phonesim.Started, 1},
		"web-no-form":                 {transferDone, "V1 R9.2.0", phonesim.Started, 1},
		"web-foreign-form":            {transferDone, "V1 R9.2.0", phonesim.Started, 1},
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s, p, b := transferring(t, faults)
				if got := result(b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s))); got != test.says {
					t.Errorf("the page says %q", got)
				}
				p.await(test.last)
				if got := p.State(); got.Version.String() != test.version || got.Fetches != test.fetches {
					t.Errorf("it is %+v", got)
				}
			})
		})
	}
}

// TestTransferOfOpenStage: an OpenStage has the transfer form, and no form for an upload.
func TestTransferOfOpenStage(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		var image bytes.Buffer
		builder := bind.OpenStageBuilder{Name: "OpenStage Hi", Version: bind.Version{Major: 3, Release: 5}, DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}
		payload := bytes.Repeat([]byte("firmware"), 20_000)
		fatal(t, builder.Build(t.Context(), &image, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))))
		s := newService(t)
		s.file = image.Bytes()
		c := cp600()
		c.Web, c.DeviceType, c.Version = "127.0.0.1:0", "OpenStage 40", bind.Version{Major: 3, Release: 1}
		p := start(t, c)
		b := visit(t, p)
		b.logIn()
		if strings.Contains(b.get(applicationPage), `type="file"`) {
			t.Error("it takes an upload")
		}
		if got := result(b.send(b.transferForm(applicationPage, 0).fetchByHTTPS(s))); got != transferDone {
			t.Errorf("the page says %q", got)
		}
		p.await(phonesim.Started)
		if got := p.State().Version.String(); got != "V3 R5.0.0" {
			t.Errorf("it runs %s", got)
		}
	})
}
