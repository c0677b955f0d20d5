package badserver

import (
	"bytes"
	"context"
	"net"
	"strings"
)

// A Call is a step of the dialogue that a fault has taken over.
type Call struct {
	Step string
	Arg  string // of a command; at Incoming and Complete the whole name of the file

	s        *session
	conn     *net.TCPConn // the connection that Raw, Close and Reset mean
	fallback func() string
	sent     string
}

// Default does what the server does without a fault, and returns its reply, which is not sent yet.
func (c *Call) Default() string {
	reply := c.fallback()
	if c.Step == Incoming {
		c.s.outcome = reply
	}
	return reply
}

// Send sends bytes as they are on the control connection, and reports whether it could.
func (c *Call) Send(raw string) bool {
	if raw == "" {
		return true
	}
	c.sent = raw
	if _, err := c.s.conn.Write([]byte(raw)); err != nil {
		c.s.leave(endOf(err))
		return false
	}
	return true
}

// Raw sends bytes past TLS.
func (c *Call) Raw(raw string) { _, _ = c.conn.Write([]byte(raw)) }

// Close ends the connection in order.
func (c *Call) Close() {
	if c.conn == c.s.tcp {
		c.s.leave(EndOurs)
	}
	_ = c.conn.Close()
}

// Reset ends the connection with a RST.
func (c *Call) Reset() {
	if c.conn == c.s.tcp {
		c.s.leave(EndOurs)
	}
	reset(c.conn)
}

// Silence says nothing until the client leaves, or the test ends.
func (c *Call) Silence() {
	for {
		line, err := c.s.in.ReadString('\n')
		if line != "" {
			c.s.srv.record(Entry{Kind: Ignored, Conn: c.s.id, Text: strings.TrimRight(line, "\r\n")})
		}
		if err != nil {
			c.s.leave(endOf(err))
			return
		}
	}
}

// Say replies so and does nothing.
func Say(raw string) Action { return func(c *Call) { c.Send(raw) } }

// DoAndSay takes the default action and sends this reply.
func DoAndSay(raw string) Action {
	return func(c *Call) {
		c.Default()
		c.Send(raw)
	}
}

// Bend takes the default action and changes the reply.
func Bend(change func(reply string) string) Action {
	return func(c *Call) { c.Send(change(c.Default())) }
}

// SayAndClose replies so, does nothing, and closes the connection.
func SayAndClose(raw string) Action {
	return func(c *Call) {
		c.Send(raw)
		c.Close()
	}
}

// Silence takes the default action, but never answers.
func Silence(c *Call) {
	c.Default()
	c.Silence()
}

// Cut takes the default action and closes the connection instead of a reply.
func Cut(c *Call) {
	c.Default()
	c.Close()
}

// Reset takes the default action and resets the connection instead of a reply.
func Reset(c *Call) {
	c.Default()
	c.Reset()
}

// Slowly sends the reply byte by byte.
func Slowly(c *Call) {
	reply := c.Default()
	for _, b := range []byte(reply) {
		if !c.Send(string([]byte{b})) {
			return
		}
	}
	c.sent = reply
}

// Endless sends a piece without end.
func Endless(piece string) Action {
	many := strings.Repeat(piece, max(1, 4096/len(piece)))
	return func(c *Call) {
		for c.Send(many) {
			continue
		}
	}
}

// EndlessAfter is Endless after something that is sent once, in place of the reply.
func EndlessAfter(first, piece string) Action {
	return func(c *Call) {
		c.Send(first)
		Endless(piece)(c)
	}
}

// Change receives the file and changes it.
func Change(change func([]byte) []byte) Action {
	return func(c *Call) {
		c.Default()
		content, _ := c.s.srv.file(c.Arg)
		c.s.srv.Put(c.Arg, change(bytes.Clone(content)))
	}
}

// connectTo is a client that nobody has asked for.
func connectTo(addr net.Addr) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(context.Background(), "tcp4", addr.String())
}
