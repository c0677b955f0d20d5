package serve_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A file goes out as HTTP has it, whole and in parts.
func TestServe(t *testing.T) {
	t.Parallel()
	file := content(3 << 20)
	d := open(t, func(o *serve.Options) {
		o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "call %s %d %v", r.URL.Path, len(body), err)
		})
	})
	for _, c := range []struct {
		method, header string
		status         int
		from, to       int
		sent           int64
		requests       int
	}{
		{"GET", "", 200, 0, len(file), int64(len(file)), 1},
		{"GET", "bytes=1000-1999", 206, 1000, 2000, 1000, 1},
		{"GET", "bytes=3000000-", 206, 3000000, len(file), int64(len(file) - 3000000), 1},
		{"GET", "bytes=-5", 206, len(file) - 5, len(file), 5, 1},
		{"GET", "bytes=0-1,5-6", 200, 0, len(file), int64(len(file)), 1},
		{"GET", "bytes=4000000-", 416, 0, 0, 0, 1},
		{"HEAD", "", 200, 0, 0, 0, 0},
		{"PUT", "", 405, 0, 0, 0, 0},
		{"POST", "", 405, 0, 0, 0, 0},
		{"DELETE", "", 405, 0, 0, 0, 0},
		{"OPTIONS", "", 405, 0, 0, 0, 0},
	} {
		o, w := d.offer(file)
		header := []string{}
		if c.header != "" {
			header = []string{"Range", c.header}
		}
		response, body, err := d.ask(loopback, c.method, o.Path(), header...)
		if err != nil {
			t.Fatalf("%s %q: %v", c.method, c.header, err)
		}
		if response.status != c.status || response.major != 1 || response.header.Get("Server") != "" {
			t.Errorf("%s %q: %+v", c.method, c.header, response)
		}
		if c.status < 300 && !bytes.Equal(body, file[c.from:c.to]) {
			t.Errorf("%s %q: wrong bytes", c.method, c.header)
		}
		if c.method == "HEAD" && (response.length != int64(len(file)) || response.header.Get("Content-Type") != "application/octet-stream") {
			t.Errorf("HEAD: %v", response.header)
		}
		want := serve.Fetch{Requests: c.requests, Sent: c.sent, Size: int64(len(file)), Complete: c.sent == int64(len(file))}
		want.Perhaps = c.header == "bytes=3000000-" // it goes on where it was, perhaps in an earlier run
		if c.requests > 0 {
			w.until("sent", func(f serve.Fetch) bool { return f == want })
		} else if got := o.State(); got != want {
			t.Errorf("%s: %+v", c.method, got)
		}
	}
	if _, body, err := d.ask(loopback, "GET", "/dls/x"); err != nil || string(body) != "call /dls/x 0 <nil>" {
		t.Errorf("%q, %v", body, err)
	}
	response, err := d.client(loopback).Post(d.url("/DLS"), "text/xml", bytes.NewReader(file)) //nolint:noctx // has a limit
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != fmt.Sprintf("call /DLS %d <nil>", len(file)) {
		t.Errorf("%q, %v", body, err)
	}
}

// Nobody gets what is not theirs, and learns nothing from the answer.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("127.0.0.2 is an address on Linux only")
	}
	d := open(t, nil)
	o, _ := d.offer(content(1000))
	other, _ := d.offer(content(1000), elsewhere)
	gone, _ := d.offer(content(1000))
	gone.Withdraw()
	folder := strings.TrimSuffix(o.Path(), name)
	if !regexp.MustCompile(`^/[0-9a-f]{32}/$`).MatchString(folder) {
		t.Errorf("the path is %q", o.Path())
	}
	_, never, err := d.ask(loopback, "GET", "/"+strings.Repeat("0", 32)+"/"+name)
	if err != nil {
		t.Fatal(err)
	}
	d.troubled(notOffered)
	for _, c := range []struct {
		from netip.Addr
		path string
		told bool
	}{
		{elsewhere, o.Path(), true},
		{loopback, other.Path(), true},
		{loopback, gone.Path(), true},
		{loopback, folder, true},
		{loopback, folder + "other.bind", true},
		{loopback, o.Path() + "/", true},
		{loopback, folder + "../" + strings.Trim(o.Path(), "/"), true},
		{loopback, folder + "..%2f" + name, true},
		{loopback, "/", false},
		{loopback, "/../../etc/passwd", false},
		{loopback, "/" + name, false},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			response, body, err := d.ask(c.from, method, c.path)
			if err != nil || response.status != http.StatusNotFound || method == "GET" && !bytes.Equal(body, never) {
				t.Errorf("%s %s from %s: %v %q, %v", method, c.path, c.from, response, body, err)
			}
			if c.told {
				d.troubled(notOffered)
			}
		}
	}
	if f := o.State(); f.Requests != 0 || f.Sent != 0 {
		t.Errorf("%+v", f)
	}
	if _, body, err := d.ask(elsewhere, "GET", other.Path()); err != nil || !bytes.Equal(body, content(1000)) {
		t.Errorf("its own client does not get it: %v", err)
	}
}

