package wpi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// steps answers the first message of a session with a long action and the second with CleanUp, and keeps a diary.
func steps(d *diary) wpi.ServiceOptions {
	return wpi.ServiceOptions{
		Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
			n, _ := c.Session.Owner.(int)
			c.Session.Owner = n + 1
			d.add("%s %s %s, %d before", c.Message.Reason, c.Message.Action, c.Message.Status, n)
			if n == 1 {
				return wpi.CleanUp(), nil
			}
			names := make([]string, 100)
			for i := range names {
				names[i] = "an-item-with-a-long-name"
			}
			return wpi.ReadItems(names...), nil
		},
		Written: func(c wpi.Call, m wpi.ServiceMessage, err error) {
			d.add("written %s to %s: %v, %d before", m.Action, c.Remote, err, c.Session.Owner)
		},
		Trouble: func(remote netip.Addr, err error) { d.add("trouble with %s: %v", remote, err) },
	}
}

const conversation = `solicited  , 0 before
written ReadItems to 127.0.0.1: <nil>, 1 before
reply-to ReadItems accepted, 1 before
written CleanUp to 127.0.0.1: <nil>, 2 before`

var cookieField = regexp.MustCompile(`\r\nSet-Cookie: (JSESSIONID=[0-9a-f]{32}; Path=/DeploymentService/; Secure)\r\n`)

// TestOpenStageCalls is one connection that stays, with an old phone's TLS, and the whole of Set-Cookie as cookie.
func TestOpenStageCalls(t *testing.T) {
	t.Parallel()
	var d diary
	l := dial(t, start(t, steps(&d)), &tls.Config{
		MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, //nolint:gosec // as old phones
	})
	head, body := l.post(message("A1", "solicited", "", "mac-addr=00:1A:E8:00:00:01")).answer()
	cookie := cookieField.FindStringSubmatch(head)
	if cookie == nil || len(body) < 4096 || !strings.Contains(body, `nonce="A1"`) {
		t.Fatalf("got %s%s", head, body)
	}
	if want := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nContent-Type: text/xml\r\nSet-Cookie: " + cookie[1] + "\r\n\r\n"; head != want {
		t.Errorf("got %q, want %q", head, want)
	}
	if m, err := wpi.ParseServiceMessage([]byte(body)); err != nil || m.Action != wpi.ActionReadItems || len(m.Items) != 100 {
		t.Errorf("got %v, %v", m, err)
	}
	head, body = l.post(message("b2", "reply-to", `action="ReadItems" status="accepted"`), "Cookie: "+cookie[1]).answer()
	want := wpi.CleanUp()
	want.Nonce = "b2"
	if body != string(want.Marshal()) || head != "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\nContent-Type: text/xml\r\n\r\n" {
		t.Errorf("got %s%s", head, body)
	}
	if got := d.wait(t, 4); got != conversation {
		t.Errorf("got\n%s", got)
	}
	// The conversation is over: the cookie means nothing any more.
	head, _ = l.post(message("A3", "solicited", ""), "Cookie: "+cookie[1]).answer()
	if again := cookieField.FindStringSubmatch(head); again == nil || again[1] == cookie[1] {
		t.Errorf("got %s", head)
	}
}

