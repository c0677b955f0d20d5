package badserver

import (
	"fmt"
	"io"
	"net"
)

// NeverAccept leaves the data connection in the queue, and replies so; "" is for ever nothing.
func NeverAccept(reply string) Action {
	return func(c *Call) {
		if reply == "" {
			c.Silence()
			return
		}
		c.s.outcome = reply
	}
}

// CloseData takes the data connection and closes it at once; the reply afterwards is given.
func CloseData(reply string) Action {
	return endData(reply, func(tcp *net.TCPConn) { _ = tcp.Close() })
}

// ResetData takes the data connection and resets it at once; the reply afterwards is given.
func ResetData(reply string) Action { return endData(reply, reset) }

func endData(reply string, end func(*net.TCPConn)) Action {
	return func(c *Call) {
		c.s.outcome = reply
		tcp, _, err := c.s.accept()
		if err != nil {
			return
		}
		c.s.srv.record(Entry{Kind: Data, Conn: c.s.id, Text: "STOR " + c.Arg, End: EndOurs})
		end(tcp)
		c.s.srv.drop(tcp)
	}
}

// Stall takes the data connection and n bytes, and nothing more.
func Stall(n int64) Action {
	return func(c *Call) {
		if c.takeSome(n) {
			c.Silence()
		}
	}
}

// StopEarly takes n bytes, replies, and leaves the rest unread on an open connection.
func StopEarly(n int64, reply string) Action {
	return func(c *Call) {
		if c.takeSome(n) {
			c.Send(reply)
		}
	}
}

// takeSome reads n bytes of the file, stores them, and reads no further.
func (c *Call) takeSome(n int64) bool {
	c.s.outcome = ""
	tcp, conn, err := c.s.accept()
	if err != nil {
		c.Close()
		return false
	}
	_ = tcp.SetReadBuffer(4096)
	content, _ := drain(conn, n)
	c.s.srv.Put(c.Arg, content)
	c.s.abandon(tcp, c.Arg)
	return true
}

// ReplyEarly takes n bytes, replies, and goes on reading.
func ReplyEarly(n int64, reply string) Action {
	return func(c *Call) {
		_ = c.s.receive(c.Arg, func(conn net.Conn) {
			_, _ = io.CopyN(io.Discard, conn, n)
			c.Send(reply)
		})
		c.s.outcome = ""
	}
}

// CutAfter takes n bytes and then closes both connections.
func CutAfter(n int64) Action {
	return func(c *Call) {
		if tcp, conn, err := c.s.accept(); err == nil {
			content, _ := drain(conn, n)
			c.s.srv.Put(c.Arg, content)
			c.s.srv.record(Entry{Kind: Data, Conn: c.s.id, Text: "STOR " + c.Arg, Bytes: int64(len(content)), End: EndOurs})
			c.s.srv.drop(tcp)
		}
		c.Close()
	}
}

// DropControl says this, closes the control connection while the file is coming in, and takes all of the file.
func DropControl(farewell string) Action {
	return func(c *Call) {
		_ = c.s.receive(c.Arg, func(net.Conn) {
			c.Send(farewell)
			c.Close()
		})
	}
}

// Crippled takes the file as a server does that thinks it is text, unless TYPE I was said.
func Crippled(c *Call) {
	c.Default()
	if !c.s.ascii {
		return
	}
	content, _ := c.s.srv.file(c.Arg)
	for i := range content {
		content[i] &= 0x7f
	}
	c.s.srv.Put(c.Arg, content)
}

// Intruder has somebody else connect to the data port before the client knows it, and send this content.
func Intruder(content string) Action {
	return func(c *Call) {
		reply := c.Default()
		if conn, err := connectTo(c.s.passive.Addr()); err == nil {
			_, _ = io.WriteString(conn, content)
			_ = conn.Close()
		}
		c.Send(reply)
	}
}

// ClosedPort opens a port for EPSV or PASV, and closes it again.
func ClosedPort(c *Call) {
	reply := c.Default()
	c.s.closePassive()
	c.Send(reply)
}

// BlockedPort opens a port for EPSV or PASV that answers nobody.
func BlockedPort(c *Call) {
	reply := c.Default()
	block(&c.s.srv.core, c.s.passive)
	c.Send(reply)
}

// ForeignPASV names another host for the data, with the right port.
func ForeignPASV(c *Call) {
	port, err := c.s.open()
	if err != nil {
		c.Close()
		return
	}
	c.Send(fmt.Sprintf("227 Entering Passive Mode (10,9,8,7,%d,%d)\r\n", port>>8, port&0xff))
}