// A file that was cut goes on where it was cut, and what comes twice counts once.
func TestServeParts(t *testing.T) {
	t.Parallel()
	file := content(8 << 20)
	d := open(t, nil)
	o, w := d.offer(file)
	conn := d.dial()
	d.get(conn, o.Path(), 1<<20)
	w.until("a part", func(f serve.Fetch) bool { return f.Sent >= 1<<20 }) // what was not confirmed before a reset is not known
	_ = conn.NetConn().Close()
	if f := w.cut(); f.Complete || f.Sent < 1<<20 || f.Sent >= f.Size {
		t.Errorf("%+v", f)
	}
	part := func(from, to int) {
		t.Helper()
		response, body, err := d.ask(loopback, "GET", o.Path(), "Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
		if err != nil || response.status != http.StatusPartialContent || !bytes.Equal(body, file[from:to]) {
			t.Fatalf("%d to %d: %v", from, to, err)
		}
	}
	part(1<<20, 8<<20)
	if f := w.complete(); f.Sent != f.Size || f.Cut || f.Requests != 2 {
		t.Errorf("%+v", f)
	}

	o, w = d.offer(file)
	for i, c := range []struct{ from, to, sent int }{
		{0, 1000, 1000}, {500, 1500, 1500}, {3000, 4000, 2500}, {1400, 3100, 4000}, {100, 200, 4000}, {5000, 8 << 20, 8<<20 - 1000},
	} {
		part(c.from, c.to)
		f := w.until("part", func(f serve.Fetch) bool { return f.Requests == i+1 && f.Open == 0 })
		if f.Sent != int64(c.sent) || f.Complete || f.Cut {
			t.Errorf("after %d to %d: %+v", c.from, c.to, f)
		}
	}
	part(4000, 5000)
	w.complete()
}

// A client that stands still is cut: in the handshake, in the header, while it takes a file.
func TestServeStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, serveStill)
}

func serveStill(t *testing.T) {
	d := openInMemory(t, func(o *serve.Options) { o.Timeout = 5 * time.Second })
	d.connect()
	d.troubled(noHandshake)

	conn := d.dial()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost:"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 4")) {
		t.Errorf("%q, %v", answer, err)
	}

	o, w := d.offer(content(16 << 20))
	d.get(d.dial(), o.Path(), 1000)
	if f := w.cut(); f.Sent == f.Size || f.Requests != 1 {
		t.Errorf("%+v", f)
	}
}

// How long a client may take none of a file's bytes is a limit of its own, by either method.
func TestServeStall(t *testing.T) {
	t.Parallel()
	stall := func(o *serve.Options) { o.Timeout, o.Stall = time.Hour, 2*time.Second }
	for method, d := range map[string]*desk{"https": open(t, stall), "ftp": openFTPWith(t, stall)} {
		o, w := d.offer(content(32 << 20))
		d.half(o)
		if f := w.cut(); f.Sent == f.Size || f.Requests != 1 {
			t.Errorf("%s: %+v", method, f)
		}
	}
}

// What is under way when an offer or the server ends is reset, and no goroutine is left.
func TestServeEnds(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(*desk, *serve.Offer){
		"withdraw": func(_ *desk, o *serve.Offer) { o.Withdraw() },
		"close": func(d *desk, _ *serve.Offer) {
			if err := d.handing.Close(); err != nil {
				d.t.Error(err)
			}
		},
	} {
		d := open(t, nil)
		o, w := d.offer(content(16 << 20))
		conn := d.dial()
		d.get(conn, o.Path(), 1000)
		end(d, o)
		if _, err := io.Copy(io.Discard, conn); err == nil {
			t.Errorf("%s: the end looks as if it were meant", what)
		}
		if f := w.cut(); f.Sent == f.Size {
			t.Errorf("%s: %+v", what, f)
		}
		if _, body, err := d.ask(loopback, "GET", o.Path()); err == nil && !bytes.HasPrefix(body, []byte("404")) {
			t.Errorf("%s: it is still there", what)
		}
	}
}

// What may go out a second goes out, and not the whole file that buffers would take.
func TestServeRate(t *testing.T) {
	t.Parallel()
	slow := func(o *serve.Options) { o.Rate = 4000 }
	for method, d := range map[string]*desk{"https": open(t, slow), "ftp": openFTPWith(t, slow)} {
		o, w := d.offer(content(100_000))
		d.half(o)
		if err := d.handing.Close(); err != nil {
			t.Error(err)
		}
		if f := w.cut(); f.Complete || f.Sent > 50_000 {
			t.Errorf("%s: %+v", method, f)
		}
	}
}

// Several clients that fetch the same file at the same time each get all of it.
func TestServeSeveralAtOnce(t *testing.T) {
	t.Parallel()
	file := content(3<<20 + 17)
	d := open(t, nil)
	shared := io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file)))
	var all sync.WaitGroup
	for range 20 {
		o := d.handing.Offer(serve.Offering{Name: name, Content: shared, Clients: []netip.Addr{loopback}})
		all.Go(func() {
			response, body, err := d.ask(loopback, http.MethodGet, o.Path())
			if err != nil || response.status != http.StatusOK || !bytes.Equal(body, file) {
				t.Errorf("%+v, %d bytes, %v", response, len(body), err)
			}
		})
	}
	all.Wait()
}
