package wbm

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

const (
	maxHeader  = 64 << 10
	maxInterim = 16 // answers of the kind 1xx to one request

	// refusalGrace is how long a phone that cuts the connection half way has to say why.
	refusalGrace = 2 * time.Second
)

// A conn is one connection to the phone. net/http gets it above TLS, so that it counts bytes of HTTP.
type conn struct {
	*tls.Conn
	raw    *netconn.Conn
	client *http.ClientConn
	upload *body                 // what the connection is for, or nil
	read   atomic.Int64          // bytes since the last request began
	ended  atomic.Pointer[error] // why the phone sends no more
	closed atomic.Bool           // on this side
	lost   atomic.Bool           // something was written after that
	normal atomic.Bool           // it may be closed normally: the upload is answered
}

// connect connects to the phone, for pages or for one upload.
func (s *Session) connect(ctx context.Context, upload *body) (*conn, error) {
	address := net.JoinHostPort(s.host, s.port)
	tcp, err := s.o.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	s.ends = [2]net.Addr{tcp.LocalAddr(), tcp.RemoteAddr()}
	c := &conn{raw: netconn.New(tcp, s.o.Timeout), upload: upload}
	c.Conn = tls.Client(c.raw, s.config)
	c.raw.LimitUnsent()
	c.raw.WaitForReads() // as long as the context lasts
	c.raw.HoldFailedWrites(min(s.o.Timeout, refusalGrace))
	if upload != nil {
		c.raw.ResetOnClose()
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.raw.Reset()
		return nil, s.handshakeError(ctx, err)
	}
	transport := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return c, nil },
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
	if c.client, err = transport.NewClientConn(ctx, "https", address); err != nil {
		c.raw.Reset()
		return nil, s.fail(ctx, err)
	}
	return c, nil
}

// roundTrip sends a request and returns the head of its answer. The request is never sent twice.
func (c *conn) roundTrip(r *http.Request) (*http.Response, error) {
	interim := 0
	trace := &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error {
		if interim++; interim > maxInterim {
			return htmlform.ErrTooLarge
		}
		if c.upload != nil {
			c.upload.resume()
		}
		return nil
	}}
	c.read.Store(0)
	response, err := c.client.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err == nil {
		return response, nil
	}
	mine, ended := (*Error)(nil), c.ended.Load()
	switch {
	case errors.As(err, &mine) || errors.Is(err, htmlform.ErrTooLarge):
		return nil, err
	case ended != nil: // net/http takes half a line for a whole one that makes no sense
		return nil, *ended
	case c.read.Load() >= maxHeader:
		return nil, htmlform.ErrTooLarge
	}
	return nil, err
}

// Read reads, and notes why the phone sends no more. What chunks add to a page is bounded, too. An upload is paused when the
// phone answers: it goes on if that is an interim answer only.
func (c *conn) Read(p []byte) (int, error) {
	if c.read.Load() > maxHeader+2*maxPage {
		return 0, htmlform.ErrTooLarge
	}
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	if n > 0 && c.upload != nil {
		if c.upload.pause(); c.closed.Load() {
			c.upload.resume()
		}
	}
	if n == 0 && err != nil && !c.closed.Load() {
		c.ended.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Write writes. It does not fail when net/http has closed the connection: the error would hide the one for which that was
// closed.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.closed.Load() {
		c.lost.Store(true)
		return len(p), nil
	}
	if err == nil && c.upload != nil {
		c.upload.wrote()
	}
	return n, err
}

// Close closes the connection. One for an upload is reset, which the phone takes for leaving the page, unless all of the form
// is sent and the phone answers.
func (c *conn) Close() error {
	c.closed.Store(true)
	b := c.upload
	if b == nil {
		return c.Conn.Close()
	}
	_ = b.pipe.Close()
	b.resume()
	if c.normal.Load() || b.complete.Load() && b.interrupted() == nil && c.read.Load() > 0 {
		c.raw.CloseNormally()
		return c.Conn.Close()
	}
	c.raw.Reset()
	return nil
}
