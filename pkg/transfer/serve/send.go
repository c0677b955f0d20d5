package serve

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// How a file goes out: it is read in pieces, which TLS makes records of 16 KiB of, which go to the system together.
// Larger ones bring nothing. When very many fetch at a time memory counts for more, and each makes do with a record.
const (
	pieceSize = 32 << 10
	batchSize = 64 << 10
	smallSize = 16 << 10
	fewAtOnce = 256 // how many requests at a time get the larger ones
)

// buffers are memory for requests under way.
type buffers struct {
	pieces, batches, small sync.Pool
	out                    atomic.Int64
}

func newBuffers() *buffers {
	allocate := func(size int) func() any {
		return func() any { b := make([]byte, size); return &b }
	}
	return &buffers{pieces: sync.Pool{New: allocate(pieceSize)}, batches: sync.Pool{New: allocate(batchSize)}, small: sync.Pool{New: allocate(smallSize)}}
}

// borrow returns a buffer to read into and, unless many clients fetch at the same time, one to batch records in. giveBack
// returns them.
func (b *buffers) borrow() (piece, batch []byte, giveBack func()) {
	if b.out.Add(1) > fewAtOnce {
		one := b.small.Get().(*[]byte) //nolint:forcetypeassert // of our own making
		return *one, nil, func() { b.small.Put(one); b.out.Add(-1) }
	}
	one, other := b.pieces.Get().(*[]byte), b.batches.Get().(*[]byte) //nolint:forcetypeassert // of our own making
	return *one, *other, func() { b.pieces.Put(one); b.batches.Put(other); b.out.Add(-1) }
}

// A batchConn is the connection below TLS. Writes have the idle limit of a [netconn.Conn]; reads have the deadlines that
// the HTTP server sets, since between requests another limit holds than within one. While a file goes out, writes are
// collected in a batch.
type batchConn struct {
	*netconn.Conn
	client *conn

	mu     sync.Mutex
	batch  []byte // records on their way to the system, while a file goes out
	failed error  // of the last write
}

func newBatchConn(c *conn, idle time.Duration) *batchConn {
	return &batchConn{Conn: netconn.New(c.Conn, idle), client: c}
}

func (b *batchConn) Read(p []byte) (int, error) { return b.client.Read(p) }
func (b *batchConn) SetReadDeadline(t time.Time) error {
	return b.client.SetReadDeadline(b.client.deadline(t))
}
func (b *batchConn) SetDeadline(t time.Time) error { return b.SetReadDeadline(t) }
func (b *batchConn) Close() error                  { return b.client.Close() }

func (b *batchConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.batch == nil {
		return b.writeNow(p)
	}
	for rest := p; len(rest) > 0; {
		if len(b.batch) == cap(b.batch) {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
		n := min(len(rest), cap(b.batch)-len(b.batch))
		b.batch = append(b.batch, rest[:n]...)
		rest = rest[n:]
	}
	return len(p), b.failed
}

// writeNow writes without a batch. After a failure nothing is written any more, TLS's closing alert included.
func (b *batchConn) writeNow(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.Conn.Write(p)
	b.failed = err
	return n, err
}

func (b *batchConn) flush() error {
	if len(b.batch) == 0 {
		return b.failed
	}
	_, err := b.writeNow(b.batch)
	b.batch = b.batch[:0]
	return err
}

// startBatch collects what is written in a buffer from now on, if there is one.
func (b *batchConn) startBatch(buffer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batch = buffer[:0]
}

// endBatch writes what was collected, and no longer collects.
func (b *batchConn) endBatch() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.flush()
	b.batch = nil
	return err
}

// Unconfirmed returns how many of the written bytes were not confirmed at the last look, those in the batch included.
func (b *batchConn) Unconfirmed() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.batch)) + b.Conn.Unconfirmed()
}

// send sends the bytes that were asked for to w, in chunks, at a pace. unconfirmed returns how many of them the client has
// not confirmed. tried is how many may have gone out.
func (r *request) send(w io.Writer, chunk []byte, pace *pace, unconfirmed func() int64) (tried int64, err error) {
	chunk = chunk[:pace.most(len(chunk))]
	for at := r.part.from; at < r.part.to; {
		piece := chunk[:min(int64(len(chunk)), r.part.to-at)]
		if _, err := r.content.ReadAt(piece, at); err != nil && err != io.EOF {
			return tried, err
		} else if err == io.EOF && at+int64(len(piece)) < r.part.to {
			return tried, io.ErrUnexpectedEOF
		}
		if err := pace.wait(len(piece)); err != nil {
			return tried, err
		}
		tried += int64(len(piece))
		if _, err := w.Write(piece); err != nil {
			return tried, err
		}
		at += int64(len(piece))
		r.out.Add(int64(len(piece)))
		r.progress(unconfirmed())
	}
	return tried, nil
}
