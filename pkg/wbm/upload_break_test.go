package wbm_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestUploadBreaks checks what can happen while an image is sent.
func TestUploadBreaks(t *testing.T) {
	t.Parallel()
	const refusal = "HTTP/1.1 413 Too large\r\nContent-Type: text/html\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<p>It is too large.."
	for _, c := range []struct {
		name  string
		raw   func(conn net.Conn, r *bufio.ReadWriter, ended chan struct{})
		kind  wbm.Kind
		says  string
		whole bool
	}{
		{"refused at once", func(conn net.Conn, _ *bufio.ReadWriter, _ chan struct{}) { _, _ = io.WriteString(conn, refusal) }, wbm.KindRefused, "413: It is too large", false},
		{"refused half way", func(conn net.Conn, r *bufio.ReadWriter, _ chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			_, _ = io.WriteString(conn, refusal)
			_, _ = io.Copy(io.Discard, r)
		}, wbm.KindRefused, "413: It is too large", false},
		{"taken for whole half way", func(conn net.Conn, r *bufio.ReadWriter, _ chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}, wbm.KindRefused, "before it had the whole image", false},
		{"logged out half way", func(conn net.Conn, r *bufio.ReadWriter, _ chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: /index.cmd\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}, wbm.KindSession, "logged us out", false},
		{"nonsense half way", func(conn net.Conn, r *bufio.ReadWriter, _ chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			_, _ = io.WriteString(conn, "what?\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}, wbm.KindProtocol, "not valid HTTP", false},
		{"cut half way", func(_ net.Conn, r *bufio.ReadWriter, _ chan struct{}) { _, _ = io.CopyN(io.Discard, r, 1<<20) }, wbm.KindBroken, "cut", false},
		{"stalled", func(_ net.Conn, r *bufio.ReadWriter, ended chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			<-ended
		}, wbm.KindTimeout, "takes no more", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			on := onBoth
			if c.kind == wbm.KindTimeout {
				on = inMemory
			}
			on(t, func(t *testing.T, n network) {
				s := newSiteOn(t, n)
				ended := make(chan struct{})
				s.raw("raw", func(conn net.Conn, r *bufio.ReadWriter) {
					c.raw(conn, r, ended)
					_ = conn.Close()
					<-ended
				})
				_, err := s.visit(t, s.options(t), zeroImage(large))
				close(ended)
				if kind(err) != c.kind || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("%v, want %q", err, c.kind)
				}
				if e := (*wbm.Error)(nil); errors.As(err, &e) && e.Whole != c.whole {
					t.Errorf("whole is %t", e.Whole)
				}
			})
		})
	}
}

// wholeRequest reads a request's body to its end.
func wholeRequest(r *bufio.ReadWriter, length int64) { _, _ = io.CopyN(io.Discard, r, length) }

// TestUploadEnds checks what can happen when the phone has the whole image.
func TestUploadEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer string
		silent bool
		kind   wbm.Kind
		says   string
	}{
		{"cut", "", false, wbm.KindBroken, "had the whole image, and said nothing"},
		{"half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<p>", false, wbm.KindBroken, "middle of a page"},
		{"silent", "", true, wbm.KindTimeout, "has the whole image and does not answer"},
		{"silent in the answer", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<p>", true, wbm.KindTimeout, ""},
		{"first it waits", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<p>", false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			on := onBoth
			if c.silent {
				on = inMemory
			}
			on(t, func(t *testing.T, n network) {
				s := newSiteOn(t, n)
				s.pages["raw"] = func(w http.ResponseWriter, r *http.Request) {
					s.open.Add(1)
					defer s.open.Done()
					length := r.ContentLength
					conn, buffered, err := http.NewResponseController(w).Hijack()
					if err != nil {
						return
					}
					defer conn.Close()
					wholeRequest(buffered, length)
					_, _ = io.WriteString(conn, c.answer)
					if c.silent {
						_, _ = conn.Read(make([]byte, 1))
					}
				}
				o, begun := s.options(t), time.Now()
				o.Patience = 10 * time.Minute
				_, err := s.visit(t, o, image(strings.Repeat("x", 1<<20)))
				if kind(err) != c.kind || (err == nil) != (c.kind == "") {
					t.Fatalf("%v, want %q", err, c.kind)
				}
				if e := (*wbm.Error)(nil); errors.As(err, &e) && (!e.Whole || !strings.Contains(e.Error(), c.says)) {
					t.Errorf("%v, whole is %t", err, e.Whole)
				}
				if took := time.Since(begun); c.name == "silent" && took != o.Patience || c.name == "silent in the answer" && took != o.Timeout {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

// TestUploadInterrupted checks that the phone sees a reset, never a normal end.
func TestUploadInterrupted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, n network) {
		s := newSiteOn(t, n)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		saw := make(chan error, 1)
		s.raw("raw", func(conn net.Conn, r *bufio.ReadWriter) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			cancel(why)
			_, err := io.Copy(io.Discard, r)
			saw <- err
		})
		_, err := s.visitWith(ctx, t, s.options(t), zeroImage(large))
		if !errors.Is(err, why) || kind(err) != "" {
			t.Errorf("%v", err)
		}
		if err := <-saw; err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "forcibly closed") {
			t.Errorf("the phone saw %v", err)
		}
		if !s.out {
			t.Error("not logged out")
		}
	})
}
