package phonesim_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
)

// A call is one POST of a phone as it came: nothing of it was read by the package under test.
type call struct {
	head   string // request line and headers
	body   string
	remote string
	conn   int // number of the connection
	nonce  string
	reason string
	action string
	status string
	items  map[string]string
	states map[string]string // statuses of items
	err    error             // of the connection or the handshake, instead of all that
}

// A reply is what the service sends back, byte for byte.
type reply struct {
	raw     string
	hangsUp bool
}

// A service is a provisioning service written from the guide's pages alone.
type service struct {
	t        *world
	listener net.Listener
	calls    chan call
	replies  chan reply
	file     []byte // served below /file/
	gets     chan string
	noRange  bool
	interim  string // before the answer to a request for a file
	mu       sync.Mutex
	tls      []tls.ConnectionState
	open     map[net.Conn]bool
	served   sync.WaitGroup
}

func certificate(t testing.TB, old bool) tls.Certificate {
	t.Helper()
	o := testca.Options{Change: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }}
	if old {
		o.RSA = 2048
	}
	return *testca.New(t, o)
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newService(t *world) *service {
	return newServiceTLS(t, &tls.Config{Certificates: []tls.Certificate{certificate(t, false)}})
}

func newServiceTLS(t *world, config *tls.Config) *service {
	t.Helper()
	l, err := t.Listen(t.Context(), "tcp", "127.0.0.1:0")
	fatal(t, err)
	s := &service{
		t: t, listener: l, calls: make(chan call, 100), replies: make(chan reply), gets: make(chan string, 100),
		open: map[net.Conn]bool{},
	}
	s.served.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.served.Go(func() { s.serve(conn, config, n) })
		}
	})
	t.Cleanup(s.close)
	return s
}

func (s *service) close() {
	_ = s.listener.Close()
	close(s.replies)
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.served.Wait()
}

func (s *service) address() string { return s.listener.Addr().String() }

func (s *service) serve(raw net.Conn, config *tls.Config, n int) {
	defer raw.Close()
	conn := tls.Server(raw, config)
	if err := conn.HandshakeContext(s.t.Context()); err != nil {
		s.calls <- call{err: err, conn: n}
		return
	}
	s.mu.Lock()
	s.tls = append(s.tls, conn.ConnectionState())
	s.mu.Unlock()
	reader := bufio.NewReader(conn)
	for {
		c, err := readCall(reader)
		if err != nil {
			return
		}
		c.conn, c.remote = n, raw.RemoteAddr().String()
		if strings.HasPrefix(c.head, "GET ") {
			s.serveFile(conn, c.head)
			return
		}
		s.calls <- c
		answer, ok := <-s.replies
		if !ok {
			return
		}
		_, _ = io.WriteString(conn, answer.raw)
		if answer.hangsUp {
			return
		}
	}
}

func (s *service) serveFile(conn net.Conn, head string) {
	s.gets <- head
	if !strings.HasPrefix(head, "GET /file/") {
		_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
		return
	}
	from := 0
	if found := regexp.MustCompile(`Range: bytes=(\d+)-\r\n`).FindStringSubmatch(head); found != nil && !s.noRange {
		from, _ = strconv.Atoi(found[1])
		_, _ = fmt.Fprintf(conn, s.interim+"HTTP/1.1 206 Partial\r\nContent-Length: %d\r\n\r\n", len(s.file)-from)
	} else {
		_, _ = fmt.Fprintf(conn, s.interim+"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(s.file))
	}
	_, _ = conn.Write(s.file[from:])
}

// readCall reads a request with string functions.
func readCall(r *bufio.Reader) (call, error) {
	var c call
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return c, err
		}
		if line == "\r\n" {
			break
		}
		c.head += line
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "content-length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return c, err
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return c, err
	}
	c.body = string(body)
	c.items, c.states = map[string]string{}, map[string]string{}
	c.nonce = find(c.body, `<Message[^>]* nonce="([^"]*)"`)
	c.reason = strings.TrimSpace(find(c.body, `<ReasonForContact[^>]*>([^<]*)<`))
	c.action = find(c.body, `<ReasonForContact[^>]* action="([^"]*)"`)
	c.status = find(c.body, `<ReasonForContact[^>]* status="([^"]*)"`)
	for _, item := range regexp.MustCompile(`(?s)<Item( [^>]*)>(.*?)</Item>`).FindAllStringSubmatch(c.body, -1) {
		name := find(item[1], ` name="([^"]*)"`)
		c.items[name] = html.UnescapeString(strings.TrimSpace(item[2]))
		c.states[name] = find(item[1], ` status="([^"]*)"`)
	}
	return c, nil
}

func find(text, pattern string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// next is the next call.
func (s *service) next() call {
	s.t.Helper()
	select {
	case c := <-s.calls:
		return c
	case <-time.After(time.Hour):
		s.t.Fatal("no phone called")
		panic("unreachable")
	}
}

// expect is the next call, for the given reason.
func (s *service) expect(reason string) call {
	s.t.Helper()
	c := s.next()
	if c.err != nil || c.reason != reason {
		s.t.Fatalf("the phone calls for %q (%v), want %q:\n%s", c.reason, c.err, reason, cut(c.body))
	}
	return c
}

func cut(text string) string { return text[:min(len(text), 2000)] }

func (s *service) answer(r reply) {
	s.t.Helper()
	select {
	case s.replies <- r:
	case <-time.After(time.Hour):
		s.t.Fatal("no phone waits for an answer")
	}
}

// say answers in the guide's own form.
func (s *service) say(c call, action string, items ...string) {
	s.t.Helper()
	s.answer(reply{raw: httpAnswer(documented(c.nonce, action, items...))})
}
