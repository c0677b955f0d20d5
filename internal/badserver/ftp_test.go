package badserver

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client is a client by hand.
type client struct {
	t      *testing.T
	raw    net.Conn
	text   *textproto.Conn
	config *tls.Config
}

func connect(t *testing.T, s *FTP) *client {
	t.Helper()
	raw, err := connectTo(s.listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	return &client{t: t, raw: raw, text: textproto.NewConn(raw)}
}

func (c *client) want(code int) string {
	c.t.Helper()
	_, message, err := c.text.ReadResponse(code)
	if err != nil {
		c.t.Fatalf("want %d: %v", code, err)
	}
	return message
}

func (c *client) say(code int, line string) string {
	c.t.Helper()
	if err := c.text.PrintfLine("%s", line); err != nil {
		c.t.Fatal(err)
	}
	return c.want(code)
}

func (c *client) login() {
	c.t.Helper()
	c.want(220)
	if c.config != nil {
		c.say(234, "AUTH TLS")
		conn := tls.Client(c.raw, c.config)
		c.text = textproto.NewConn(conn)
	}
	c.say(331, "USER "+User)
	c.say(230, "PASS "+Password)
	if c.config != nil {
		c.say(200, "PBSZ 0")
		c.say(200, "PROT P")
	}
	c.say(200, "TYPE I")
	c.say(250, "CWD "+Folder)
}

// data opens a data connection; after a command TLS is taken up by secure.
func (c *client) data() net.Conn {
	c.t.Helper()
	port := regexp.MustCompile(`\|\|\|(\d+)\|`).FindStringSubmatch(c.say(229, "EPSV"))[1]
	n, _ := strconv.Atoi(port)
	conn, err := connectTo(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n})
	if err != nil {
		c.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

func (c *client) secure(conn net.Conn) net.Conn {
	if c.config == nil {
		return conn
	}
	return tls.Client(conn, c.config)
}

func (c *client) stor(name string, content []byte) {
	c.t.Helper()
	conn := c.data()
	c.say(150, "STOR "+name)
	conn = c.secure(conn)
	if _, err := conn.Write(content); err != nil {
		c.t.Fatal(err)
	}
	_ = conn.Close()
}

func TestFTP(t *testing.T) {
	content := bytes.Repeat([]byte("a\r\nb\x00"), 100_000)
	for _, s := range []*FTP{NewFTP(t, Feature("HASH SHA-256*"), Feature("XSHA256")), NewFTPS(t, func(s *FTP) { s.reuse = true })} {
		c := connect(t, s)
		if s.secure {
			c.config = &tls.Config{RootCAs: s.Trust().Authorities, ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		}
		c.login()
		if !s.secure && !strings.Contains(c.say(211, "FEAT"), "HASH SHA-256*") {
			t.Error("FEAT does not tell HASH")
		}
		c.stor("x.part", content)
		c.want(226)
		if got := c.say(213, "SIZE x.part"); got != strconv.Itoa(len(content)) {
			t.Errorf("SIZE %s", got)
		}
		c.say(350, "RNFR x.part")
		c.say(250, "RNTO x")
		conn := c.data()
		c.say(150, "RETR x")
		got, err := io.ReadAll(c.secure(conn))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		_ = conn.Close()
		c.want(226)
		if files := s.Files(); len(files) != 1 || !bytes.Equal(files[Folder+"/x"], content) {
			t.Errorf("%d files", len(files))
		}
		conn = c.data()
		c.say(150, "LIST")
		got, _ = io.ReadAll(c.secure(conn))
		_ = conn.Close()
		if c.want(226); !strings.HasSuffix(string(got), " x\r\n") {
			t.Errorf("LIST: %q", got)
		}
		c.say(250, "DELE x")
		c.say(221, "QUIT")
		_ = c.text.Close()
		s.WaitClosed()
		if ends := s.DataEnds("STOR"); !slices.Equal(ends, []End{EndEOF}) {
			t.Errorf("data ended: %v", ends)
		}
		if !s.Saw("PASS "+Password) || s.Saw("PORT") {
			t.Errorf("commands: %q", s.Commands())
		}
	}
}

func TestFTPEnds(t *testing.T) {
	s := NewFTP(t, Once(Complete, Say("552 full\r\n")), Once("SIZE", func(c *Call) { c.Reset() }))
	c := connect(t, s)
	c.login()
	c.stor("x", []byte("1"))
	c.want(552)
	conn := c.data()
	c.say(150, "STOR y")
	reset(conn.(*net.TCPConn))
	c.want(426)
	_ = c.text.PrintfLine("SIZE x")
	if _, err := c.text.ReadLine(); endOf(err) != EndReset {
		t.Errorf("SIZE: %v", err)
	}
	_ = c.text.Close()
	s.WaitClosed()
	if ends := s.DataEnds("STOR"); !slices.Equal(ends, []End{EndEOF, EndReset}) {
		t.Errorf("data ended: %v", ends)
	}
}

// A stalled connection tells how the client left it.
func TestStallTellsTheEnd(t *testing.T) {
	s := NewFTP(t, Always(Incoming, Stall(2)))
	for range 2 {
		c := connect(t, s)
		c.login()
		conn := c.data()
		c.say(150, "STOR x")
		if _, err := conn.Write([]byte("12345")); err != nil {
			t.Fatal(err)
		}
		reset(conn.(*net.TCPConn))
		_ = c.text.Close()
		s.WaitClosed()
	}
	if ends := s.DataEnds("STOR"); !slices.Equal(ends, []End{EndReset, EndReset}) {
		t.Errorf("data ended: %v", ends)
	}
}

func TestBlockedPort(t *testing.T) {
	s := NewFTP(t, Always("EPSV", BlockedPort))
	c := connect(t, s)
	c.login()
	port := regexp.MustCompile(`\|\|\|(\d+)\|`).FindStringSubmatch(c.say(229, "EPSV"))[1]
	conn, err := (&net.Dialer{Timeout: 200 * time.Millisecond}).DialContext(t.Context(), "tcp4", "127.0.0.1:"+port)
	if err == nil {
		_ = conn.Close()
		t.Error("it answers")
	}
	_ = c.text.Close()
}

// Every row has a name of its own, starts, and ends.
func TestRows(t *testing.T) {
	names := map[string]bool{}
	once := func(name string) {
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
	}
	for _, r := range FTPRows() {
		once(r.Name)
		t.Run(r.Name, func(t *testing.T) {
			conn, err := connectTo(r.Start(t).listener.Addr())
			if err == nil {
				_, _ = conn.Write([]byte("USER x\r\n"))
				_ = conn.Close()
			}
		})
	}
	for _, r := range HTTPSRows() {
		once(r.Name)
		t.Run(r.Name, func(t *testing.T) {
			conn, err := connectTo(r.Start(t).listener.Addr())
			if err == nil {
				_ = conn.Close()
			}
		})
	}
	t.Logf("%d rows", len(names))
}
