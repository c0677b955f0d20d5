package serve_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// openFTP starts a server by FTP.
func openFTP(t *testing.T) *desk {
	t.Helper()
	return openFTPWith(t, nil)
}

func openFTPWith(t *testing.T, change func(*serve.Options)) *desk {
	t.Helper()
	d := &desk{t: t, trouble: make(chan error, 1000)}
	o := d.options()
	if change != nil {
		change(&o)
	}
	s, err := serve.NewFTP(o)
	if err != nil {
		t.Fatal(err)
	}
	d.handing = s
	t.Cleanup(func() { _ = s.Close() })
	return d
}

// A dialogue is a control connection spoken by hand.
type dialogue struct {
	*textproto.Conn
	t   *testing.T
	raw net.Conn
}

// dialogue connects from an address and reads the greeting.
func (d *desk) dialogue(from netip.Addr) *dialogue {
	d.t.Helper()
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	raw, err := dialer.DialContext(d.t.Context(), "tcp", d.handing.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	d.t.Cleanup(func() { _ = raw.Close() })
	c := &dialogue{textproto.NewConn(raw), d.t, raw}
	if greeting := c.read(); greeting != "220 Ready" {
		d.t.Errorf("the greeting is %q", greeting)
	}
	return c
}

func (c *dialogue) read() string {
	c.t.Helper()
	code, text, err := c.ReadResponse(0)
	if err != nil && code == 0 {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", code, text)
}

// say sends a command and returns the reply.
func (c *dialogue) say(command string) string {
	c.t.Helper()
	if err := c.PrintfLine("%s", command); err != nil {
		c.t.Fatal(err)
	}
	return c.read()
}

// login logs in with an offer's login.
func (c *dialogue) login(o *serve.Offer) *dialogue {
	c.t.Helper()
	username, password := o.Login()
	c.say("USER " + username)
	if reply := c.say("PASS " + password.Reveal()); !strings.HasPrefix(reply, "230") {
		c.t.Fatal(reply)
	}
	return c
}

// data opens a passive data connection.
func (c *dialogue) data() *net.TCPConn {
	c.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", net.JoinHostPort("127.0.0.1", c.port()))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// port asks for a passive data connection's port.
func (c *dialogue) port() string {
	c.t.Helper()
	match := regexp.MustCompile(`\(\|\|\|(\d+)\|\)`).FindStringSubmatch(c.say("EPSV"))
	if match == nil {
		c.t.Fatal("no port")
	}
	return match[1]
}

// half begins to fetch an offer, and stops.
func (d *desk) half(o *serve.Offer) {
	d.t.Helper()
	if d.pool != nil {
		d.get(d.dial(), o.Path(), 1000)
		return
	}
	c := d.dialogue(loopback).login(o)
	conn := c.data()
	c.say("RETR " + name)
	if _, err := io.CopyN(io.Discard, conn, 1000); err != nil {
		d.t.Fatal(err)
	}
}
