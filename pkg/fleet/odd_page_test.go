package fleet_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// An oddPage is a page that does what no simulated phone does. Its phone has no provisioning interface.
type oddPage struct {
	stage   *stage
	address string

	mu       sync.Mutex
	answers  oddAnswers
	visits   int // of the start page
	logins   int
	uploads  int
	server   *http.Server
	password string
}

// oddAnswers are what an odd page says, HTML each.
type oddAnswers struct {
	start  func(o *oddPage) string // before the login
	menu   func(o *oddPage) string // to the login; "" is status 500
	form   func(o *oddPage) string // besides the form
	upload func(o *oddPage) string // to an image; "" is status 500
	// during is called in an upload before it is read; false hangs up.
	during func(o *oddPage) bool
	pages  bool          // the menu leads from page to page
	slow   time.Duration // how long each page takes
}

// facts is what a page says of its phone.
func facts(version, mac string) string {
	return "<table><tr><td>Device type</td><td>OpenScape Desk Phone CP600</td></tr><tr><td>Software type</td><td>" + hfa +
		"</td></tr><tr><td>Software version</td><td>" + version + "</td></tr><tr><td>MAC address</td><td>" + mac + "</td></tr></table>"
}

// nothing is what a page says that says nothing.
func nothing(*oddPage) string { return "<p>Welcome</p>" }

// always says the same.
func always(text string) func(*oddPage) string { return func(*oddPage) string { return text } }

// updates says the version before the image, and another one after it.
func updates(before, after string) func(*oddPage) string {
	return func(o *oddPage) string {
		if o.uploads == 0 {
			return facts(before, macOf(1))
		}
		return facts(after, macOf(1))
	}
}

const (
	oddLogin = `<form method=post action="/page.cmd"><input type=hidden name=page_submit value=WEBMp_Admin_Login><input type=password name=AdminPassword></form>`
	oddMenu  = `<a href="/page.cmd?page=WEBM_Admin_FileTransferPhoneApplication">Phone application</a>`
	oddForm  = `<h2>Phone application</h2><form method=post enctype="multipart/form-data" action="/page.cmd"><input type=hidden name=page_submit ` +
		`value=WEBM_Admin_FileTransferPhoneApplication><input type=file name=dl-app-upload><input type=submit value=Upload></form>`
)

// openOdd opens an odd page.
func (s *stage) openOdd(answers oddAnswers) *oddPage {
	s.t.Helper()
	for _, say := range []*func(*oddPage) string{&answers.start, &answers.menu, &answers.form} {
		if *say == nil {
			*say = nothing
		}
	}
	if answers.upload == nil {
		answers.upload = always("<p class=success>Transfer completed</p>")
	}
	o := &oddPage{stage: s, address: hostOf(1) + ":443", answers: answers, password: pagePassword}
	fatal(s.t, o.listen())
	s.t.Cleanup(o.close)
	return o
}

func (o *oddPage) listen() error {
	certificate, err := identity()
	if err != nil {
		return err
	}
	l, err := o.stage.net.Listen(o.stage.t.Context(), "tcp", o.address)
	if err != nil {
		return err
	}
	l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	server := &http.Server{Handler: o, ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // for one test
	o.mu.Lock()
	defer o.mu.Unlock()
	o.server = server
	go func() { _ = server.Serve(l) }()
	return nil
}

func (o *oddPage) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.server.Close()
}

// ServeHTTP is the page.
func (o *oddPage) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	w.Header().Set("Content-Type", "text/html")
	if kind == "multipart/form-data" {
		if o.answers.during != nil && !o.answers.during(o) {
			panic(http.ErrAbortHandler)
		}
		if _, err := io.Copy(io.Discard, q.Body); err != nil {
			return
		}
	}
	time.Sleep(o.answers.slow)
	o.mu.Lock()
	defer o.mu.Unlock()
	text := ""
	switch {
	case kind == "multipart/form-data":
		o.uploads++
		if text = o.answers.upload(o); text == "" {
			http.Error(w, "writing flash", http.StatusInternalServerError)
			return
		}
	case q.Method == http.MethodPost:
		o.logins++
		if text = o.answers.menu(o); text == "" {
			http.Error(w, "starting", http.StatusInternalServerError)
			return
		}
		text += oddMenu
	case q.URL.Path == "/index.cmd":
		o.visits++
		text = o.answers.start(o) + oddLogin
	case o.answers.pages:
		n, _ := strconv.Atoi(strings.TrimPrefix(q.URL.Query().Get("page"), "application"))
		text = fmt.Sprintf(`<a href="/page.cmd?page=application%d">Phone application</a>`, n+1)
	default:
		text = o.answers.form(o) + oddForm
	}
	_, _ = io.WriteString(w, "<html><title>Admin</title>"+text+"</html>")
}

// sentPasswords is how often somebody logged in, or tried to.
func (o *oddPage) sentPasswords() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.logins
}

// restart takes the page away after an upload, for as long as phones take.
func (o *oddPage) restart() func(fleet.Event) {
	var once sync.Once
	return func(e fleet.Event) {
		if e.Step != fleet.StepAnswered {
			return
		}
		once.Do(func() {
			o.close()
			time.AfterFunc(restartTime, func() { _ = o.listen() })
		})
	}
}

// byOdd has a plan go by an odd page.
func (s *stage) byOdd(page *oddPage) {
	policy := trust.Policy{Pins: []trust.Pin{s.keyOf(page.address)}}
	s.plan.Image.Source, s.plan.Image.Web = nil, &fleet.Web{
		TLS: func(int) *tls.Config { return policy.TLS(hostOf(1)) }, Password: secret.New(page.password),
		Image: func(context.Context) wbm.Image { return wbm.Image{Name: name, Content: s.image.content} },
	}
	target := targetOf(hostOf(1) + ":1")
	target.Known.Running = []hwcheck.Claim[bind.Version]{{Value: oldVersion, Origin: hwcheck.Flag}}
	s.plan.Phones = append(s.plan.Phones, target)
}
