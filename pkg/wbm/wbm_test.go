package wbm_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

const password = `pass&word"1`

// A site is a phone's page, written by hand. Its handlers may be replaced before the first request.
type site struct {
	*httptest.Server
	address string
	network network
	pages   map[string]http.HandlerFunc // by the value of page, of page_submit, or by path

	mu     sync.Mutex
	in     bool
	seen   []string // "GET page.cmd?page=..."
	logins []string // what was sent to log in
	parts  []part   // of the upload
	out    bool

	open sync.WaitGroup                  // connections that are answered by hand
	swap atomic.Pointer[tls.Certificate] // shown from now on, if there is one
}

// A part is one part of an upload.
type part struct{ name, file, kind, value string }

func text(w http.ResponseWriter, format string, a ...any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, format, a...)
}

const (
	loginPage = `<html><head><title>OpenScape Desk Phone CP400 Admin</title></head><body><h1>Login</h1>
<form method="post" action="page.cmd"><input type=hidden name="page_submit" value="WEBMp_Admin_Login"><input type=hidden name="lang" value="en">
<input type="password" name="AdminPassword"><input type=submit value="Login"></form></body></html>`
	menuPage = `<html><head><title>OpenScape Desk Phone CP400 Admin</title></head><body><h1>Administration</h1><ul>
<li><a href="page.cmd?page=WEBM_Admin_Logo&lang=en">Logo</a><li><a href="page.cmd?page=WEBM_Admin_Restart">Restart</a>
<li><a href="page.cmd?user=none">Logout</a><li><a href="page.cmd?page=WEBM_Admin_FileTransferApp&amp;lang=en">Phone application</a></ul>
<table><tr><td>Software version:<td>V1 R11.3.0<tr><td>Part number<td>S30817-S7403-A101-015<tr><td>MAC address<td><tr><td>Device type: <td>OpenScape Desk Phone CP400</table></body></html>`
	logoPage = `<html><title>x</title><h2>Logo</h2><form method=post action=page.cmd enctype=multipart/form-data>
<input type=hidden name=page_submit value=WEBM_Admin_Logo><input type=file name="dl-lgo-file"><input type=submit></form>`
	imagePage = `<html><title>OpenScape Desk Phone CP400 Admin</title><h2>Phone application</h2><form method=post action=page.cmd enctype=multipart/form-data>
<input type=hidden name=page_submit value=WEBM_Admin_FileTransferApp><input type=hidden name="to&quot;ken" value="%s">
<select name=kind><option value=1>one<option selected value=2>two</select><input type=checkbox name=ticked checked><input type=checkbox name=unticked>
<label>Upgrade using file <input type=file name="app file"></label><textarea name=note>
a
b</textarea><input type=reset value=Clear><input type=submit name=go value="Send it"><input type=submit name=stop value=Stop></form>`
	donePage = `<html><body><div class="success">Transfer  completed <b>successfully</b></div></body></html>`
)

// A network is where a site listens, and where it is visited.
type network interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// loopback is the system's network.
type loopback struct{}

func (loopback) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, network, address)
}

func (loopback) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// inMemory runs a test in virtual time, over a network in memory.
func inMemory(t *testing.T, test func(*testing.T, network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, memnet.New()) })
}

// onBoth runs a test over both networks: it is about how connections end.
func onBoth(t *testing.T, test func(*testing.T, network)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		inMemory(t, test)
	})
	t.Run("system", func(t *testing.T) {
		t.Parallel()
		test(t, loopback{})
	})
}

// newSite starts a page that behaves as expected.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOn(t, loopback{})
}

func newSiteOn(t *testing.T, n network) *site {
	t.Helper()
	s := &site{pages: map[string]http.HandlerFunc{}, network: n}
	token := atomic.Int32{}
	s.page("/index.cmd", loginPage)
	s.page("WEBM_Admin_Logo", logoPage)
	s.pages["login:WEBMp_Admin_Login"] = s.login("AdminPassword")
	s.pages["WEBM_Admin_FileTransferApp"] = func(w http.ResponseWriter, _ *http.Request) {
		text(w, imagePage, fmt.Sprintf("t%d", token.Add(1)))
	}
	s.pages["upload"] = func(w http.ResponseWriter, _ *http.Request) { text(w, donePage) }
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := s.swap.Load()
		if c == nil {
			return nil, nil //nolint:nilnil // the usual one
		}
		return &tls.Config{Certificates: []tls.Certificate{*c}, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12}, nil
	}}
	l, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Listener.Close()
	s.Listener = l
	s.StartTLS()
	t.Cleanup(func() {
		s.Close()
		s.open.Wait()
	})
	s.address = s.Listener.Addr().String()
	return s
}

func (s *site) page(name, content string) {
	s.pages[name] = func(w http.ResponseWriter, _ *http.Request) { text(w, "%s", content) }
}

