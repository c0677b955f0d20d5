package wbm

import (
	"context"
	"errors"
	"net/http/httptrace"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// send sends the form with the image over a connection of its own. Until all of it is sent and answered, whatever ends the
// connection resets it, the end of the process too.
func (s *Session) send(ctx context.Context, r request, b *body) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(s.o.Patience, func() {
		cancel(&Error{Kind: KindTimeout, Msg: "it has the whole image and does not answer"})
	})
	patience.Stop()
	defer patience.Stop()
	b.interrupted = ctx.Err
	defer b.limitEarlyAnswer(s.o.Timeout, func() { cancel(errSilent()) })()
	var c *conn
	trace := &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		if info.Err == nil && !c.lost.Load() {
			b.sent()
			patience.Reset(s.o.Patience)
		}
	}}
	h, err := s.newRequest(httptrace.WithClientTrace(ctx, trace), r)
	if err != nil {
		return nil, err
	}
	h.Body, h.ContentLength = b, b.length
	s.disconnect()
	limited, done := s.limit(ctx)
	defer done()
	if c, err = s.connect(limited, b); err != nil {
		return nil, err
	}
	s.conn = c
	defer b.finish()
	b.start()
	response, err := c.roundTrip(h)
	if err != nil {
		if ctx.Err() == nil {
			b.await(refusalGrace)
		}
		err = s.uploadError(ctx, b, err)
		s.abort()
		return nil, err
	}
	patience.Stop()
	b.limitAnswer(false)
	defer time.AfterFunc(s.o.Timeout, func() { cancel(errSilent()) }).Stop()
	if b.await(refusalGrace); b.complete.Load() {
		c.normal.Store(true)
		c.raw.CloseNormally()
	}
	a, err := s.receive(ctx, r, response)
	if err == nil && !b.complete.Load() && s.conn != nil {
		s.abort()
	}
	return a, err
}

// uploadError returns the error of an upload that has no answer.
func (s *Session) uploadError(ctx context.Context, b *body, err error) error {
	cause, mine := context.Cause(ctx), (*Error)(nil)
	class := netconn.Classify(err)
	switch {
	case cause != nil:
		return cause
	case errors.As(err, &mine):
		return mine
	case s.conn.raw.TimedOut(), class == netconn.Timeout && !b.complete.Load():
		return &Error{Kind: KindTimeout, Msg: "it takes no more of the image"}
	case class == netconn.Broken && b.complete.Load():
		return &Error{Kind: KindBroken, Msg: "it cut the connection when it had the whole image, and said nothing"}
	case class == netconn.Broken:
		return &Error{Kind: KindBroken, Msg: "it cut the connection in the middle of the image"}
	}
	return s.fail(ctx, err)
}
