package phonesim_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// stays fails if the phone has anything but its old version, or has restarted.
func stays(t *world, p *watched) {
	t.Helper()
	if s := p.State(); s.Version.String() != "V1 R4.9.0" || s.Restarts != 0 || s.Status != phonesim.StatusIdle {
		t.Errorf("it runs %s and is %s after %d restarts", s.Version, s.Status, s.Restarts)
	}
	p.never(phonesim.Installing)
}

func testWebLogsOut(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	b.logIn()
	text, err := b.upload(cpb(t, nil))
	fatal(t, err)
	if !strings.Contains(text, "AdminPassword") {
		t.Errorf("it answers\n%s", text)
	}
	p.await(phonesim.NotTaken)
	p.never(phonesim.Uploading)
	stays(t, p)
}

func testWebRefuses(said string) func(*world, string) {
	return func(t *world, fault string) {
		p := withPage(t, fault)
		b := visit(t, p)
		b.logIn()
		text, err := b.upload(cpb(t, nil))
		fatal(t, err)
		if class(text, said) == "" {
			t.Errorf("it answers\n%s", text)
		}
		if e := p.await(phonesim.Refused); e.Detail == "" || p.State().Refusal != e.Detail || p.State().Uploads != 1 {
			t.Errorf("it refuses for %q", e.Detail)
		}
		stays(t, p)
	}
}

// half sends half of a form's body by hand, and returns the connection.
func (b *browser) half(image []byte) (net.Conn, string) {
	b.t.Helper()
	contentType, body := b.form(applicationPage, image)
	raw, err := b.t.dial(strings.TrimPrefix(b.base, "https://"))
	fatal(b.t, err)
	b.t.Cleanup(func() { _ = raw.Close() })
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	fatal(b.t, conn.SetDeadline(time.Now().Add(time.Hour)))
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base, nil)
	fatal(b.t, err)
	cookie := b.client.Jar.Cookies(request.URL)[0]
	_, err = fmt.Fprintf(conn, "POST /page.cmd HTTP/1.1\r\nHost: phone\r\nCookie: %s=%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		cookie.Name, cookie.Value, contentType, len(body))
	fatal(b.t, err)
	_, err = conn.Write(body[:len(body)/2+1])
	fatal(b.t, err)
	return conn, string(body[len(body)/2+1:])
}

func testWebEarly(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	b.logIn()
	conn, _ := b.half(cpb(t, nil))
	p.await(phonesim.Cancelled)
	head := make([]byte, 4096)
	n, err := io.ReadAtLeast(conn, head, 1500)
	if got := string(head[:n]); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.Contains(got, "Connection: close") {
		t.Errorf("it answers %q, %v", got, err)
	}
	stays(t, p)
}

func testWebCuts(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	b.logIn()
	conn, _ := b.half(cpb(t, nil))
	if answer, err := io.ReadAll(conn); err == nil || len(answer) > 0 {
		t.Errorf("it answers %q, %v", answer, err)
	}
	if e := p.await(phonesim.Cancelled); e.Bytes == 0 || e.Bytes >= int64(len(cpb(t, nil))) || p.State().UploadBytes != e.Bytes {
		t.Errorf("it got %d bytes", e.Bytes)
	}
	stays(t, p)
}

func testWebStalls(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	b.logIn()
	conn, rest := b.half(cpb(t, nil))
	if e := p.await(phonesim.Cancelled); e.Detail != "it stopped reading" {
		t.Errorf("it is cancelled: %s", e.Detail)
	}
	_, err := io.WriteString(conn, rest) // into the buffers between us
	fatal(t, err)
	fatal(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Errorf("it answers, or hangs up: %v", err)
	}
	stays(t, p)
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func testWebHuge(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	b.logIn()
	contentType, body := b.form(applicationPage, cpb(t, nil))
	got, err := b.do(http.MethodPost, "/page.cmd", contentType, bytes.NewReader(body))
	fatal(t, err)
	if got.length != 1<<30 || len(got.text) != 1<<20 || class(got.text, "success") == "" {
		t.Errorf("the answer has %d bytes", got.length)
	}
	p.await(phonesim.Started) // though nobody has read it all
	if got := p.State().Version.String(); got != "V1 R9.2.0" {
		t.Errorf("it runs %s", got)
	}
}

func testWebOtherKey(t *world, fault string) {
	p := withPage(t, fault)
	b := visit(t, p)
	b.logIn()
	before := b.key
	_, err := b.upload(cpb(t, nil))
	fatal(t, err)
	p.await(phonesim.Started)
	if b.logIn(); b.key == before {
		t.Error("it has the same key")
	}
}
