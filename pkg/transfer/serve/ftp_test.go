package serve_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A file goes out by FTP as clients have it, whole and from some place on.
func TestServeFTP(t *testing.T) {
	t.Parallel()
	file := content(3 << 20)
	d := openFTP(t)
	o, w := d.offer(file)
	username, password := o.Login()
	if !regexp.MustCompile(`^cp[0-9a-f]{8}$`).MatchString(username) || !regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(password.Reveal()) || o.Path() != "/"+name {
		t.Errorf("%q %q", username, o.Path())
	}
	for _, epsv := range []bool{true, false} {
		c, err := ftp.Dial(d.handing.Addr().String(), ftp.DialWithTimeout(patience), ftp.DialWithDisabledEPSV(!epsv))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Login(username, password.Reveal()); err != nil {
			t.Fatal(err)
		}
		for from, path := range map[uint64]string{0: name, 1000: "/" + name, uint64(len(file)): "./" + name} {
			answer, err := c.RetrFrom(path, from)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(answer); err != nil || !bytes.Equal(got, file[from:]) {
				t.Errorf("from %d: %d bytes, %v", from, len(got), err)
			}
			if err := answer.Close(); err != nil {
				t.Error(err)
			}
		}
		if entries, err := c.List("/"); err != nil || len(entries) != 1 || entries[0].Name != name || entries[0].Size != uint64(len(file)) {
			t.Errorf("%v, %v", entries, err)
		}
		if size, err := c.FileSize(name); err != nil || size != int64(len(file)) {
			t.Errorf("%d, %v", size, err)
		}
		if err := c.Quit(); err != nil {
			t.Error(err)
		}
	}
	if f := w.complete(); f.Requests != 6 || f.Cut {
		t.Errorf("%+v", f)
	}
}

// curl fetches in active and passive mode, and goes on with half a file.
func TestServeFTPCurl(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	file := content(2 << 20)
	d := openFTP(t)
	for what, args := range map[string][]string{
		"EPSV": {}, "PASV": {"--disable-epsv"}, "EPRT": {"--ftp-port", "-"}, "PORT": {"--ftp-port", "-", "--disable-eprt"},
		"REST": {"-C", "-"},
	} {
		o, w := d.offer(file)
		username, password := o.Login()
		place := filepath.Join(t.TempDir(), "file")
		if what == "REST" {
			if err := os.WriteFile(place, file[:1<<20], 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args = append([]string{"-q", "--silent", "--show-error", "--max-time", "20", "-o", place}, args...)
		args = append(args, fmt.Sprintf("ftp://%s:%s@%s%s", username, password.Reveal(), d.handing.Addr(), o.Path()))
		if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", what, err, out)
		}
		if got, err := os.ReadFile(place); err != nil || !bytes.Equal(got, file) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
		w.until(what, func(f serve.Fetch) bool { return f.Open == 0 && f.Complete == (what != "REST") && f.Sent >= 1<<20 })
	}
}

// The data connection is the client's own: one from elsewhere is turned away, and the client gets its file.
func TestServeFTPForeignData(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("127.0.0.2 is an address on Linux only")
	}
	d := openFTP(t)
	file := content(1 << 20)
	o, w := d.offer(file)
	c := d.dialogue(loopback).login(o)
	port := c.port()
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(elsewhere, 0))}
	thief, err := dialer.DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = thief.Close() }()
	if err := c.PrintfLine("RETR %s", name); err != nil {
		t.Fatal(err)
	}
	_ = thief.SetDeadline(time.Now().Add(patience))
	if got, _ := io.ReadAll(thief); len(got) != 0 {
		t.Errorf("%d bytes for somebody else", len(got))
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	w.complete()
	if first, second := c.read(), c.read(); first[0] != '1' || second[0] != '2' {
		t.Errorf("%s, %s", first, second)
	}
}

// Whatever ends a transfer early is no end of file, and the session goes on as far as there is one.
func TestServeFTPCut(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(*desk, *dialogue, net.Conn, *serve.Offer){
		"the client closes":          func(_ *desk, _ *dialogue, data net.Conn, _ *serve.Offer) { _ = data.Close() },
		"the client stands still":    func(*desk, *dialogue, net.Conn, *serve.Offer) {},
		"withdraw":                   func(_ *desk, _ *dialogue, _ net.Conn, o *serve.Offer) { o.Withdraw() },
		"close":                      func(d *desk, _ *dialogue, _ net.Conn, _ *serve.Offer) { _ = d.handing.Close() },
		"ABOR":                       func(_ *desk, c *dialogue, _ net.Conn, _ *serve.Offer) { _ = c.PrintfLine("ABOR") },
		"commands during a transfer": func(_ *desk, c *dialogue, _ net.Conn, _ *serve.Offer) { _ = c.PrintfLine("NOOP\r\nREST 5\r\nABOR") },
	} {
		d := openFTPWith(t, func(o *serve.Options) { o.Timeout = 4 * time.Second })
		file := content(16 << 20)
		o, w := d.offer(file)
		c := d.dialogue(loopback).login(o)
		data := c.data()
		c.say("RETR " + name)
		if _, err := io.CopyN(io.Discard, data, 1<<20); err != nil {
			t.Fatal(err)
		}
		end(d, c, data, o)
		// Whoever resets a connection knows nothing yet of the piece of 64 KiB that is just being written.
		if f := w.cut(); f.Complete || f.Sent < 1<<20-64<<10 || f.Sent == f.Size {
			t.Errorf("%s: %+v", what, f)
		}
		if _, err := io.Copy(io.Discard, data); err == nil {
			t.Errorf("%s: the end looks as if it were meant", what)
		}
		switch what {
		case "close":
			continue
		case "ABOR":
			if first, second := c.read(), c.read(); first[0] < '4' || !strings.HasPrefix(second, "226") {
				t.Errorf("%s, %s", first, second)
			}
		case "commands during a transfer":
			for _, want := range []string{"5", "200", "350", "226"} {
				if reply := c.read(); !strings.HasPrefix(reply, want) {
					t.Errorf("%s: %s", what, reply)
				}
			}
		default:
			if reply := c.read(); reply[0] != '4' && reply[0] != '5' {
				t.Errorf("%s: %s", what, reply)
			}
		}
		if what == "withdraw" {
			continue
		}
		data = c.data()
		c.say(fmt.Sprintf("REST %d", 1<<20))
		c.say("RETR " + name)
		if got, err := io.ReadAll(data); err != nil || !bytes.Equal(got, file[1<<20:]) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
		w.complete()
	}
}

// A control connection that says nothing is closed, one that is busy is not.
func TestServeFTPIdle(t *testing.T) {
	t.Parallel()
	d := openFTPWith(t, func(o *serve.Options) { o.Timeout = 4 * time.Second })
	c := d.dialogue(loopback)
	if reply := c.read(); !strings.HasPrefix(reply, "221") {
		t.Error(reply)
	}
	c = d.dialogue(loopback)
	if _, err := io.WriteString(c.raw, "USER half a line"); err != nil {
		t.Fatal(err)
	}
	if reply := c.read(); !strings.HasPrefix(reply, "221") {
		t.Error(reply)
	}

	// Who leaves after the command still gets the file.
	file := content(1 << 20)
	o, w := d.offer(file)
	c = d.dialogue(loopback).login(o)
	c.say("TYPE A") // asked for by some, and never meant
	data := c.data()
	if err := c.PrintfLine("RETR %s", name); err != nil {
		t.Fatal(err)
	}
	if err := c.raw.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(data); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	w.complete()
}
