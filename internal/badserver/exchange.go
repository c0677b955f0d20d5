package badserver

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"time"
)

// Send sends bytes as they are, and reports whether it could.
func (x *Exchange) Send(raw string) bool {
	if raw == "" {
		return true
	}
	if _, err := x.conn.Write([]byte(raw)); err != nil {
		x.leave(endOf(err))
		return false
	}
	return true
}

// Raw sends bytes past TLS.
func (x *Exchange) Raw(raw string) { _, _ = x.tcp.Write([]byte(raw)) }

// Continue sends 100 Continue if the client waits for it.
func (x *Exchange) Continue() {
	if x.expects() && !x.continued {
		x.Send("HTTP/1.1 100 Continue\r\n\r\n")
	}
	x.continued = true
}

// Read asks for the body and reads n bytes of it, or all of it if n is negative.
func (x *Exchange) Read(n int64) []byte {
	if x.ended != "" {
		return nil
	}
	x.Continue()
	var body io.Reader = x.Request.Body
	if x.s.through && x.Request.Method == http.MethodPut {
		body = io.TeeReader(body, x.open())
	}
	content, end := drain(body, n)
	x.took += int64(len(content))
	x.ended = end
	return content
}

// open empties the file that the request names. What is written to it then lies there at once.
func (x *Exchange) open() io.Writer {
	if x.file == nil {
		x.file = &openFile{s: x.s, name: x.Request.URL.Path}
		x.s.Put(x.file.name, nil)
	}
	return x.file
}

// An openFile is a file that is being written. Once it is removed, what is written is lost.
type openFile struct {
	s       *HTTPS
	name    string
	content []byte
}

func (f *openFile) Write(b []byte) (int, error) {
	f.content = append(f.content, b...)
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if _, ok := f.s.files[f.name]; ok {
		f.s.files[f.name] = bytes.Clone(f.content)
	}
	return len(b), nil
}

// Linger closes our side in order and reads what the client still sends.
func (x *Exchange) Linger() {
	if conn, ok := x.conn.(*tls.Conn); ok {
		_ = conn.CloseWrite()
	}
	_ = x.tcp.CloseWrite()
	if x.Request != nil && x.ended == "" {
		content, end := drain(x.Request.Body, -1)
		x.took += int64(len(content))
		x.ended = end
	}
	_, end := drain(x.conn, -1)
	x.leave(end)
}

// Close ends the connection in order.
func (x *Exchange) Close() {
	x.leave(EndOurs)
	_ = x.conn.Close()
}

// Reset ends the connection with a RST.
func (x *Exchange) Reset() {
	x.leave(EndOurs)
	reset(x.tcp)
}

// Silence says nothing until the client leaves, or the test ends.
func (x *Exchange) Silence() {
	if x.Request != nil {
		x.continued = true
		x.Read(-1)
	}
	_, end := drain(x.conn, -1)
	x.leave(end)
}

// Stall does not even read until the client is done.
func (x *Exchange) Stall() {
	_ = x.tcp.SetReadBuffer(4096)
	<-x.s.released
	x.Silence()
}

// Reply answers so; body and effect are as by default.
func Reply(raw string) Answer {
	return func(x *Exchange) {
		x.Default()
		x.Send(raw)
	}
}

// ReplyOnly reads the body, does nothing with it, and answers so.
func ReplyOnly(raw string) Answer {
	return func(x *Exchange) {
		x.Read(-1)
		x.Send(raw)
	}
}

// Refuse answers before it has read more than n bytes of the body, and closes: in order, if linger, else with a RST.
func Refuse(n int64, linger bool, raw string) Answer {
	return func(x *Exchange) {
		if n > 0 {
			x.Read(n)
		}
		x.Send(strings.Replace(raw, "\r\n", "\r\nConnection: close\r\n", 1))
		if linger {
			x.Linger()
			return
		}
		x.Reset()
	}
}

// EndlessReply sends the first part once and the piece for ever.
func EndlessReply(first, piece string) Answer {
	many := strings.Repeat(piece, max(1, 4096/len(piece)))
	return func(x *Exchange) {
		x.Send(first)
		for x.Send(many) {
			continue
		}
	}
}

// Drip reads the body, does nothing with it, and sends the first part, and then the piece again and again, slowly.
func Drip(first, piece string) Answer {
	return func(x *Exchange) {
		if x.Request != nil {
			x.Read(-1)
		}
		x.Send(first)
		for x.Send(piece) {
			select {
			case <-x.s.released:
				x.Close()
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// BendReply takes the default action and changes the whole answer.
func BendReply(change func(answer string) string) Answer {
	return func(x *Exchange) { x.Send(change(x.Default())) }
}

// Store takes the file and changes it; a nil result stores nothing.
func Store(change func([]byte) []byte) Answer {
	return func(x *Exchange) {
		answer := x.Default()
		name := x.Request.URL.Path
		content, _ := x.s.file(name)
		if content = change(bytes.Clone(content)); content == nil {
			x.s.remove(name)
		} else {
			x.s.Put(name, content)
		}
		x.Send(answer)
	}
}

// header adds lines to the head of an answer.
func header(answer string, lines ...string) string {
	return strings.Replace(answer, "\r\n", "\r\n"+strings.Join(lines, "\r\n")+"\r\n", 1)
}

// withoutHeader takes a line out of the head of an answer.
func withoutHeader(answer, name string) string {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, name+":") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n") + "\r\n\r\n" + body
}
