package badserver

import (
	"slices"
	"strings"
)

// An Entry is something that a server was sent, or that happened to a connection.
type Entry struct {
	Kind          EntryKind
	Conn          int    // the number of the connection, from 1; of data connections that of the control connection
	Text          string // a command, a request line, what a data connection was for
	Authorization string // of a request
	Expect        bool   // the request waits for 100 Continue
	Bytes         int64  // of a data connection or a request's body: how many came and were read
	End           End    // how it ended
}

// An EntryKind is a kind of [Entry].
type EntryKind string

// The kinds.
const (
	Connected EntryKind = "connected"
	Command   EntryKind = "command"
	Ignored   EntryKind = "ignored" // bytes that came while the server keeps silent
	Data      EntryKind = "data"    // a data connection ended
	Request   EntryKind = "request" // head and body of a request were read, as far as they were
	Closed    EntryKind = "closed"  // a control or HTTPS connection ended
)

// An End is how a connection ended.
type End string

// The ends.
const (
	EndEOF    End = "eof"    // the client closed it in order
	EndReset  End = "reset"  // the client sent a RST
	EndOurs   End = "ours"   // the server closed it
	EndBroken End = "broken" // anything else, such as TLS without its good-bye
)

func (c *core) record(e Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, e)
}

// Log returns what has happened so far, in order.
func (c *core) Log() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.log)
}

// Commands returns the commands or requests that came, in order.
func (c *core) Commands() []string {
	var commands []string
	for _, e := range c.Log() {
		if e.Kind == Command || e.Kind == Request {
			commands = append(commands, e.Text)
		}
	}
	return commands
}

// Saw reports whether a command or request came that begins so.
func (c *core) Saw(prefix string) bool {
	return slices.ContainsFunc(c.Commands(), func(s string) bool { return strings.HasPrefix(s, prefix) })
}

// DataEnds returns how the data connections, or the bodies of requests, ended whose text begins so.
func (c *core) DataEnds(prefix string) []End {
	var ends []End
	for _, e := range c.Log() {
		if (e.Kind == Data || e.Kind == Request) && strings.HasPrefix(e.Text, prefix) {
			ends = append(ends, e.End)
		}
	}
	return ends
}
