package serve_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A client that leaves with a reset when everything is on its way holds nothing up: what it got shows when it goes on.
func TestServeLeft(t *testing.T) {
	t.Parallel()
	const got = 1000
	file := content(48 << 10)
	patient := func(o *serve.Options) { o.Timeout, o.Stall = time.Hour, time.Hour }
	for method, start := range map[string]func(*testing.T, func(*serve.Options)) *desk{"https": open, "ftp": openFTPWith} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, waits %v", method, waits), func(t *testing.T) {
				t.Parallel()
				d := start(t, patient)
				o, w := d.offer(file)
				conn := d.fetch(o, 0, got)
				_ = conn.SetLinger(0)
				_ = conn.Close()
				if waits { // all went out, and nobody said that it came
					w.until("perhaps", func(f serve.Fetch) bool { return f.Open == 0 && (f.Perhaps || f.Complete) })
				}
				d.fetch(o, got, len(file)-got)
				if f := w.complete(); f.Perhaps || f.Requests != 2 {
					t.Errorf("%+v", f)
				}
			})
		}
	}
}

// fetch asks for a file from some place on, with little room for what comes, and reads so many bytes.
func (d *desk) fetch(o *serve.Offer, from, bytesToRead int) *net.TCPConn {
	d.t.Helper()
	connect := func(address string) *net.TCPConn {
		conn, err := (&net.Dialer{}).DialContext(d.t.Context(), "tcp", address)
		if err != nil {
			d.t.Fatal(err)
		}
		d.t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		tcp := conn.(*net.TCPConn)
		_ = tcp.SetReadBuffer(2048)
		return tcp
	}
	if d.pool != nil {
		raw := connect(d.handing.Addr().String())
		conn := tls.Client(raw, &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1"})
		d.get(conn, o.Path()+fmt.Sprintf(" HTTP/1.1\r\nRange: bytes=%d-\r\nX:", from), bytesToRead)
		return raw
	}
	c := d.dialogue(loopback).login(o)
	conn := connect(net.JoinHostPort("127.0.0.1", c.port()))
	c.say(fmt.Sprintf("REST %d", from))
	c.say("RETR " + name)
	var read bytes.Buffer
	if _, err := io.CopyN(&read, conn, int64(bytesToRead)); err != nil {
		d.t.Fatal(err)
	}
	if want := content(48 << 10)[from : from+bytesToRead]; !bytes.Equal(read.Bytes(), want) {
		d.t.Error("other bytes")
	}
	return conn
}
