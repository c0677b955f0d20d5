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
	fewAtOnce = 128 // how many requests at a time get the larger ones
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
// collected.
type batchConn struct {
	*netconn.Batch
	client *conn
	begin  []byte // of what came before the handshake was made; nil afterwards

	last    []byte // the end of what came
	tooLong bool   // the client sent too much before the end of the handshake
}

func newBatchConn(c *conn, idle time.Duration) *batchConn {
	below := netconn.New(c.Conn, idle)
	below.LimitUnconfirmed()
	return &batchConn{Batch: netconn.NewBatch(below), client: c, begin: make([]byte, 0, maxSent)}
}

func (b *batchConn) Read(p []byte) (int, error) {
	n, err := b.client.Read(p)
	b.begin = append(b.begin, p[:min(n, cap(b.begin)-len(b.begin))]...)
	if !b.note(p[:n]) {
		return 0, errLongHandshake
	}
	return n, err
}

func (b *batchConn) SetReadDeadline(t time.Time) error {
	return b.client.SetReadDeadline(b.client.deadline(t))
}
func (b *batchConn) SetDeadline(t time.Time) error { return b.SetReadDeadline(t) }
func (b *batchConn) Close() error                  { return b.client.Close() }

// send sends the bytes that were asked for to w, in pieces as large as the buffer, at a pace. unconfirmed returns how many of
// them the client has not confirmed.
func (r *request) send(w io.Writer, buffer []byte, pace *pace, unconfirmed func() int64) error {
	cache, content := r.offer.registry.cache, r.offer.what.Content
	defer cache.begin(content)()
	pace = pace.until(r.offer.over)
	buffer = buffer[:pace.most(len(buffer))]
	for at := r.part.from; at < r.part.to; {
		most := int64(len(buffer)) - at%int64(len(buffer)) // the next piece begins where a reader's parts may begin
		piece, err := cache.read(content, buffer[:min(most, r.part.to-at)], at)
		if err != nil {
			if r.offer.what.Failed != nil {
				r.offer.what.Failed(err)
			}
			return err
		}
		if err := pace.wait(len(piece)); err != nil {
			return err
		}
		r.tried.Add(int64(len(piece)))
		if _, err := w.Write(piece); err != nil {
			return err
		}
		at += int64(len(piece))
		r.out.Add(int64(len(piece)))
		r.progress(unconfirmed())
	}
	return nil
}
