package wbm

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// sendBuffer bounds what the system takes before the phone does: what waits there looks as if it were sent.
const sendBuffer = 128 << 10

const (
	// refusalGrace is how long whoever refuses half way has to say why.
	refusalGrace = 2 * time.Second
	// stallGrace is how long for who took nothing for the whole timeout: only what is here already is heard.
	stallGrace = time.Millisecond
)

// longAgo is a deadline that has passed: it ends a call that waits.
func longAgo() time.Time { return time.Unix(1, 0) }

// An upload is a body on its way. It is written by a goroutine of its own, since the phone may answer at any time.
type upload struct {
	s *Session
	l *line
	b *body

	quit chan struct{} // closed when no more is to be written
}

// A heard is the head of an answer, or why there is none.
type heard struct {
	answer *http.Response
	err    error
}

// Write writes a piece, in time.
func (u *upload) Write(p []byte) (int, error) {
	_ = u.l.tcp.SetWriteDeadline(time.Now().Add(u.s.o.Timeout))
	select {
	case <-u.quit: // asked after the deadline is set, so that an end to it is never missed
		return 0, os.ErrClosed
	default:
		return u.l.tls.Write(p)
	}
}

// run sends the request and reads the answer. Until all of it is out, whatever ends the connection resets it, the end of
// the process too.
func (u *upload) run(ctx context.Context, r request) (*answer, error) {
	l := u.l
	l.linger(0)
	if tcp, ok := l.tcp.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
	_ = l.tcp.SetDeadline(time.Time{})
	defer context.AfterFunc(ctx, l.reset)()
	var head bytes.Buffer
	if err := u.s.writeHead(&head, r, u.b.length()); err != nil {
		return nil, err
	}
	written := make(chan error, 1)
	go func() {
		_, err := u.Write(head.Bytes())
		if err == nil {
			err = u.b.write(u, u.quit)
		}
		written <- err
	}()
	answers := make(chan heard, 1)
	go func() {
		a, err := l.head() //nolint:bodyclose // receive closes it
		answers <- heard{a, err}
	}()
	a, err := u.wait(ctx, written, answers)
	if err != nil {
		return nil, u.s.fail(ctx, err)
	}
	if u.b.complete() {
		l.linger(-1)
	}
	_ = l.tcp.SetReadDeadline(time.Now().Add(u.s.o.Timeout))
	u.s.line = l
	return u.s.receive(ctx, l, r, a)
}

// wait waits for the answer. When it returns nobody writes to the phone or reads from it any more. Only the file may still
// be read: it may be slow, and what the phone says does not wait for it.
func (u *upload) wait(ctx context.Context, written chan error, answers chan heard) (*http.Response, error) {
	l := u.l
	select {
	case h := <-answers: // before it had all of it, or as it got the last byte
		close(u.quit)
		if h.err != nil {
			l.reset()
			return nil, u.blame(ctx, <-written, h.err)
		}
		_ = l.tcp.SetWriteDeadline(longAgo())
		return h.answer, u.source(<-written)
	case err := <-written:
		patience := u.s.o.Patience
		if err != nil {
			if source := u.source(err); source != nil {
				l.reset()
				<-answers
				return nil, source
			}
			patience = min(u.s.o.Timeout, refusalGrace)
			if isTimeout(err) {
				patience = stallGrace
			}
		}
		_ = l.tcp.SetReadDeadline(time.Now().Add(patience))
		h := <-answers
		if h.err != nil {
			return nil, u.blame(ctx, err, h.err)
		}
		return h.answer, nil
	}
}

// source returns what is wrong with the file, nil if nothing is.
func (u *upload) source(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return nil
}

// blame tells which of two errors came first: a stall, or something wrong with the file, makes the other one.
func (u *upload) blame(ctx context.Context, written, read error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case u.source(written) != nil:
		return written
	case written != nil && isTimeout(written):
		return &Error{Kind: KindTimeout, Msg: "it takes no more of the image"}
	case written != nil && isTimeout(read):
		return written
	case isTimeout(read):
		return &Error{Kind: KindTimeout, Msg: "it has the whole image and does not answer"}
	case written == nil && isBroken(read):
		return &Error{Kind: KindBroken, Msg: "it cut the connection when it had the whole image, and said nothing"}
	case isBroken(read):
		return &Error{Kind: KindBroken, Msg: "it cut the connection in the middle of the image"}
	}
	return read
}
