package wbm_test

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// large is more than the systems on both sides hold.
const large = 64 << 20

// zeros is an image of nothing but zeros.
type zeros struct{ size int64 }

func (z zeros) ReadAt(p []byte, at int64) (int, error) {
	if at >= z.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.size-at))
	clear(p[:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func zeroImage(size int64) wbm.Image {
	return wbm.Image{Name: "a.img", Content: io.NewSectionReader(zeros{size}, 0, size)}
}

// A watcher watches, and objects if it has an error.
type watcher struct {
	n            int64
	sum          [32]byte // of all that was written, set by Check
	digest       hash.Hash
	write, check error
}

func (w *watcher) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	if w.digest == nil {
		w.digest = sha256.New()
	}
	w.digest.Write(p)
	return len(p), w.write
}

func (w *watcher) Check() error {
	w.sum = [32]byte(w.digest.Sum(nil))
	return w.check
}

// answers sets the answer to the image.
func (s *site) answers(status int, header, page string) {
	s.pages["upload"] = func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, strings.ReplaceAll(value, "HOST", s.address))
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, page)
	}
}

// TestUploadAnswers checks what is made of the answers to an image.
func TestUploadAnswers(t *testing.T) {
	t.Parallel()
	answer := func(status int, header, page string) func(*site) {
		return func(s *site) { s.answers(status, header, page) }
	}
	for _, c := range []struct {
		name  string
		setup func(*site)
		kind  wbm.Kind
		says  string
		want  wbm.Answer
	}{
		{"well", answer(200, "", donePage), "", "", wbm.Answer{Status: 200, Words: "Transfer completed successfully"}},
		{"well, it seems", answer(200, "", "<p>Update\n started"), "", "", wbm.Answer{Status: 200, Words: "Update started"}},
		{"nothing", answer(200, "", ""), "", "", wbm.Answer{Status: 200}},
		{"no page", answer(200, "Content-Type: application/json", "{}"), "", "", wbm.Answer{Status: 200}},
		{"plain text", answer(200, "Content-Type: text/plain", "all  right"), "", "", wbm.Answer{Status: 200, Words: "all right"}},
		{"an error", answer(200, "", `<p>x<div class="big error">No <b>room</b></div>`), "", "", wbm.Answer{Status: 200, Words: "No room", Refusal: true}},
		{"words of refusal", answer(200, "", "<p>The file is not compatible with this phone."), "", "", wbm.Answer{Status: 200, Words: "The file is not compatible with this phone.", Doubt: true}},
		{"words of no refusal", answer(200, "", "<p>Transfer completed: 0 errors."), "", "", wbm.Answer{Status: 200, Words: "Transfer completed: 0 errors.", Doubt: true}},
		{"well, with words of refusal", answer(200, "", "<p>0 errors<p class=success>Done"), "", "", wbm.Answer{Status: 200, Words: "Done"}},
		{"both", answer(200, "", `<p class=success>Stored</p><p class=error>Not started</p>`), "", "", wbm.Answer{Status: 200, Words: "Not started", Refusal: true}},
		{"room for an error", answer(200, "", `<p class=error></p><p>Fine`), "", "", wbm.Answer{Status: 200, Words: "Fine"}},
		{"long", answer(200, "", strings.Repeat("é", 5000)), "", "", wbm.Answer{Status: 200, Words: strings.Repeat("é", 150)}},
		{"password", answer(200, "", "<p>pass&amp;word&quot;1 pass%26word%221 pass&amp;amp;word&amp;#34;1 %70%61%73%73%26%77%6f%72%64%22%31"), "", "", wbm.Answer{Status: 200, Words: "[redacted] [redacted] [redacted] [redacted]"}},
		{"escapes", answer(200, "", "<p>\x1b[2Jred"), "", "", wbm.Answer{Status: 200, Words: "\x1b[2Jred"}},
		{"on another page", func(s *site) {
			s.answers(303, "Location: page.cmd?page=Result", "")
			s.page("Result", donePage)
		}, "", "", wbm.Answer{Status: 303, Words: "Transfer completed successfully"}},

		{"status", answer(500, "", "<p>No <script>x</script>room"), wbm.KindRefused, "with status 500: No room", wbm.Answer{Status: 500, Words: "No room", Refusal: true}},
		{"status with a password", answer(400, "", "<p>"+`pass&amp;word&quot;1`), wbm.KindRefused, "with status 400: [redacted]", wbm.Answer{Status: 400, Words: "[redacted]", Refusal: true}},
		{"login", answer(200, "", loginPage), wbm.KindSession, "logged us out", wbm.Answer{}},
		{"login on another page", answer(302, "Location: /index.cmd", ""), wbm.KindSession, "logged us out", wbm.Answer{}},
		{"elsewhere", answer(302, "Location: https://127.0.0.2/", ""), wbm.KindForeign, "127.0.0.2", wbm.Answer{}},
		{"HTTP", answer(302, "Location: http://HOST/", ""), wbm.KindForeign, "http:", wbm.Answer{}},
		{"once more", answer(307, "Location: page.cmd", ""), wbm.KindProtocol, "once more", wbm.Answer{}},
		{"once more for good", answer(308, "Location: page.cmd", ""), wbm.KindProtocol, "once more", wbm.Answer{}},
		{"elsewhere once more", answer(307, "Location: https://127.0.0.2/", ""), wbm.KindForeign, "127.0.0.2", wbm.Answer{}},
		{"large", answer(200, "", strings.Repeat("<p>x", 1<<20)), wbm.KindProtocol, "more than a page may be", wbm.Answer{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.setup(s)
			got, err := s.visit(t, s.options(t), image("image"))
			if kind(err) != c.kind || (err == nil) != (c.kind == "") {
				t.Fatalf("%v, want %q", err, c.kind)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, want %q", err, c.says)
			}
			if e := (*wbm.Error)(nil); errors.As(err, &e) && !e.Whole {
				t.Error("it was sent all of it")
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if !s.out && c.kind != wbm.KindSession {
				t.Error("not logged out")
			}
		})
	}
}

// TestUploadSource checks that a file that has changed is never whole on the phone.
func TestUploadSource(t *testing.T) {
	t.Parallel()
	objection := errors.New("not the image")
	for _, c := range []struct {
		name  string
		image wbm.Image
		watch *watcher
		cause error
	}{
		{"checked", zeroImage(1 << 20), &watcher{check: objection}, objection},
		{"watched", zeroImage(1 << 20), &watcher{write: objection}, objection},
		{"shorter", wbm.Image{Name: "a", Content: io.NewSectionReader(zeros{1 << 20}, 0, 2<<20)}, nil, nil},
		{"not readable", wbm.Image{Name: "a", Content: io.NewSectionReader(unreadable{}, 0, 1<<20)}, nil, os.ErrPermission},
		{"empty", image(""), nil, nil},
		{"none", wbm.Image{}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var got atomic.Int64
			ended := make(chan struct{})
			s.raw("raw", func(_ net.Conn, r *bufio.ReadWriter) {
				defer close(ended)
				n, _ := io.Copy(io.Discard, r)
				got.Store(n)
			})
			if c.watch != nil {
				c.image.Watch = c.watch
			}
			_, err := s.visit(t, s.options(t), c.image)
			if kind(err) != wbm.KindSource || c.cause != nil && !errors.Is(err, c.cause) {
				t.Fatalf("%v", err)
			}
			if c.image.Content == nil || c.image.Content.Size() == 0 {
				return
			}
			if <-ended; got.Load() >= c.image.Content.Size() {
				t.Errorf("the phone got %d bytes", got.Load())
			}
			if e := (*wbm.Error)(nil); !errors.As(err, &e) || e.Whole {
				t.Error("it was not sent all of it")
			}
		})
	}
}