// TestCP210Calls is a connection for each message, as a CP210 has it.
func TestCP210Calls(t *testing.T) {
	t.Parallel()
	for name, field := range map[string]string{
		"as it came":   "Cookie: %s",
		"small":        "Cookie: %s; secure; path=/DeploymentService",
		"commas":       "cookie: x=1, %s, JSESSIONID=1, y",
		"two":          "Cookie: JSESSIONID=00112233445566778899aabbccddeeff\r\nCookie: a=b;%s",
		"none at all":  "X: y%.0s",
		"unknown only": "Cookie: JSESSIONID=00112233445566778899aabbccddeeff; Expires=Thu, 01 Jan 1970 00:00:00 GMT%.0s",
	} {
		var d diary
		address := start(t, steps(&d))
		first := dial(t, address, nil).post(message("A1", "solicited", ""), "Connection: close")
		head, _ := first.answer()
		cookie := cookieField.FindStringSubmatch(head)
		if cookie == nil || !strings.Contains(head, "\r\nConnection: close\r\n") || !first.ended() {
			t.Fatalf("%s: got %s", name, head)
		}
		second := dial(t, address, nil).post(message("B2", "reply-to", `action="ReadItems" status="accepted"`), fmt.Sprintf(field, cookie[1]), "Connection: close")
		if head, body := second.answer(); !strings.Contains(body, "CleanUp") || strings.Contains(head, "Set-Cookie") || !second.ended() {
			t.Errorf("%s: got %s%s", name, head, body)
		}
		if got := d.wait(t, 4); got != conversation {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// TestTaken has requests in forms that stacks of phones and proxies make.
func TestTaken(t *testing.T) {
	t.Parallel()
	solicited := message("A1", "solicited", "")
	whole := solicited + strings.Repeat(" ", wpi.MaxMessage-len(solicited))
	chunked := "POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", solicited[:5], len(solicited)-5, solicited[5:])
	for name, row := range map[string]struct {
		request string
		answers int
		starts  string
	}{
		"chunked":           {chunked, 1, "HTTP/1.1 200 OK\r\n"},
		"HTTP/1.0":          {strings.Replace(httpPost(solicited), "HTTP/1.1", "HTTP/1.0", 1), 1, "HTTP/1.0 200 OK\r\n"},
		"1 MiB":             {httpPost(whole), 1, "HTTP/1.1 200 OK\r\n"},
		"other path":        {strings.Replace(httpPost(solicited), "/LoginService", "/a/b?c", 1), 1, "HTTP/1.1 200 OK\r\n"},
		"short path":        {strings.Replace(httpPost(solicited), "/LoginService", "", 1), 1, "HTTP/1.1 200 OK\r\n"},
		"whole URL":         {strings.Replace(httpPost(solicited), "POST ", "POST https://192.0.2.10:18443", 1), 1, "HTTP/1.1 200 OK\r\n"},
		"no Content-Type":   {strings.Replace(httpPost(solicited), "Content-Type: text/xml\r\n", "", 1), 1, "HTTP/1.1 200 OK\r\n"},
		"some Content-Type": {strings.Replace(httpPost(solicited), "text/xml", "TEXT/XML; charset=UTF-8", 1), 1, "HTTP/1.1 200 OK\r\n"},
		"pipelined":         {httpPost(solicited) + httpPost(solicited) + chunked, 3, "HTTP/1.1 200 OK\r\n"},
		"100 wanted":        {httpPost(solicited, "Expect: 100-continue"), 2, "HTTP/1.1 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d diary
			l := dial(t, start(t, steps(&d)), nil).write(row.request)
			for range row.answers {
				if head, body := l.answer(); !strings.HasPrefix(head, row.starts) || !strings.Contains(body, `nonce="A1"`) && !strings.Contains(head, " 100 ") {
					t.Errorf("got %s%s", head, body)
				}
			}
		})
	}
}

// TestRefused has requests that are answered with a status and nothing else.
func TestRefused(t *testing.T) {
	t.Parallel()
	solicited := message("A1", "solicited", "")
	post := httpPost(solicited)
	over := "POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n%s\r\n1\r\n \r\n0\r\n\r\n", wpi.MaxMessage, strings.Repeat(" ", wpi.MaxMessage))
	rows := map[string]struct {
		request string
		status  int
	}{
		"GET":                  {"GET /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"PUT":                  {strings.Replace(post, "POST", "PUT", 1), 405},
		"root":                 {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404},
		"a similar path":       {strings.Replace(post, "/DeploymentService/", "/DeploymentServices/", 1), 404},
		"another path":         {"GET /contact_dls.html/ContactDLS HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"no body":              {httpPost(""), 400},
		"too long, told":       {"POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413},
		"too long by far":      {"POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n", 413},
		"too long, not told":   {over, 413},
		"form":                 {httpPost("a=b"), 400},
		"no HTTP":              {"canary\r\n\r\n", 400},
		"two lengths":          {strings.Replace(post, "Content-Length", "Content-Length: 5\r\nContent-Length", 1), 400},
		"a header without end": {"POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<17) + "\r\n\r\n", 431},
	}
	for name, row := range bad() {
		status := 400
		if len(row.text) > wpi.MaxMessage {
			status = 413
		}
		rows["message: "+name] = struct {
			request string
			status  int
		}{httpPost(row.text), status}
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d diary
			l := dial(t, start(t, steps(&d)), nil)
			_, _ = io.WriteString(l.conn, row.request) // the service may hang up before it has all
			head, body := l.answer()
			if !strings.HasPrefix(head, "HTTP/1.1 "+strconv.Itoa(row.status)+" ") || strings.Contains(head, "Set-Cookie") ||
				!strings.Contains(head, "Connection: close") {
				t.Errorf("got %s", head)
			}
			got := d.read()
			if byServer := row.status == 431 || name == "no HTTP" || name == "two lengths"; byServer {
				return // net/http itself says no, before anybody here is asked
			}
			if body != "" || strings.Contains(head, "Content-Type") || strings.Contains(head, "Date") || !strings.Contains(head, "Content-Length: 0\r\n") {
				t.Errorf("got %s%s", head, body)
			}
			if !strings.HasPrefix(got, "trouble with 127.0.0.1: ") || strings.Count(got, "\n") > 0 || strings.Contains(got, "canary") {
				t.Errorf("told %q", got)
			}
		})
	}
}

// TestCutOff: a message that does not come whole is never acted on.
func TestCutOff(t *testing.T) {
	t.Parallel()
	post := httpPost(message("A1", "solicited", ""))
	for name, cut := range map[string]bool{"ends": true, "is slow": false} {
		told := make(chan error, 1)
		address := start(t, wpi.ServiceOptions{
			Timeout: time.Second,
			Answer: func(context.Context, wpi.Call) (wpi.ServiceMessage, error) {
				t.Error("half a message is answered")
				return wpi.CleanUp(), nil
			},
			Trouble: func(_ netip.Addr, err error) { told <- err },
		})
		if l := dial(t, address, nil).write(post[:len(post)-1]); cut {
			_ = l.conn.Close()
		}
		select {
		case err := <-told:
			if e, ok := err.(*wpi.CallError); !ok || e.Status != 400 || !strings.Contains(e.Error(), "ends before its end") { //nolint:errorlint // it is promised itself
				t.Errorf("%s: got %v", name, err)
			}
		case <-time.After(2 * time.Minute):
			t.Errorf("%s: nobody is told", name)
		}
	}
}

// TestTrouble: whoever is told what a message lacks can tell it from other trouble.
func TestTrouble(t *testing.T) {
	t.Parallel()
	var told error
	o := wpi.ServiceOptions{Trouble: func(_ netip.Addr, err error) { told = err }}
	call(t.Context(), wpi.NewService(o), "192.0.2.1", "", "<html/>")
	if e := (*wpi.MessageError)(nil); !errors.As(told, &e) || e.Line != 1 {
		t.Errorf("told %v", told)
	}
	if v := call(t.Context(), wpi.NewService(wpi.ServiceOptions{}), "192.0.2.1", "", ""); v.status != 400 {
		t.Errorf("with nobody to tell: got %+v", v)
	}
}
