package wbm_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// raw sets a handler that answers on the bare connection.
func (s *site) raw(name string, answer func(net.Conn, *bufio.ReadWriter)) {
	s.pages[name] = func(w http.ResponseWriter, _ *http.Request) {
		s.open.Add(1)
		defer s.open.Done()
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		answer(conn, buffered)
	}
}

// says answers with this text of HTTP, and closes the connection.
func (s *site) says(name, words string) {
	s.raw(name, func(conn net.Conn, _ *bufio.ReadWriter) { _, _ = io.WriteString(conn, words) })
}

// flood sends the same until the peer takes no more, and counts the bytes.
func flood(conn net.Conn, taken *atomic.Int64, front, piece string) {
	n, err := io.WriteString(conn, front)
	for taken.Add(int64(n)); err == nil && taken.Load() < 1<<30; taken.Add(int64(n)) {
		n, err = io.WriteString(conn, piece)
	}
}

// TestOpenHostile checks what is made of answers that are no page of a phone.
func TestOpenHostile(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	redirect := func(to string) func(*site) {
		return func(s *site) {
			s.pages["/index.cmd"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", strings.ReplaceAll(to, "HOST", s.address))
				w.WriteHeader(http.StatusFound)
			}
		}
	}
	says := func(words string) func(*site) { return func(s *site) { s.says("/index.cmd", words) } }
	for _, c := range []struct {
		name  string
		setup func(*site)
		kind  wbm.Kind
		says  string
	}{
		{"to HTTP", redirect("http://HOST/index.cmd"), wbm.KindForeign, "http://127.0.0.1"},
		{"to another host", redirect("https://127.0.0.2/x"), wbm.KindForeign, "https://127.0.0.2/x"},
		{"to another host, in short", redirect("//127.0.0.2/x"), wbm.KindForeign, "127.0.0.2"},
		{"to another port", redirect("https://127.0.0.1:1/"), wbm.KindForeign, "127.0.0.1:1"},
		{"to a far place", redirect("https://127.0.0.2/" + strings.Repeat("x", 5000)), wbm.KindForeign, "xxx"},
		{"to a script", redirect("javascript:alert(1)"), wbm.KindForeign, "javascript"},
		{"to nowhere", redirect(""), wbm.KindProtocol, "nowhere"},
		{"to itself", redirect("index.cmd?user=Admin"), wbm.KindProtocol, "more than 5"},
		{"not there at all", func(s *site) { delete(s.pages, "/index.cmd") }, wbm.KindProtocol, "status 404"},
		{"not working", says("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), wbm.KindProtocol, "status 500"},
		{"no page", says("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 0\r\n\r\n"), wbm.KindProtocol, "not a web page"},
		{"packed", says(ok + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"), wbm.KindProtocol, "compresses its pages"},
		{"another protocol", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), wbm.KindProtocol, "another protocol"},
		{"no HTTP", says("220 \x1b]0;ftp\x07 ready\r\n"), wbm.KindProtocol, "not valid HTTP"},
		{"nothing", says(""), wbm.KindBroken, "cut"},
		{"half a line", says("HTTP/1.1 20"), wbm.KindBroken, "cut"},
		{"half a header", says("HTTP/1.1 200 OK\r\nContent-"), wbm.KindBroken, "cut"},
		{"half a page", says(ok + "Content-Length: 10\r\n\r\nabc"), wbm.KindBroken, "middle of a page"},
		{"half a chunk", says(ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nabc"), wbm.KindBroken, ""},
		{"many cookies", says(ok + strings.Repeat("Set-Cookie: a"+strings.Repeat("x", 1000)+"=b\r\n", 60) + "Content-Length: 0\r\n\r\n"), "", ""},
		{"many interim answers", says(strings.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 100)), wbm.KindProtocol, "more than a page may be"},
		{"some interim answers", says(strings.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 10) + ok + "Content-Length: 0\r\n\r\n"), "", ""},
		{"many attributes", says(ok + "\r\n<p " + manyAttributes() + ">"), wbm.KindProtocol, "more than a page may be"},
		{"many controls", says(ok + "\r\n<form>" + strings.Repeat("<input>", 5000)), wbm.KindProtocol, "more than a page may be"},
		{"many frames", func(s *site) {
			s.page("/index.cmd", frames(20))
			for _, r := range "abcdefghijklmnopqrst" {
				s.page("/"+string(r)+".html", "<p>")
			}
		}, wbm.KindProtocol, "more than 8 frames"},
		{"a page in itself", func(s *site) {
			s.page("/index.cmd", `<iframe src="index.cmd?lang=en"></iframe><iframe src="/index.cmd">`)
		}, "", ""},
		{"deep", says(ok + "\r\n" + strings.Repeat("<div><form><table><b><a href=x.html>", 20_000)), "", ""},
		{"very deep", says(ok + "\r\n" + strings.Repeat("<div>", 100_000)), "", ""},
		{"what would be a tree of gigabytes", says(ok + "\r\n" + leftOpen() + strings.Repeat("<p>x", 100_000)), "", ""},
		{"not UTF-8", says(ok + "\r\n<title>\xff\xfe\x00</title>"), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.setup(s)
			v, err := wbm.Open(t.Context(), s.address, s.options(t))
			if v != nil {
				defer v.Close()
			}
			if kind(err) != c.kind || (err == nil) != (c.kind == "") {
				t.Fatalf("%.300v, want %q", err, c.kind)
			}
			if err != nil && (!strings.Contains(err.Error(), c.says) || len(err.Error()) > 400) {
				t.Errorf("%d bytes: %q, want %q", len(err.Error()), err, c.says)
			}
		})
	}
}

func manyAttributes() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, " a%d", i)
	}
	return b.String()
}

