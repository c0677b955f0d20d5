package transfer

import (
	"crypto/tls"
	"errors"
	"io"
	"sync/atomic"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A secureConn is a TLS connection to a server. What one Write is given reaches the system in one piece, whatever records
// TLS makes of it.
type secureConn struct {
	*tls.Conn
	batch   *netconn.Batch
	buffer  []byte
	writing atomic.Bool
}

// secureChunk is room for a chunk of a file with what TLS adds to its records: at most 64 bytes to each, most of which hold
// 16 KiB.
const secureChunk = chunkSize + chunkSize/(16<<10)*2*64

func newSecureConn(c *netconn.Conn, config *tls.Config) *secureConn {
	batch := netconn.NewBatch(c)
	return &secureConn{Conn: tls.Client(batch, config), batch: batch}
}

// Write writes all of p or fails: then it returns 0, since nobody knows how much of it went out.
func (c *secureConn) Write(p []byte) (int, error) {
	c.writing.Store(true)
	defer c.writing.Store(false)
	if c.buffer == nil {
		c.buffer = make([]byte, secureChunk)
	}
	c.batch.Start(c.buffer)
	_, err := c.Conn.Write(p)
	if late := c.batch.End(); err == nil {
		err = late
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// ReadFrom sends a request's body out of the memory that it was read into. net/http calls it; other content is copied.
func (c *secureConn) ReadFrom(r io.Reader) (n int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if ok {
		if b, isBody := limited.R.(*body); isBody {
			return c.sendBody(b, limited)
		}
	}
	return io.Copy(struct{ io.Writer }{c}, r)
}

func (c *secureConn) sendBody(b *body, limited *io.LimitedReader) (n int64, err error) {
	for limited.N > 0 {
		piece, err := b.take(int(min(limited.N, chunkSize)))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
		written, err := c.Write(piece)
		n += int64(written)
		limited.N -= int64(written)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Close closes the connection. As with a [tls.Conn], a Write that waits fails at once.
func (c *secureConn) Close() error {
	if c.writing.Load() {
		return c.batch.Close()
	}
	return c.Conn.Close()
}
