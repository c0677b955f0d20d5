package transfer

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
	wellFed   = 256 // how many at a time get the larger ones
)

// buffers lend out memory to requests under way.
type buffers struct {
	pieces, batches, small sync.Pool
	out                    atomic.Int64
}

func newBuffers() *buffers {
	lend := func(size int) func() any {
		return func() any { b := make([]byte, size); return &b }
	}
	return &buffers{pieces: sync.Pool{New: lend(pieceSize)}, batches: sync.Pool{New: lend(batchSize)}, small: sync.Pool{New: lend(smallSize)}}
}

// lend lends a buffer to read into and, if many do not fetch at the same time, one to gather records in; giveBack ends it.
func (b *buffers) lend() (piece, batch []byte, giveBack func()) {
	if b.out.Add(1) > wellFed {
		one := b.small.Get().(*[]byte) //nolint:forcetypeassert // of our own making
		return *one, nil, func() { b.small.Put(one); b.out.Add(-1) }
	}
	one, other := b.pieces.Get().(*[]byte), b.batches.Get().(*[]byte) //nolint:forcetypeassert // of our own making
	return *one, *other, func() { b.pieces.Put(one); b.batches.Put(other); b.out.Add(-1) }
}

// A feed is the connection below TLS. Writes have the idle limit of a [netconn.Conn]; reads have the deadlines that the HTTP server
// sets, since between requests there is another limit than within one.
type feed struct {
	*netconn.Conn
	guest *guest

	mu     sync.Mutex
	batch  []byte // records on their way to the system, while a file goes out
	failed error  // of the last write
}

func newFeed(g *guest, idle time.Duration) *feed {
	return &feed{Conn: netconn.New(g.Conn, idle), guest: g}
}

func (f *feed) Read(p []byte) (int, error) { return f.Conn.Conn.Read(p) }
func (f *feed) SetReadDeadline(t time.Time) error {
	return f.Conn.Conn.SetReadDeadline(f.guest.soon(t))
}
func (f *feed) SetDeadline(t time.Time) error { return f.SetReadDeadline(t) }
func (f *feed) Close() error                  { return f.guest.Close() }

func (f *feed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.batch == nil {
		return f.put(p)
	}
	for rest := p; len(rest) > 0; {
		if len(f.batch) == cap(f.batch) {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
		n := min(len(rest), cap(f.batch)-len(f.batch))
		f.batch = append(f.batch, rest[:n]...)
		rest = rest[n:]
	}
	return len(p), f.failed
}

// put writes. After a failure there is nothing to be said any more, TLS's farewell included.
func (f *feed) put(p []byte) (int, error) {
	if f.failed != nil {
		return 0, f.failed
	}
	n, err := f.Conn.Write(p)
	f.failed = err
	return n, err
}

func (f *feed) flush() error {
	if len(f.batch) == 0 {
		return f.failed
	}
	_, err := f.put(f.batch)
	f.batch = f.batch[:0]
	return err
}

// gather collects what is written in a buffer from now on, if there is one.
func (f *feed) gather(buffer []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batch = buffer[:0]
}

// release writes what was collected, and no longer collects.
func (f *feed) release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.flush()
	f.batch = nil
	return err
}

// behind is how many bytes of what was written had not been confirmed when last looked.
func (f *feed) behind() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.batch)) + f.Unconfirmed()
}

// carry sends the bytes that were asked for to w, in chunks, at a pace. behind tells how many of them are still on this side.
func (r *run) carry(w io.Writer, chunk []byte, pace *pace, behind func() int64) (tried int64, err error) {
	chunk = chunk[:pace.most(len(chunk))]
	for at := r.part.from; at < r.part.to; {
		piece := chunk[:min(int64(len(chunk)), r.part.to-at)]
		if _, err := r.content.ReadAt(piece, at); err != nil && err != io.EOF {
			return tried, &SourceError{err}
		} else if err == io.EOF && at+int64(len(piece)) < r.part.to {
			return tried, &SourceError{io.ErrUnexpectedEOF}
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
		r.passed(behind())
	}
	return tried, nil
}