type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, os.ErrPermission }

// TestUploadWatched checks that the watcher sees every byte, and that Sent counts every byte.
func TestUploadWatched(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1, 32<<10 - 1, 256 << 10, 256<<10 + 1, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			w := &watcher{}
			send := zeroImage(size)
			send.Watch = w
			sent := int64(0)
			send.Sent = func(n int64) { sent = n }
			if _, err := s.visit(t, s.options(t), send); err != nil {
				t.Fatal(err)
			}
			if w.n != size || sent != size || w.sum != sha256.Sum256(make([]byte, size)) {
				t.Errorf("watched %d, sent %d of %d, sum %x", w.n, sent, size, w.sum)
			}
		})
	}
}

// TestUploadRereads checks that the form is read again before it is sent.
func TestUploadRereads(t *testing.T) {
	t.Parallel()
	const form = `<h1>Firmware</h1><form %s enctype="multipart/form-data"><input type=hidden name=token value=%s><input type=file name=%s></form>`
	for _, c := range []struct {
		name, then string
		kind       wbm.Kind
	}{
		{"another token", fmt.Sprintf(form, "method=post action=page.cmd", "2", "f"), ""},
		{"another field", fmt.Sprintf(form, "method=post action=page.cmd", "2", "g"), wbm.KindNoForm},
		{"another target", fmt.Sprintf(form, "method=post action=https://127.0.0.2/", "2", "f"), wbm.KindNoForm},
		{"another base", `<base href="https://127.0.0.2/page.cmd">` + fmt.Sprintf(form, "method=post action=page.cmd", "2", "f"), wbm.KindForeign},
		{"another use", "<h2>Logo</h2>" + strings.ReplaceAll(fmt.Sprintf(form, "method=post action=page.cmd", "2", "f"), "Firmware", "Logo"), wbm.KindNoForm},
		{"another way", fmt.Sprintf(form, "action=page.cmd", "2", "f"), wbm.KindNoForm},
		{"no form", "<p>", wbm.KindNoForm},
		{"logged out", loginPage, wbm.KindSession},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.menu(links("x"))
			var read atomic.Bool
			s.pages["x"] = func(w http.ResponseWriter, _ *http.Request) {
				if read.Swap(true) {
					text(w, "%s", c.then)
					return
				}
				text(w, form, "method=post action=page.cmd", "1", "f")
			}
			_, err := s.visit(t, s.options(t), image("x"))
			if kind(err) != c.kind || (err == nil) != (c.kind == "") {
				t.Fatalf("%v, want %q", err, c.kind)
			}
			if (len(s.parts) > 0) != (err == nil) || err == nil && s.parts[0].value != "2" {
				t.Errorf("sent %v", s.parts)
			}
		})
	}
}
