package wpi_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A recorder answers connections one after the other by hand, and keeps the requests that it received.
type recorder struct {
	address  string
	mu       sync.Mutex
	received []string
}

func (d *recorder) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.received...)
}

// listen starts a recorder on a listener. What each connection does after its request comes from a list, whose last goes on.
func listen(t *testing.T, l net.Listener, each ...func(conn net.Conn)) *recorder {
	t.Helper()
	return listenWith(t, l, readRequest, each...)
}

func listenWith(t *testing.T, l net.Listener, read func(net.Conn) string, each ...func(conn net.Conn)) *recorder {
	t.Helper()
	d := &recorder{address: l.Addr().String()}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			text := read(conn)
			d.mu.Lock()
			d.received = append(d.received, text)
			d.mu.Unlock()
			each[min(n, len(each)-1)](conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	return d
}

// readRequest reads the head and as much more as Content-Length says.
func readRequest(conn net.Conn) string {
	r := bufio.NewReader(conn)
	var text strings.Builder
	length := 0
	for {
		line, err := r.ReadString('\n')
		text.WriteString(line)
		if n, found := strings.CutPrefix(line, "Content-Length: "); found {
			length, _ = strconv.Atoi(strings.TrimSpace(n))
		}
		if err != nil {
			return text.String()
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	n, _ := io.ReadFull(r, body)
	return text.String() + string(body[:n])
}

func tcp(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// certificate is one of somebody that no client trusts.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}

func say(text string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

// silence lasts until the other end hangs up.
func silence(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func sayAndWait(text string) func(net.Conn) {
	return func(conn net.Conn) { say(text)(conn); silence(conn) }
}

func drivel(conn net.Conn) {
	_, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n")
	for err == nil {
		_, err = io.WriteString(conn, "X-Canary: "+strings.Repeat("canary ", 100)+"\r\n")
	}
}
