package serve_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// TestServeDrip checks that a client that sends a byte a second is never silent, and is gone in time anyway: whoever is
// waited for after the limit of the step, others after ten seconds a step.
func TestServeDrip(t *testing.T) {
	t.Parallel()
	const limit = 30 * time.Second
	long := strings.Repeat("X-More: and more\r\n", 100)
	handshake := func(c net.Conn) (net.Conn, error) {
		secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test has only this server
		return secure, secure.HandshakeContext(context.Background())
	}
	for name, row := range map[string]struct {
		ftp   bool
		talk  func(c, slow net.Conn) error
		steps time.Duration // how often it may use up the limit
	}{
		"handshake": {false, func(_, slow net.Conn) error {
			_, err := handshake(slow)
			return err
		}, 1},
		"no TLS": {false, func(_, slow net.Conn) error { return drain(slow, "\x16\x03\x01\x40\x00"+long) }, 1},
		"request line": {false, func(c, _ net.Conn) error {
			secure, err := handshake(c)
			if err != nil {
				return err
			}
			return drain(memnet.DripConn{Conn: secure, Pause: time.Second}, "GET /"+strings.Repeat("x", 1000))
		}, 1},
		"header": {false, func(c, _ net.Conn) error {
			secure, err := handshake(c)
			if err != nil {
				return err
			}
			return drain(memnet.DripConn{Conn: secure, Pause: time.Second}, "GET / HTTP/1.1\r\nHost: x\r\n"+long)
		}, 1},
		"body": {false, func(c, _ net.Conn) error {
			secure, err := handshake(c)
			if err != nil {
				return err
			}
			_, _ = io.WriteString(secure, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
			return drain(memnet.DripConn{Conn: secure, Pause: time.Second}, long)
		}, 2},
		"ftp: command":     {true, func(_, slow net.Conn) error { return drain(slow, "USER "+strings.Repeat("x", 900)) }, 1},
		"ftp: Telnet":      {true, func(_, slow net.Conn) error { return drain(slow, strings.Repeat("\xff\xf4", 450)) }, 1},
		"ftp: empty lines": {true, func(_, slow net.Conn) error { return drain(slow, strings.Repeat("\r\n", 1000)) }, 1},
		"ftp: NOOP":        {true, func(_, slow net.Conn) error { return drain(slow, strings.Repeat("NOOP\r\n", 1000)) }, 1},
		"ftp: logins":      {true, func(_, slow net.Conn) error { return drain(slow, strings.Repeat("USER x\r\nPASS y\r\n", 100)) }, 1},
	} {
		for _, known := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { dripAt(t, row.ftp, known, row.talk, row.steps, limit) })
			})
		}
	}
}

// dripAt has a client talk to a server, and checks how long it may.
func dripAt(t *testing.T, byFTP, known bool, talk func(c, slow net.Conn) error, steps, limit time.Duration) {
	t.Helper()
	const here = "192.0.2.1:8443"
	certificate, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	network := memnet.New()
	l, err := network.Listen(t.Context(), "tcp", here)
	if err != nil {
		t.Fatal(err)
	}
	o := serve.Options{
		Listener: l, Certificate: certificate, Timeout: limit, Known: func(netip.Addr) bool { return known },
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
	}
	var server io.Closer
	if byFTP {
		server, err = serve.NewFTP(o)
	} else {
		server, err = serve.New(o)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := network.Dial(t.Context(), "tcp", here)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	_ = talk(c, memnet.DripConn{Conn: c, Pause: time.Second})
	most := limit
	if !known {
		most = 10 * time.Second
	}
	if took := time.Since(start); took > most*steps+2*time.Second {
		t.Errorf("known %t: it is gone after %s", known, took)
	}
}

// drain sends text, reads to the end meanwhile, and returns when the server has hung up.
func drain(c net.Conn, text string) error {
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	})
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	return errors.New("all of it was sent")
}
