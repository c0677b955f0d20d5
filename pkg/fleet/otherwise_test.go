package fleet_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// raw sends a text from a phone's address to this machine, over TLS or not, and reads what comes back until the connection
// ends. A text that is no whole request ends with the connection, unless that is held.
func (s *stage) raw(secure bool, text string, hold bool) {
	s.t.Helper()
	conn, err := s.net.DialFrom(s.t.Context(), netip.MustParseAddr(hostOf(1)), "tcp", s.https.Addr().String())
	fatal(s.t, err)
	defer func() { _ = conn.Close() }()
	c := conn
	if secure {
		c = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	_, _ = io.WriteString(c, text)
	if !hold && !strings.Contains(text, "\r\n\r\n") {
		return
	}
	_, _ = io.Copy(io.Discard, c)
}

// post returns a call as a phone makes it, with another line and other fields before it.
func post(line string, fields ...string) string {
	m := introduction(wpi.Solicited, hostOf(1)+":8085")
	m.Nonce, m.MaxItems = "00112233445566778899AABBCCDDEEFF", -1
	body := string(m.Marshal())
	return line + "\r\n" + strings.Join(append(fields, "Connection: close", fmt.Sprintf("Content-Length: %d", len(body))), "\r\n") + "\r\n\r\n" + body
}

const host = "Host: 10.1.0.1:18443"

// TestCallsOtherwise takes calls that differ from those of phones in what means nothing, and names those that it does not
// take: with what was sent, bounded, and never as calls that did not come.
func TestCallsOtherwise(t *testing.T) {
	t.Parallel()
	const good = "POST /DeploymentService/LoginService HTTP/1.1"
	for name, row := range map[string]struct {
		text  string
		plain bool
		hold  bool     // the connection stays open
		says  []string // nothing: it is answered
	}{
		"as phones do":             {text: post(good, host)},
		"a blank line before":      {text: "\r\n" + post(good, host)},
		"blank lines before":       {text: "\n\r\n\n" + post(good, host)},
		"HTTP/1.0 without a host":  {text: post("POST /DeploymentService/LoginService HTTP/1.0")},
		"path in capitals":         {text: post("POST /DEPLOYMENTSERVICE/LOGINSERVICE HTTP/1.1", host)},
		"double slash":             {text: post("POST //DeploymentService//LoginService HTTP/1.1", host)},
		"percent-encoded":          {text: post("POST /Deployment%53ervice/LoginService HTTP/1.1", host)},
		"absolute URI":             {text: post("POST https://10.1.0.1:18443/DeploymentService/LoginService HTTP/1.1", host)},
		"query":                    {text: post("POST /DeploymentService/LoginService?x=1 HTTP/1.1", host)},
		"wrong path":               {text: post("POST /LoginService HTTP/1.1", host), says: []string{"another path than phones do", `"POST /LoginService"`}},
		"wrong path, long":         {text: post("POST /"+strings.Repeat("x", 5000)+" HTTP/1.1", host), says: []string{"another path", `"POST /xxx`}},
		"path with control codes":  {text: post("POST /%1b[31m HTTP/1.1", host), says: []string{`"POST /%1b[31m"`}},
		"GET":                      {text: post("GET /DeploymentService/LoginService HTTP/1.1", host), says: []string{"does not use POST", `"GET /DeploymentService/LoginService"`}},
		"PUT":                      {text: post("PUT /DeploymentService/LoginService HTTP/1.1", host), says: []string{"does not use POST", `"PUT /`}},
		"no host":                  {text: post(good), says: []string{"not valid HTTP", "400 Bad Request", "missing required Host header", `"` + good + `"`}},
		"two hosts":                {text: post(good, host, host), says: []string{"not valid HTTP", "400 Bad Request", `"` + good + `"`}},
		"bad header line":          {text: post(good, host, "no colon"), says: []string{"not valid HTTP", "400 Bad Request", `"` + good + `"`}},
		"blank before a colon":     {text: post(good, host, "X : y"), says: []string{"not valid HTTP", "400 Bad Request"}},
		"no version":               {text: post("POST /DeploymentService/LoginService", host), says: []string{"not valid HTTP", `"POST /DeploymentService/LoginService"`}},
		"another protocol":         {text: "INVITE sip:1@x SIP/2.0\r\n\r\n", says: []string{"not valid HTTP", `"INVITE sip:1@x SIP/2.0"`}},
		"431":                      {text: post(good, host, "X: "+strings.Repeat("x", 80<<10)), says: []string{"431", `"` + good + `"`}},
		"505":                      {text: post("POST /DeploymentService/LoginService HTTP/3.0", host), says: []string{"505", "HTTP/3.0"}},
		"half a request":           {text: good + "\r\nHost: x\r\n", says: []string{"400 Bad Request", `"` + good + `"`}},
		"half a request, silent":   {text: good + "\r\nHost: x\r\n", hold: true, says: []string{"did not end", `"` + good + `"`}},
		"odd transfer encoding":    {text: post(good, host, "Transfer-Encoding: x"), says: []string{"not valid HTTP"}},
		"without TLS":              {text: post(good, host), plain: true, says: []string{"without TLS", `"` + good + `"`}},
		"without TLS, blank lines": {text: "\r\n" + post(good, host), plain: true, says: []string{"without TLS", `"` + good + `"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{Patience: 3 * time.Minute})
				s.plan.Image = nil
				address := s.contactServer(func(w http.ResponseWriter, _ int) {
					w.WriteHeader(http.StatusNoContent)
					s.others.Go(func() { s.raw(!row.plain, row.text, row.hold) })
				})
				results := s.run(address)
				if row.says == nil {
					if ending(results[0]) != "looked" {
						t.Error(ending(results[0]), results[0].Failure)
					}
					return
				}
				if ending(results[0]) != "asks-otherwise" || len(results[0].Failure.Error()) > 600 || strings.ContainsAny(results[0].Failure.Error(), "\x1b\r\n") {
					t.Error(ending(results[0]), results[0].Failure)
				}
				for _, text := range row.says {
					if !strings.Contains(results[0].Failure.Error(), text) {
						t.Errorf("%q is not in %q", text, results[0].Failure)
					}
				}
				if !strings.Contains(s.steps(), "trouble") {
					t.Error(s.steps())
				}
			})
		})
	}
}

// TestEndsBeforeTLS names a phone that connects and hangs up, and one that fails in TLS, as such.
func TestEndsBeforeTLS(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"nothing": "", "half a hello": "\x16\x03\x01\x02\x00\x01", "SSL 2": "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{Patience: 3 * time.Minute})
				address := s.contactServer(func(w http.ResponseWriter, _ int) {
					w.WriteHeader(http.StatusNoContent)
					s.others.Go(func() { s.raw(false, text, false) })
				})
				if results := s.run(address); ending(results[0]) != "tls" {
					t.Error(ending(results[0]), results[0].Failure)
				}
			})
		})
	}
}

// TestFetchesOtherwise serves requests for the image that differ in what means nothing, and names the others.
func TestFetchesOtherwise(t *testing.T) {
	t.Parallel()
	get := func(line string) string { return line + " HTTP/1.1\r\n" + host + "\r\nConnection: close\r\n\r\n" }
	for name, row := range map[string]struct {
		text  func(path string) string
		plain bool
		end   string
		says  []string
	}{
		"as phones do":   {text: func(p string) string { return get("GET " + p) }, end: "updated"},
		"capitals":       {text: func(p string) string { return get("GET " + strings.ToUpper(p)) }, end: "updated"},
		"double slashes": {text: func(p string) string { return get("GET " + strings.ReplaceAll("/"+p, "/", "//")) }, end: "updated"},
		"percent":        {text: func(p string) string { return get("GET " + strings.ReplaceAll(p, "c", "%63")) }, end: "updated"},
		"absolute URI":   {text: func(p string) string { return get("GET https://10.1.0.1:18443" + p) }, end: "updated"},
		"query":          {text: func(p string) string { return get("GET " + p + "?version=1") }, end: "updated"},
		"blank line":     {text: func(p string) string { return "\r\n" + get("GET "+p) }, end: "updated"},
		"HTTP/1.0":       {text: func(p string) string { return "GET " + p + " HTTP/1.0\r\n\r\n" }, end: "updated"},
		"POST":           {text: func(p string) string { return get("POST " + p) }, end: "asks-otherwise", says: []string{"by GET only", `"POST /`}},
		"PUT":            {text: func(p string) string { return get("PUT " + p) }, end: "asks-otherwise", says: []string{`"PUT /`}},
		"HEAD":           {text: func(p string) string { return get("HEAD " + p) }, end: "asks-otherwise", says: []string{"only asks about the file", `"HEAD /`}},
		"HEAD, then GET": {text: func(p string) string {
			return "HEAD " + p + " HTTP/1.1\r\n" + host + "\r\n\r\n" + get("GET "+p)
		}, end: "updated"},
		"the name alone":   {text: func(p string) string { return get("GET /" + name2(p)) }, end: "asks-otherwise", says: []string{`"GET /cp.bind"`}},
		"another name":     {text: func(p string) string { return get("GET " + p + ".sig") }, end: "never-fetched", says: []string{"not offered", `cp.bind.sig"`}},
		"an older path":    {text: func(string) string { return get("GET /" + strings.Repeat("0", 32) + "/cp.bind") }, end: "never-fetched", says: []string{"not offered", `"GET /0000`}},
		"no host":          {text: func(p string) string { return "GET " + p + " HTTP/1.1\r\n\r\n" }, end: "asks-otherwise", says: []string{"missing required Host header"}},
		"without TLS":      {text: func(p string) string { return get("GET " + p) }, plain: true, end: "asks-otherwise", says: []string{"without TLS"}},
		"a trailing slash": {text: func(p string) string { return get("GET " + p + "/") }, end: "never-fetched", says: []string{"not offered"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{Patience: 3 * time.Minute})
				source := &granted{Source: s.plan.Image.Source}
				s.plan.Image.Source = source
				address := s.contactServer(func(w http.ResponseWriter, n int) {
					w.WriteHeader(http.StatusNoContent)
					s.others.Go(func() {
						m := introduction(wpi.Solicited, hostOf(1)+":8085")
						if n == 1 {
							m.Items[2].Value = oldVersion.String()
						}
						if s.say(hostOf(1), m) != wpi.ActionSoftwareDeployment {
							return
						}
						where, err := url.Parse(source.given[0].URL)
						fatal(t, err)
						s.raw(!row.plain, row.text(where.Path), false)
					})
				})
				results := s.run(address)
				if ending(results[0]) != row.end {
					t.Error(ending(results[0]), results[0].Failure)
				}
				for _, text := range row.says {
					if !strings.Contains(results[0].Failure.Error(), text) {
						t.Errorf("%q is not in %q", text, results[0].Failure)
					}
				}
				if token, _, _ := strings.Cut(source.given[0].URL[len("https://10.1.0.1:18443/"):], "/"); results[0].Failure != nil && !row.plain && strings.Contains(results[0].Failure.Error(), token) {
					t.Errorf("it tells the secret path: %s", results[0].Failure)
				}
			})
		})
	}
}

func name2(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// TestOthersAtTheAddress checks that requests from elsewhere, and those while a phone goes on as phones do, change nothing.
func TestOthersAtTheAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil)
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepContacted || e.Step == fleet.StepInstructed {
				s.others.Go(func() { s.raw(true, "GET / HTTP/1.1\r\n"+host+"\r\nConnection: close\r\n\r\n", false) })
			}
		}
		if results := s.run(p.Address()); ending(results[0]) != "updated" || p.State().Version != (bind.Version{Major: 1, Release: 9, Fix: 2}) {
			t.Error(ending(results[0]), results[0].Failure)
		}
	})
}
