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

// A hashedImage is an image of zeros that is hashed as it is read.
type hashedImage struct {
	n      int64
	digest hash.Hash
}

func (h *hashedImage) ReadAt(b []byte, at int64) (int, error) {
	if at != h.n {
		return 0, fmt.Errorf("byte %d is read after byte %d", at, h.n)
	}
	clear(b)
	h.n += int64(len(b))
	return h.digest.Write(b)
}

// A failingImage is an image of 1 MiB of which the bytes from one offset on cannot be read.
func failingImage(from int64, err error) wbm.Image {
	return wbm.Image{Name: "a.img", Content: io.NewSectionReader(failing{from, err}, 0, 1<<20)}
}

type failing struct {
	from int64
	err  error
}

func (f failing) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > f.from {
		return 0, f.err
	}
	clear(b)
	return len(b), nil
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
		cause error
	}{
		{"last part", failingImage(1<<20-1, objection), objection},
		{"middle", failingImage(300_000, objection), objection},
		{"first part", failingImage(0, objection), objection},
		{"shorter", wbm.Image{Name: "a", Content: io.NewSectionReader(zeros{1 << 20}, 0, 2<<20)}, nil},
		{"not readable", wbm.Image{Name: "a", Content: io.NewSectionReader(unreadable{}, 0, 1<<20)}, os.ErrPermission},
		{"empty", image(""), nil},
		{"none", wbm.Image{}, nil},
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

// TestUploadReads checks that every byte is read once, and that Sent counts every byte.
func TestUploadReads(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1, 32<<10 - 1, 256 << 10, 256<<10 + 1, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			w := &hashedImage{digest: sha256.New()}
			send := wbm.Image{Name: "a", Content: io.NewSectionReader(w, 0, size)}
			sent := int64(0)
			send.Sent = func(n int64) { sent = n }
			if _, err := s.visit(t, s.options(t), send); err != nil {
				t.Fatal(err)
			}
			if w.n != size || sent != size || [32]byte(w.digest.Sum(nil)) != sha256.Sum256(make([]byte, size)) {
				t.Errorf("read %d, sent %d of %d, sum %x", w.n, sent, size, w.digest.Sum(nil))
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
