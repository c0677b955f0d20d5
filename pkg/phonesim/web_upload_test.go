package phonesim_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestNotTaken: forms that the phone does not take, though they come from somebody who has logged in.
func TestNotTaken(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		p := withPage(t)
		b := visit(t, p)
		b.logIn()
		image := cpb(t, nil)
		replace := func(old, replacement string) func([]byte) []byte {
			return func(body []byte) []byte {
				if !bytes.Contains(body, []byte(old)) {
					t.Errorf("the form has no %q", old)
				}
				return bytes.Replace(body, []byte(old), []byte(replacement), 1)
			}
		}
		for why, change := range map[string]func([]byte) []byte{
			"the page has expired": func(body []byte) []byte {
				b.get(applicationPage)
				return body
			},
			"it is not a file for the phone application": replace("FileType\"\r\n\r\n1", "FileType\"\r\n\r\n4"),
			"the form has no such file":                  replace("dl-app-upload", "dl-lgo-upload"),
			"no file was chosen":                         replace(`filename="cp600.bind"`, `filename=""`),
			"no file was received":                       replace(`; filename="cp600.bind"`, ""),
		} {
			contentType, body := b.form(applicationPage, image)
			answered, err := b.do(http.MethodPost, "/page.cmd", contentType, bytes.NewReader(change(body)))
			fatal(t, err)
			if got := class(answered.text, "error"); got != "Transfer failed: "+why {
				t.Errorf("%s: it answers %q", why, got)
			}
			if e := p.await(phonesim.NotTaken); e.Detail != why {
				t.Errorf("it does not take it: %s, want %s", e.Detail, why)
			}
		}
		stays(t, p)
		if got := p.State(); got.Uploads != 0 || got.UploadBytes != 0 || got.Changes != 0 {
			t.Errorf("it got something: %+v", got)
		}
	})
}

// TestCancelled: who leaves before the end has uploaded nothing, however that looks on the wire; and the phone can be
// asked again.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(net.Conn, *tls.Conn, string) error{
		"closed": func(_ net.Conn, conn *tls.Conn, _ string) error { return conn.Close() },
		"reset": func(raw net.Conn, _ *tls.Conn, _ string) error {
			if err := raw.(interface{ SetLinger(seconds int) error }).SetLinger(0); err != nil {
				return err
			}
			return raw.Close()
		},
		"half-closed": func(_ net.Conn, conn *tls.Conn, _ string) error { return conn.CloseWrite() },
		"but for the last byte": func(_ net.Conn, conn *tls.Conn, rest string) error {
			_, err := io.WriteString(conn, rest[:len(rest)-1])
			if err != nil {
				return err
			}
			return conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *world) {
				p := withPage(t)
				b := visit(t, p)
				b.logIn()
				conn, rest := b.half(cpb(t, nil))
				p.await(phonesim.Uploading)
				contact(t, p.Address(), "127.0.0.1:1")
				if e := p.await(phonesim.Ignored); e.Detail != "it is uploading" {
					t.Errorf("it ignores a contact: %s", e.Detail)
				}
				if text, err := b.upload(cpb(t, nil)); err != nil || class(text, "error") != "Transfer failed: it is busy: uploading" {
					t.Errorf("to a second upload it says %q, %v", class(text, "error"), err)
				}
				p.await(phonesim.NotTaken)
				fatal(t, leave(conn.(*tls.Conn).NetConn(), conn.(*tls.Conn), rest))
				if e := p.await(phonesim.Cancelled); e.Bytes == 0 || e.Detail != "the connection ended early" {
					t.Errorf("%s after %d bytes", e.Detail, e.Bytes)
				}
				stays(t, p)
				if _, err := b.upload(cpb(t, nil)); err != nil {
					t.Error(err)
				}
				p.await(phonesim.Started)
			})
		})
	}
}

// TestSilentUpload: an upload of which nothing comes any more ends.
func TestSilentUpload(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		c := cp600()
		c.Web = "127.0.0.1:0"
		p := start(t, c)
		b := visit(t, p)
		b.client.Transport.(*http.Transport).DisableKeepAlives = true // the phone does not wait for long with others either
		b.logIn()
		b.half(cpb(t, nil))
		if e := p.await(phonesim.Cancelled); e.Detail != "no data arrived in time" {
			t.Errorf("it ended: %s", e.Detail)
		}
		stays(t, p)
	})
}

