package serve

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// A RequestError is a request by which a client does not get what it may want.
type RequestError struct {
	Sent string // the first line that the client sent: bounded, not escaped, without the secret part of a path
	Why  string // what is wrong with it
	Head bool   // it was answered, and only asks about a file that the client may have
	Err  error  // [ErrNotOffered] if the file is not offered to the client; else nil
}

func (e *RequestError) Error() string {
	if e.Sent == "" {
		return e.Why
	}
	return fmt.Sprintf("%s; it sent %q", e.Why, e.Sent)
}

func (e *RequestError) Unwrap() error { return e.Err }

const (
	maxSent  = 200 // bytes of what a client sent that are shown
	maxBlank = 64  // bytes of empty lines before requests that are dropped
)

// tokenForm finds the secret part of the path of a file, behind its first digits.
var tokenForm = regexp.MustCompile(`(/[0-9A-Fa-f]{4})[0-9A-Fa-f]{28}`)

// shown bounds a line that a client sent, and leaves out the secret part of a path, percent-encoded or not.
func shown(line string) string {
	if plain, err := url.PathUnescape(line); err == nil && tokenForm.MatchString(plain) {
		line = plain
	}
	return secret.Cut(tokenForm.ReplaceAllString(line, "$1..."), maxSent)
}

// sentOf returns the first line of what a client sent.
func sentOf(begin []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimLeft(begin, "\r\n"), []byte("\n"))
	return shown(strings.TrimRight(string(line), "\r"))
}

// requestLine returns the method and the target of a request.
func requestLine(r *http.Request) string { return shown(r.Method + " " + r.RequestURI) }

// plainPath returns a path without its empty parts but the last one.
func plainPath(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// plainRequest returns what a client sent that begins with a request instead of a handshake, or nil.
func plainRequest(err error, begin []byte) *RequestError {
	record := tls.RecordHeaderError{}
	method, _, found := bytes.Cut(bytes.TrimLeft(begin, "\r\n"), []byte(" "))
	isWord := len(method) > 1 && len(bytes.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")) == 0
	if !errors.As(err, &record) || !found || !isWord {
		return nil
	}
	return &RequestError{Sent: sentOf(begin), Why: "the request came without TLS"}
}

// A requestConn is a connection as the HTTP server sees it. It reports a request that the HTTP server refuses by itself, and
// drops empty lines before a request (RFC 9112, 2.2).
type requestConn struct {
	*tls.Conn
	server *Server

	mu      sync.Mutex
	begin   []byte // of the request that is read
	next    []byte // of the one after it
	blank   int    // bytes of empty lines so far
	handled bool   // somebody answers the request
	heard   bool   // something of a request came
	unheard error  // what to report of a client that says nothing
}

// below returns the connection below TLS.
func (c *requestConn) below() *batchConn {
	return c.NetConn().(*batchConn) //nolint:forcetypeassert // of our own making
}

// handle notes that somebody answers the request.
func (c *requestConn) handle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handled = true
}

// idle notes that the request was answered.
func (c *requestConn) idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin, c.next, c.handled = append(c.begin[:0], c.next...), nil, false
	c.below().client.done()
}

func (c *requestConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		c.hear(n, err)
		if kept := c.note(p, n); kept > 0 || n == 0 || err != nil {
			return kept, err
		}
	}
}

// hear notes whether anything of a request came, or why not.
func (c *requestConn) hear(n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = c.heard || n > 0
	if err != nil && !c.heard && c.unheard == nil {
		c.unheard = c.server.unheard(c, err)
	}
}

// note keeps the beginning of a request, and returns how many of n bytes are left without the empty lines before it. While a
// request is answered, the HTTP server reads a single byte, the first of the next one.
func (c *requestConn) note(p []byte, n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead := c.handled && len(p) == 1
	for (ahead || !c.handled && len(c.begin) == 0) && n > 0 && (p[0] == '\r' || p[0] == '\n') && c.blank < maxBlank {
		c.blank++
		n = copy(p, p[1:n])
	}
	switch {
	case ahead:
		c.next = append(c.next[:0], p[:n]...)
	case !c.handled && len(c.begin) < maxSent:
		c.begin = append(c.begin, p[:min(n, maxSent-len(c.begin))]...)
	}
	return n
}

// refused tells of a client that gets no answer.
func (c *requestConn) refused(err error) { c.server.refused(c.below().client.remote, err) }

// Write writes, and reports an answer that nobody but the HTTP server has given.
func (c *requestConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	refused := !c.handled && bytes.HasPrefix(p, []byte("HTTP/1."))
	c.handled = c.handled || refused
	begin := c.begin
	c.mu.Unlock()
	if refused {
		why := string(p[len("HTTP/1.1 "):])
		if _, text, found := strings.Cut(why, "\r\n\r\n"); found && text != "" {
			why = text // with a reason
		}
		why, _, _ = strings.Cut(why, "\r\n")
		c.refused(&RequestError{Sent: sentOf(begin), Why: "the request is not valid HTTP (" + secret.Cut(why, maxSent) + ")"})
	}
	return c.Conn.Write(p)
}

// Close closes, and reports a request that has not ended.
func (c *requestConn) Close() error {
	c.mu.Lock()
	unfinished := !c.handled && len(c.begin) > 0
	c.handled = true
	begin, unheard := c.begin, c.unheard
	c.unheard = nil
	c.mu.Unlock()
	if unheard != nil {
		c.refused(unheard)
	}
	if unfinished {
		c.refused(&RequestError{Sent: sentOf(begin), Why: "the request did not end"})
	}
	return c.Conn.Close()
}