func (s *site) login(field string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue(field) != password {
			text(w, "%s", "<p>Authentication <b>failed</b>"+loginPage)
			return
		}
		s.mu.Lock()
		s.in = true
		s.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "webm", Value: "12|34", Path: "/"})
		text(w, "%s", menuPage)
	}
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	name := s.route(r)
	if name == "" {
		text(w, "%s", loginPage)
		return
	}
	if page := s.pages[name]; page != nil {
		page(w, r)
		return
	}
	http.NotFound(w, r)
}

// route notes a request, and returns the name of the page that answers it; "" if it logs out.
func (s *site) route(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI())
	name := r.URL.Query().Get("page")
	switch {
	case r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/"):
		name = "upload"
		if s.pages["raw"] != nil {
			name = "raw"
			break
		}
		s.read(r)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		s.logins = append(s.logins, string(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		name = "login:" + r.PostFormValue("page_submit")
	case r.URL.Query().Get("user") == "none":
		s.out = true
		return ""
	case name == "":
		name = r.URL.Path
	}
	if c, err := r.Cookie("webm"); s.in && name != "upload" && !strings.HasPrefix(name, "login:") && (err != nil || c.Value != "12|34") {
		name = "/index.cmd"
	}
	return name
}

func (s *site) read(r *http.Request) {
	_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	reader := multipart.NewReader(r.Body, parameters["boundary"])
	for {
		p, err := reader.NextRawPart()
		if err != nil {
			return
		}
		value, _ := io.ReadAll(p)
		s.parts = append(s.parts, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(value)})
	}
}

// options returns options that trust the site, and checks that no event holds the password.
func (s *site) options(t *testing.T) wbm.Options {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return wbm.Options{
		TLS:     &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12},
		Timeout: 10 * time.Second, Patience: 10 * time.Second, Dial: s.network.Dial,
		Event: func(e wbm.Event) {
			if strings.Contains(e.Text, password) {
				t.Errorf("an event holds the password: %q", e)
			}
		},
	}
}

func image(content string) wbm.Image {
	return wbm.Image{Name: "CP400.img", Content: io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))}
}

// visit makes a whole visit, and returns how it ended.
func (s *site) visit(t *testing.T, o wbm.Options, send wbm.Image) (wbm.Answer, error) {
	t.Helper()
	return s.visitWith(t.Context(), t, o, send)
}

func (s *site) visitWith(ctx context.Context, t *testing.T, o wbm.Options, send wbm.Image) (wbm.Answer, error) {
	t.Helper()
	v, err := wbm.Open(ctx, s.address, o)
	if err != nil {
		return wbm.Answer{}, err
	}
	defer v.Close()
	if err := v.Login(ctx, secret.New(password)); err != nil {
		return wbm.Answer{}, err
	}
	f, err := v.Find(ctx)
	if err != nil {
		return wbm.Answer{}, err
	}
	return v.Upload(ctx, f, send)
}

// kind returns the kind of an error; "" if it is none of ours.
func kind(err error) wbm.Kind {
	if e := (*wbm.Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// TestVisit makes a visit as a person does.
func TestVisit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t)
	v, err := wbm.Open(t.Context(), s.address, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Login(t.Context(), secret.New(password)); err != nil {
		t.Fatal(err)
	}
	f, err := v.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Page != "/page.cmd?page=WEBM_Admin_FileTransferApp&lang=en" || f.Field != "app file" {
		t.Errorf("%+v", f)
	}
	want := wbm.Facts{Title: "OpenScape Desk Phone CP400 Admin", Device: "OpenScape Desk Phone CP400", Version: "V1 R11.3.0", PartNumber: "S30817-S7403-A101-015"}
	if got := v.Facts(); got != want {
		t.Errorf("facts %+v, want %+v", got, want)
	}
	content := strings.Repeat("0123456789abcdef", 70_000)
	a, err := v.Upload(t.Context(), f, image(content))
	if err != nil || a != (wbm.Answer{Status: 200, Words: "Transfer completed successfully"}) {
		t.Errorf("%+v, %v", a, err)
	}
	if err := v.Close(); err != nil || !s.out {
		t.Errorf("not logged out: %v", err)
	}
	parts := []part{
		{"page_submit", "", "", "WEBM_Admin_FileTransferApp"},
		{"to%22ken", "", "", "t2"},
		{"kind", "", "", "2"},
		{"ticked", "", "", "on"},
		{"app file", "CP400.img", "application/octet-stream", content},
		{"note", "", "", "a\r\nb"},
		{"go", "", "", "Send it"},
	}
	for i, p := range parts {
		if i >= len(s.parts) || s.parts[i] != p {
			t.Fatalf("part %d is not %.80v, of %d", i, p, len(s.parts))
		}
	}
	if len(s.parts) != len(parts) {
		t.Errorf("%d parts", len(s.parts))
	}
	if len(s.logins) != 1 || s.logins[0] != "page_submit=WEBMp_Admin_Login&lang=en&AdminPassword=pass%26word%221" {
		t.Errorf("logins %q", s.logins)
	}
}
