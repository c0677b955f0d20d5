package serve_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

func onlyLoopback(o *serve.Options) {
	o.Known = func(remote netip.Addr) bool { return remote == loopback }
}

// Strangers with connections in great number get few of them, are told of once, and keep out nobody who is known.
func TestServeStrangers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("127.0.0.2 is an address on Linux only")
	}
	for method, open := range map[string]func(*testing.T, func(*serve.Options)) *desk{"https": open, "ftp": openFTPWith} {
		t.Run(method, func(t *testing.T) {
			const tries = 5
			for range tries {
				if serveStrangers(t, open(t, onlyLoopback)) {
					return
				}
			}
			t.Fatalf("it took too long %d times", tries)
		})
	}
}

// serveStrangers reports whether it took less time than strangers may be silent: after that, they are turned away for their silence.
func serveStrangers(t *testing.T, d *desk) (inTime bool) {
	t.Helper()
	const each, addresses, most = 20, 5, 64 // of which 16 from one address
	const silence = 10 * time.Second
	begun := time.Now()
	var held []net.Conn
	turnedAway := make(chan struct{}, each*addresses)
	for a := range addresses {
		from := netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + a)})
		dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		for range each {
			conn, err := dialer.DialContext(t.Context(), "tcp", d.handing.Addr().String())
			if err != nil { // reset at once
				turnedAway <- struct{}{}
				continue
			}
			held = append(held, conn)
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				turnedAway <- struct{}{}
			}()
		}
	}
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}()
	for range each*addresses - most {
		select {
		case <-turnedAway:
		case <-time.After(patience):
			t.Fatal("strangers are not turned away")
		}
	}
	o, w := d.offer(content(1000))
	d.half(o)
	w.complete()
	more := len(turnedAway)
	d.troubled(func(err error) bool { return errors.Is(err, serve.ErrTooManyConns) })
	var told error
	if len(d.trouble) > 0 {
		told = <-d.trouble
	}
	if time.Since(begun) >= silence {
		return false
	}
	if more > 0 {
		t.Errorf("%d more are turned away", more)
	}
	if told != nil {
		t.Errorf("more is told: %v", told)
	}
	return true
}

// The connection of an unknown peer ends with the answer.
func TestServeStrangerOnce(t *testing.T) {
	t.Parallel()
	d := open(t, func(o *serve.Options) { o.Known = func(netip.Addr) bool { return false } })
	conn := d.dial()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !bytes.Contains(answer, []byte("\r\nConnection: close\r\n")) {
		t.Errorf("%q, %v", answer, err)
	}
}

// A body that never ends is read for so long as the server says, or the handler, whatever comes meanwhile.
func TestServeEndlessBody(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ server, handler time.Duration }{
		"the server's limit":  {30 * time.Second, 0},
		"the handler's limit": {time.Hour, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) { serveEndlessBody(t, what, c.server, c.handler) })
	}
}

func serveEndlessBody(t *testing.T, what string, server, handler time.Duration) {
	read := make(chan error, 1)
	d := openInMemory(t, func(o *serve.Options) {
		o.Timeout = server
		o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if handler > 0 {
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(handler))
			}
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		})
	})
	conn := d.dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Second)
	limit := time.After(10 * time.Minute)
	for over := false; !over; {
		select {
		case <-tick.C:
			_, _ = io.WriteString(conn, "1\r\nx\r\n")
		case err := <-read:
			if err == nil {
				t.Errorf("%s: the body ends", what)
			}
			over = true
		case <-limit:
			t.Fatalf("%s: it is read on and on", what)
		}
	}
	tick.Stop()
}
