package serve

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// An ftpControl is a control connection as the FTP library sees it. It gives the library one command at a time, and the
// next when the last reply to it is out: then no two goroutines of the library write replies, or touch what belongs to a
// transfer. A connection that ends looks to the library like a QUIT, for which it waits until its goroutines have ended.
// Commands that are not served do not reach it.
type ftpControl struct {
	*conn
	idle  time.Duration
	lines *bufio.Reader
	abort func()        // ends the transfer under way
	reply chan struct{} // a command's last reply is out
	rest  []byte        // of the command that the library reads
	quit  bool          // the last command was given to the library

	mu    sync.Mutex
	busy  bool      // a command has no last reply yet
	login time.Time // when the client has to be logged in; zero if it is
	lost  bool      // a reply could not be sent: the library remembers that, and sends none any more
}

const (
	maxFTPCommand = 1024 // bytes of a line; the library breaks off at 4096
	ftpQuit       = "QUIT"
	ftpRefused    = "XCUP" // the library refuses it always: 502, or 530 without login
)

func newFTPControl(c *conn, idle time.Duration) *ftpControl {
	// Busy from the start: the greeting is a reply too.
	return &ftpControl{conn: c, idle: idle, lines: bufio.NewReaderSize(c, maxFTPCommand), reply: make(chan struct{}, 1), busy: true, login: time.Now().Add(idle)}
}

func (c *ftpControl) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.quit {
			return 0, io.EOF
		}
		c.rest = []byte(c.next() + "\r\n")
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// next returns the next command, when the one before is done.
func (c *ftpControl) next() string {
	line, err := c.line()
	command := ftpQuit // a client that closes here may still be taking the file
	if err == nil {
		command = ftpCommand(line)
	}
	if command == "ABOR" {
		c.abort()
	}
	for done := c.listener.done; c.isBusy(); {
		select {
		case <-c.reply:
		case <-done:
			c.abort()
			done = nil
		}
	}
	if c.isLost() {
		command = ftpQuit
	}
	c.quit = command == ftpQuit
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = true
	_ = c.Conn.SetReadDeadline(time.Time{}) // transfers have a limit of their own
	return command
}

func (c *ftpControl) isBusy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy && !c.lost
}

func (c *ftpControl) isLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// line reads a line. The limit for it runs from the reply to the one before.
func (c *ftpControl) line() (string, error) {
	for {
		line, err := c.lines.ReadSlice('\n')
		if err == nil {
			return string(line), nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || !c.isBusy() || len(line) > 0 {
			return "", err
		}
		c.mu.Lock()
		if c.busy { // the limit ran out while the library read the command before
			_ = c.Conn.SetReadDeadline(time.Time{})
		}
		c.mu.Unlock()
	}
}

// Write sends replies, and notes the last one to a command.
func (c *ftpControl) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(c.idle))
	n, err := c.Conn.Write(p)
	if err != nil {
		c.mu.Lock()
		c.lost = true
		c.mu.Unlock()
		c.abort()
		select {
		case c.reply <- struct{}{}:
		default:
		}
	}
	for line := range bytes.Lines(p) {
		if isLastReply(line) {
			c.mu.Lock()
			c.busy = false
			c.done()
			_ = c.Conn.SetReadDeadline(c.deadline())
			c.mu.Unlock()
			select {
			case c.reply <- struct{}{}:
			default:
			}
		}
	}
	return n, err
}

// deadline returns how long to wait for the next command. All that comes before the login has the limit together. The lock
// is held.
func (c *ftpControl) deadline() time.Time {
	if !c.login.IsZero() {
		return c.login
	}
	return time.Now().Add(c.idle)
}

// loggedIn notes that the client has logged in.
func (c *ftpControl) loggedIn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.login = time.Time{}
}

// isLastReply reports whether a line is the end of a reply that no other will follow: three digits that do not begin
// with 1, and a blank.
func isLastReply(line []byte) bool {
	return len(line) > 3 && line[0] >= '2' && line[0] <= '5' && line[3] == ' ' && bytes.Trim(line[:3], "0123456789") == nil
}

// SetDeadline does nothing: the connection keeps its own time.
func (c *ftpControl) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, as SetDeadline.
func (c *ftpControl) SetReadDeadline(time.Time) error { return nil }

// ftpCommand returns what the library is given for a line: the line itself if it is a command of a client that fetches a file.
func ftpCommand(line string) string {
	line = strings.TrimRight(line, "\r\n")
	for line != "" && line[0] >= 0xf0 { // Telnet's signals before ABOR (RFC 959, 4.1.3)
		line = line[1:]
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); verb {
	case "QUIT", "ABOR":
		return verb
	case "USER", "PASS", "FEAT", "SYST", "NOOP", "OPTS", "CLNT", "MODE", "REST", "RETR", "SIZE", "MDTM",
		"PWD", "XPWD", "CWD", "XCWD", "CDUP", "LIST", "NLST", "MLSD", "MLST", "PASV", "EPSV", "PORT", "EPRT":
		return line
	case "TYPE": // text would change the image, and the library resumes binaries only
		if strings.HasPrefix(strings.ToUpper(rest), "A") {
			return "TYPE I"
		}
		return line
	case "STRU": // files have no other structure
		if strings.EqualFold(rest, "F") {
			return "NOOP"
		}
	}
	return ftpRefused
}