// TestUploadRules: the phone looks at an image in the same way whatever way it came, and faults of restarting are those of
// uploads too.
func TestUploadRules(t *testing.T) {
	t.Parallel()
	other := cpb(t, func(b *bind.Builder) { b.Models = []string{"CP200"} })
	damaged := cpb(t, nil)
	damaged[len(damaged)-1] ^= 1
	for _, test := range []struct {
		faults, refused, version string
		image                    []byte
		last                     phonesim.Kind
	}{
		{image: other, refused: "it is for other models"},
		{image: damaged, refused: "the digest of the received image"},
		{image: []byte("no image"), refused: "not a bind"},
		{image: []byte{}, refused: "empty"},
		{faults: "truncated", refused: "CPB "},
		{faults: "wrong-device", refused: "it is for another device"},
		{faults: "reboots-with-old-version", version: "V1 R4.9.0", last: phonesim.Started},
		{faults: "restarts-with-other-version", version: "V1 R9.2.1", last: phonesim.Started},
		{faults: "never-comes-back", version: "V1 R4.9.0", last: phonesim.Gone},
		{faults: "comes-back-elsewhere", version: "V1 R9.2.0", last: phonesim.Started},
		{faults: "comes-back-other-mac", version: "V1 R9.2.0", last: phonesim.Started},
	} {
		t.Run(test.faults+test.refused, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				p := withPage(t, strings.Fields(test.faults)...)
				before := p.State()
				if test.image == nil {
					test.image = cpb(t, nil)
				}
				b := visit(t, p)
				b.logIn()
				text, err := b.upload(test.image)
				fatal(t, err)
				if test.refused != "" {
					if e := p.await(phonesim.Refused); !strings.Contains(e.Detail, test.refused) || class(text, "error") == "" {
						t.Errorf("it refuses for %q, and says\n%s", e.Detail, text)
					}
					stays(t, p)
					return
				}
				p.await(test.last)
				after := p.State()
				moved := after.WebAddress != before.WebAddress
				if after.Version.String() != test.version || moved != (test.faults == "comes-back-elsewhere") {
					t.Errorf("it is %+v", after)
				}
			})
		})
	}
}

// TestUploadIsSeen: the shape of a request with a file is known, without passwords and bounded, and one whose length is not
// stated is taken as well.
func TestUploadIsSeen(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		p := withPage(t)
		b := visit(t, p)
		b.logIn()
		image := cpb(t, nil)
		token := find(b.get(applicationPage), `name="WEBMv_Admin_Token" value="(\d+)"`)
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, field := range [][2]string{
			{"page_submit", "WEBM_Admin_FileTransferPhoneApplication"},
			{"WEBMv_Admin_Token", token},
			{"WEBMv_Admin_Download_FileType", "1"},
			{"dl-app-password", "secret"},
			{"long", strings.Repeat("x", 300)},
			{strings.Repeat("n", 300), ""},
		} {
			fatal(t, w.WriteField(field[0], field[1]))
		}
		file, err := w.CreateFormFile("dl-app-upload", "../dir/<cp>.bind")
		fatal(t, err)
		_, err = file.Write(image)
		fatal(t, err)
		fatal(t, w.Close())
		_, err = b.do(http.MethodPost, "/page.cmd?x=y", w.FormDataContentType(), io.MultiReader(&body)) // whose length nobody knows
		fatal(t, err)
		p.await(phonesim.Started)
		seen := p.State().LastUpload
		if seen.Method != http.MethodPost || seen.Path != "/page.cmd?x=y" || seen.Length != -1 {
			t.Errorf("%s %s with %d bytes", seen.Method, seen.Path, seen.Length)
		}
		var got string
		for _, part := range seen.Parts {
			got += fmt.Sprintf("%.10s %.3s %d %v %s %s\n", part.Name, part.Value, part.Length, part.HasFileName, part.FileName, part.ContentType)
		}
		want := fmt.Sprintf("page_submi WEB 39 false  \nWEBMv_Admi %.3s %d false  \nWEBMv_Admi 1 1 false  \ndl-app-pas  6 false  \nlong  300 false  \nnnnnnnnnnn  0 false  \n"+
			"dl-app-upl  %d true ../dir/<cp>.bind application/octet-stream\n", token, len(token), len(image))
		if got != want || len(seen.Parts[5].Name) != 256 {
			t.Errorf("it got\n%s, want\n%s", got, want)
		}
	})
}

// TestPageTakesContacts: the contact path is there on the web page too.
func TestPageTakesContacts(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := withPage(t)
		host, port, err := net.SplitHostPort(s.address())
		fatal(t, err)
		got, err := visit(t, p).do(http.MethodGet, "/contact_dls.html/ContactDLS?ContactMe=true&dls_ip_addr="+host+"&dls_ip_port="+port, "", nil)
		fatal(t, err)
		if got.status != http.StatusNoContent {
			t.Errorf("it answers %d", got.status)
		}
		s.say(s.expect("solicited"), "CleanUp")
	})
}

// TestToldWhileUploading: a phone does not fetch what it is told to while an image comes in at its page.
func TestToldWhileUploading(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		s.file = cpb(t, nil)
		p := withPage(t)
		b := visit(t, p)
		b.logIn()
		c := solicit(t, p.Address(), s)
		conn, rest := b.half(cpb(t, nil))
		p.await(phonesim.Uploading)
		s.say(c, "SoftwareDeployment", httpsItems(s, "normal")...)
		if e := p.await(phonesim.Declined); e.Detail != "an image is being uploaded to its web page" {
			t.Errorf("it declines: %s", e.Detail)
		}
		_, err := io.WriteString(conn, rest)
		fatal(t, err)
		p.await(phonesim.Started)
		if got := p.State(); got.Version.String() != "V1 R9.2.0" || got.Fetches != 0 || got.Restarts != 1 {
			t.Errorf("it is %+v", got)
		}
	})
}

// TestWebCertificate: the page shows the certificate that it was given.
func TestWebCertificate(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		c := cp600()
		given := certificate(t, false)
		c.Web, c.ListenSecure, c.WebCertificate = "127.0.0.1:0", "127.0.0.1:0", &given
		p := start(t, c)
		conn := t.dialTLS(p.State().WebAddress)
		if got := conn.ConnectionState().PeerCertificates[0].Raw; !bytes.Equal(got, given.Certificate[0]) {
			t.Error("it shows another one")
		}
	})
}
