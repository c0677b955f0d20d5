package phonesim_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"html"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

const applicationPage = "/page.cmd?page=WEBM_Admin_FileTransferPhoneApplication&lang=en"

// A browser visits a phone's web page.
type browser struct {
	t      *world
	client *http.Client
	base   string
	key    [32]byte // SHA-256 of the certificate that was shown last

	referer, origin string // to be sent, "" for none
}

// withPage is a phone with a web page.
func withPage(t *world, faults ...string) *watched {
	t.Helper()
	c := cp600()
	c.Web = "127.0.0.1:0"
	return start(t, c, faults...)
}

func visit(t *world, p *watched) *browser {
	t.Helper()
	return visitTLS(t, p, &tls.Config{MinVersion: tls.VersionTLS12})
}

func visitTLS(t *world, p *watched, config *tls.Config) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	fatal(t, err)
	b := &browser{t: t, base: "https://" + p.State().WebAddress}
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(s tls.ConnectionState) error {
		b.key = sha256.Sum256(s.PeerCertificates[0].Raw)
		return nil
	}
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return t.DialFrom(ctx, netip.Addr{}, network, address)
	}}
	b.client = &http.Client{Transport: transport, Jar: jar, Timeout: time.Hour, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return b
}

// An answer is what the page says.
type answer struct {
	status   int
	cookie   string
	location string
	length   int64
	text     string // up to 1 MiB of it
}

func (b *browser) do(method, path, contentType string, body io.Reader) (answer, error) {
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	fatal(b.t, err)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range map[string]string{"Referer": b.referer, "Origin": b.origin} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := b.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return answer{response.StatusCode, response.Header.Get("Set-Cookie"), response.Header.Get("Location"), response.ContentLength, string(text)}, err
}

func (b *browser) get(path string) string {
	b.t.Helper()
	got, err := b.do(http.MethodGet, path, "", nil)
	fatal(b.t, err)
	return got.text
}

// post sends a form: name, value, name, value.
func (b *browser) post(fields ...string) string {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	got, err := b.do(http.MethodPost, "/page.cmd", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	fatal(b.t, err)
	return got.text
}

// logIn sends the usual password.
func (b *browser) logIn() string {
	b.t.Helper()
	return b.post("page_submit", "WEBMp_Admin_Login", "AdminPassword", "123456")
}

// form fills in the form for a file of a page as it stands, with an image.
func (b *browser) form(page string, image []byte) (contentType string, body []byte) {
	b.t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, field := range regexp.MustCompile(`<input type="(hidden|text|password|file)" name="([^"]*)"(?: value="([^"]*)")?`).FindAllStringSubmatch(find(b.get(page), `(?s)(<form[^>]*enctype="multipart/form-data".*?</form>)`), -1) {
		if field[1] != "file" {
			fatal(b.t, w.WriteField(field[2], html.UnescapeString(field[3])))
			continue
		}
		file, err := w.CreateFormFile(field[2], "cp600.bind")
		fatal(b.t, err)
		_, err = file.Write(image)
		fatal(b.t, err)
	}
	fatal(b.t, w.Close())
	return w.FormDataContentType(), out.Bytes()
}

// upload sends an image with the form for it.
func (b *browser) upload(image []byte) (string, error) {
	b.t.Helper()
	contentType, body := b.form(applicationPage, image)
	got, err := b.do(http.MethodPost, "/page.cmd", contentType, bytes.NewReader(body))
	return got.text, err
}

// class is the text of the element of a class, "" without one.
func class(text, name string) string {
	return html.UnescapeString(find(text, `<div class="`+name+`">([^<]*)</div>`))
}

// TestUpload: somebody logs in, and uploads an image, and the phone restarts with it: at the same port, with the same key.
func TestUpload(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		image := cpb(t, nil)
		p := withPage(t)
		b := visit(t, p)
		if text := b.get("/index.cmd?user=Admin"); find(text, `<title>(.*)</title>`) != "OpenScape Desk Phone CP Admin" || !strings.Contains(text, `name="AdminPassword"`) {
			t.Errorf("the start page is\n%s", text)
		}
		if text := b.logIn(); !strings.Contains(text, "<td>V1 R4.9.0</td>") || !strings.Contains(text, "<td>S30817-S7720-A101-4</td>") {
			t.Errorf("after the login it shows\n%s", text)
		}
		p.await(phonesim.LoggedIn)
		address, key := p.State().WebAddress, b.key
		text, err := b.upload(image)
		fatal(t, err)
		if class(text, "success") != "Transfer completed successfully" {
			t.Errorf("it answers\n%s", text)
		}
		if e := p.await(phonesim.Uploading); e.Detail != "cp600.bind" {
			t.Errorf("it gets %q", e.Detail)
		}
		if e := p.await(phonesim.Uploaded); e.Bytes != int64(len(image)) {
			t.Errorf("it got %d bytes", e.Bytes)
		}
		p.await(phonesim.Restarting)
		p.await(phonesim.Started)
		state := p.State()
		if state.Version.String() != "V1 R9.2.0" || state.WebAddress != address || state.Logins != 1 || state.Uploads != 1 || state.UploadBytes != int64(len(image)) ||
			state.Changes != 0 || state.Fetches != 0 || state.Status != phonesim.StatusIdle {
			t.Errorf("it is %+v", state)
		}
		if text := b.get(applicationPage); !strings.Contains(text, `name="AdminPassword"`) {
			t.Errorf("it remembers the login after a restart:\n%s", text)
		}
		if b.logIn(); b.key != key {
			t.Error("it has another key")
		}
	})
}

// TestPageCertificate: the phone's own certificate is for the hosts at which its web page and its contact path are served.
func TestPageCertificate(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		c := cp600()
		c.Web, c.ListenSecure = "127.0.0.1:0", "[::1]:4443"
		p := start(t, c)
		leaf := t.dialTLS(p.State().WebAddress).ConnectionState().PeerCertificates[0]
		for _, host := range []string{"127.0.0.1", "::1"} {
			if err := leaf.VerifyHostname(host); err != nil {
				t.Error(err)
			}
		}
		if leaf.Subject.CommonName != c.MAC || leaf.VerifyHostname("127.0.0.2") == nil {
			t.Errorf("it is for %s, %v", leaf.Subject, leaf.IPAddresses)
		}
	})
}
