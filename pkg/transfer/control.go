package transfer

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

const (
	maxPreliminary = 64                     // 1xx replies to one command
	grace          = 400 * time.Millisecond // what an answer gets that is owed when we want to leave
)

// A control is the control connection as the FTP library sees it: every answer is complete, comes in time or not at
// all, and has the code that the library knows for it. Differences between servers end here.
type control struct {
	net.Conn // commands are written to it: tcp, or TLS on it
	tcp      *netconn.Conn
	access   Access
	o        Options
	ctx      context.Context //nolint:containedctx // of the operation that runs; the library's calls take none

	answers chan answer
	closed  chan struct{}
	once    sync.Once
	open    atomic.Pointer[reply]    // a reply that has not ended, or ended with another code
	upload  atomic.Pointer[dataConn] // the upload that runs

	unread   []byte // of a reply that the library reads
	verb     string // of the last command
	command  string // the whole of it, without secrets
	begun    bool   // its first 1xx reply was passed on
	stored   bool   // a STOR went out since this was reset
	listing  bool   // what is downloaded is a listing
	endless  bool   // the last listing was cut short
	listed   []byte // the last listing, as it came
	features []string
	renames  reply   // the answer to RNFR for a name that no file has
	last     reply   // the last final answer
	fault    error   // why TLS failed on the last data connection
	skipEPSV bool    // EPSV's port cannot be reached: the library is told that there is no EPSV
	kept     *answer // what the server said when it left
	late     bool    // something took too long already: do not wait much longer
	broken   bool    // the dialogue is lost
	entered  bool    // the folder is the working directory
}

type answer struct {
	reply reply
	err   error
}

// newControl starts to read from the server. greeting is its first reply.
func newControl(tcp *netconn.Conn, conn net.Conn, r *bufio.Reader, greeting reply, a Access, o Options) *control {
	c := &control{Conn: conn, tcp: tcp, access: a, o: o, answers: make(chan answer, 8), closed: make(chan struct{})}
	c.unread = greeting.wire()
	tcp.WaitForReads()
	go c.listen(r)
	return c
}

// listen passes on what the server says. A refusal while a file is sent stops the sending at once.
func (c *control) listen(r *bufio.Reader) {
	defer close(c.answers)
	for {
		received, err := readReply(r, c.open.Store)
		if upload := c.upload.Load(); upload != nil && err == nil && upload.handleReply(received.code) {
			continue
		}
		if err != nil {
			err = unended(c.open.Load(), err)
		}
		select {
		case c.answers <- answer{received, err}:
		case <-c.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

// Close ends the connection.
func (c *control) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Write sends a command. The library writes one at a time.
func (c *control) Write(p []byte) (int, error) {
	command := strings.TrimRight(string(p), "\r\n")
	c.verb, _, _ = strings.Cut(command, " ")
	c.begun = false
	if c.verb == "EPSV" && c.skipEPSV {
		c.unread = reply{502, []string{"not used"}}.wire()
		return len(p), nil
	}
	c.discardStray()
	switch c.verb {
	case "PASS", "ACCT":
		command = c.verb + " " + secret.Redacted
	}
	c.command = command
	c.log("> " + command)
	if c.kept != nil {
		return len(p), nil
	}
	c.stored = c.stored || c.verb == "STOR"
	if _, err := c.Conn.Write(p); err != nil {
		c.late = true // whatever the server may have said before it closed is the better answer
	}
	return len(p), nil
}

// discardStray drops answers to no command: the next command would take them for its own. What a server says when it
// leaves is kept for that command.
func (c *control) discardStray() {
	for c.kept == nil {
		select {
		case a, ok := <-c.answers:
			if !ok || a.err != nil || a.reply.code == 421 {
				c.kept = &a
				return
			}
			c.logReply(a.reply)
		default:
			return
		}
	}
}

func (c *control) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		r, err := c.next()
		if err != nil {
			return 0, err
		}
		c.unread = r.wire()
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// next returns the answer to the last command: a 1xx only where a transfer begins.
func (c *control) next() (reply, error) {
	timer := time.NewTimer(c.timeout())
	defer timer.Stop()
	done := c.ctx.Done()
	if c.kept != nil {
		a := *c.kept
		if a.err == nil && a.reply.code == 421 {
			c.broken = true
			c.logReply(a.reply)
			return a.reply, nil
		}
		return reply{}, c.lost(a.err)
	}
	for preliminary := 0; preliminary <= maxPreliminary; {
		select {
		case a := <-c.answers: // the zero answer if listen has ended
			if a.err != nil || a.reply.code == 0 {
				return reply{}, c.lost(a.err)
			}
			c.logReply(a.reply)
			switch {
			case a.reply.code == 332 && c.account():
				timer.Reset(c.timeout())
			case a.reply.code >= 200 && !c.belongs(a.reply.code):
				return reply{}, c.lost(fmt.Errorf("%w to %s: %03d %s", errNonsense, c.verb, a.reply.code, a.reply.text()))
			case a.reply.code >= 200:
				return c.normalize(a.reply), nil
			case c.transfers() && !c.begun:
				c.begun = true
				return reply{150, a.reply.lines}, nil // the library knows 125 and 150, RFC 959 more
			default:
				preliminary++
			}
		case <-timer.C:
			c.late = true
			return reply{}, c.lost(unended(c.open.Load(), os.ErrDeadlineExceeded))
		case <-done:
			done = nil
			timer.Reset(grace)
		}
	}
	return reply{}, c.lost(fmt.Errorf("%w: more than %d preliminary ones", errNonsense, maxPreliminary))
}

// timeout returns how long to wait for an answer.
func (c *control) timeout() time.Duration {
	switch {
	case c.late:
		return min(grace, c.o.Timeout)
	case c.ctx.Err() != nil:
		return min(cmp.Or(c.o.CleanUp, grace), c.o.Timeout)
	}
	return c.o.Timeout
}

// lost marks the dialogue as lost, and returns why.
func (c *control) lost(err error) error {
	c.broken = true
	if err == nil {
		err = net.ErrClosed
	}
	return err
}

// transfers reports whether a 1xx reply to the last command means that data may flow.
func (c *control) transfers() bool {
	switch c.verb {
	case "STOR", "RETR", "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

// account sends the account that the server asks for.
func (c *control) account() bool {
	if c.access.Account == "" || c.verb == "ACCT" {
		return false
	}
	_, err := c.Write([]byte("ACCT " + c.access.Account + "\r\n"))
	return err == nil
}

// feature returns what the server said of a feature, and whether it has it.
func (c *control) feature(name string) (string, bool) {
	for _, line := range c.features {
		word, rest, _ := strings.Cut(line, " ")
		if strings.EqualFold(word, name) {
			return rest, true
		}
	}
	return "", false
}

// ask sends a command that the library does not know, and returns the answer.
func (c *control) ask(command string) (reply, error) {
	if strings.ContainsAny(command, "\r\n") {
		return reply{}, errors.New("a command is one line")
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return reply{}, c.lost(err)
	}
	return c.next()
}

// logReply tells a reply as steps of the dialogue.
func (c *control) logReply(r reply) {
	for i, line := range r.lines {
		if i == 0 || i == len(r.lines)-1 {
			line = fmt.Sprintf("%03d %s", r.code, line)
		}
		c.log("< " + line)
	}
}

// log tells a line of the dialogue, without secrets.
func (c *control) log(line string) { c.o.tell(Event{Step: StepDialog, Text: c.access.scrub(line)}) }