// leftOpen returns elements that the rules for trees repeat in every paragraph that follows.
func leftOpen() string {
	var b strings.Builder
	for i := range 450 {
		fmt.Fprintf(&b, "<p><b a=%d>", i)
	}
	return b.String()
}

func frames(n int) string {
	text := "<frameset>"
	for i := range n {
		text += "<frame src=" + string(rune('a'+i)) + ".html>"
	}
	return text
}

// TestFloods checks that reading an endless answer ends soon.
func TestFloods(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	for _, c := range []struct{ name, front, piece string }{
		{"body", ok + "\r\n", strings.Repeat("<p>more</p>", 1000)},
		{"body that says how long it is", ok + "Content-Length: 1073741824\r\n\r\n", strings.Repeat("x", 10_000)},
		{"chunks", ok + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 1000)},
		{"one tag", ok + "\r\n<a ", strings.Repeat("x", 10_000)},
		{"header", ok, "X-More: " + strings.Repeat("x", 1000) + "\r\n"},
		{"one field of a header", ok + "X: ", strings.Repeat("x", 10_000)},
		{"first line", "HTTP/1.1 200 ", strings.Repeat("x", 10_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var taken atomic.Int64
			ended := make(chan struct{})
			s.raw("/index.cmd", func(conn net.Conn, _ *bufio.ReadWriter) {
				defer close(ended)
				flood(conn, &taken, c.front, c.piece)
			})
			_, err := wbm.Open(t.Context(), s.address, s.options(t))
			if kind(err) != wbm.KindProtocol || len(err.Error()) > 400 {
				t.Errorf("%.300v", err)
			}
			<-ended
			// What the systems on both sides hold comes on top of what is read.
			if limit := int64(32 << 20); taken.Load() > limit {
				t.Errorf("it took %d bytes", taken.Load())
			}
		})
	}
}

// TestDrip checks that a page that comes byte by byte, or not at all, has as much time as any page.
func TestDrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		front string
		drip  string
	}{
		{"body", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "x"},
		{"header", "HTTP/1.1 200 OK\r\nX: ", "x"},
		{"name of a field", "HTTP/1.1 200 OK\r\nX", "x"},
		{"first line", "HTTP/1", "1"},
		{"interim answers", "", "HTTP/1.1 102 Wait\r\n\r\n"},
		{"silence", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, n network) {
				s := newSiteOn(t, n)
				s.raw("/index.cmd", func(conn net.Conn, _ *bufio.ReadWriter) {
					_, err := io.WriteString(conn, c.front)
					tick := time.NewTicker(time.Second)
					defer tick.Stop()
					for err == nil && c.drip != "" {
						<-tick.C
						_, err = io.WriteString(conn, c.drip)
					}
					_, _ = conn.Read(make([]byte, 1))
				})
				o, begun := s.options(t), time.Now()
				if _, err := wbm.Open(t.Context(), s.address, o); kind(err) != wbm.KindTimeout || time.Since(begun) != o.Timeout {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
		})
	}
}
