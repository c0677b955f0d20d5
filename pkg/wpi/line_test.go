package wpi_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// start serves phones over TLS, as the old ones speak it too.
func start(t *testing.T, o wpi.ServiceOptions) (address string) {
	t.Helper()
	var suites []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		suites = append(suites, s.ID)
	}
	l := tls.NewListener(tcp(t), &tls.Config{
		Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS10, CipherSuites: suites, //nolint:gosec // as old phones need
	})
	s := &http.Server{
		Handler: wpi.NewService(o), MaxHeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, ErrorLog: log.New(io.Discard, "", 0),
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-over
	})
	return l.Addr().String()
}

// A line is a phone's connection, written by hand.
type line struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func dial(t *testing.T, address string, config *tls.Config) *line {
	t.Helper()
	if config == nil {
		config = &tls.Config{} //nolint:gosec // set below
	}
	config.InsecureSkipVerify = true //nolint:gosec // as phones do in default mode
	d := tls.Dialer{Config: config}
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &line{t, conn, bufio.NewReader(conn)}
}

func (l *line) write(text string) *line {
	l.t.Helper()
	if _, err := io.WriteString(l.conn, text); err != nil {
		l.t.Fatal(err)
	}
	return l
}

// post sends a message with the four fields that phones send, and more.
func (l *line) post(text string, fields ...string) *line {
	l.t.Helper()
	return l.write(httpPost(text, fields...))
}

func httpPost(text string, fields ...string) string {
	head := "POST /DeploymentService/LoginService HTTP/1.1\r\nHost: 192.0.2.10:18443\r\n"
	for _, field := range fields {
		head += field + "\r\n"
	}
	return head + "Content-Type: text/xml\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text
}

// answer reads head and body by hand, so that nothing hides what goes over the line.
func (l *line) answer() (head, body string) {
	l.t.Helper()
	length := 0
	for {
		text, err := l.r.ReadString('\n')
		if err != nil {
			l.t.Fatalf("%v behind %q", err, head)
		}
		if head += text; text == "\r\n" {
			break
		}
		if n, found := strings.CutPrefix(text, "Content-Length: "); found {
			length, _ = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(l.r, text); err != nil {
		l.t.Fatal(err)
	}
	return head, string(text)
}

// ended reports whether the service has hung up.
func (l *line) ended() bool {
	_, err := l.r.ReadByte()
	return err != nil && !isDeadline(err)
}

func isDeadline(err error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // of the connection itself
	return ok && e.Timeout()
}

func message(nonce, reason, attributes string, items ...string) string {
	var text strings.Builder
	text.WriteString(`<?xml version="1.0" encoding="utf-8"?><WorkpointMessage><Message nonce="` + nonce + `" maxItems="-1"><ReasonForContact ` +
		attributes + `>` + reason + `</ReasonForContact><ItemList>`)
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		text.WriteString(`<Item name="` + name + `">` + value + `</Item>`)
	}
	return text.String() + "</ItemList></Message></WorkpointMessage>"
}

// A diary is what a service is told, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed at the next line
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
	if d.more != nil {
		close(d.more)
		d.more = nil
	}
}

// wait returns the diary when it has so many lines: what is told behind an answer may come later than that.
func (d *diary) wait(t *testing.T, n int) string {
	t.Helper()
	for {
		d.mu.Lock()
		if len(d.lines) >= n {
			d.mu.Unlock()
			return d.read()
		}
		if d.more == nil {
			d.more = make(chan struct{})
		}
		more := d.more
		d.mu.Unlock()
		select {
		case <-more:
		case <-time.After(2 * time.Minute):
			t.Fatalf("no more than\n%s", d.read())
		}
	}
}

func (d *diary) read() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}
