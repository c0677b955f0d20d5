package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/time/rate"
)

const (
	chunkSize  = 256 << 10 // what is read at a time; larger and smaller were slower
	chunkCount = 4         // chunks in memory: one is sent while others are still hashed
)

// A hashingReader reads a file once, and has the watcher see every byte while it is sent. It hands the last chunk out only
// after the watcher has agreed, so that a file that is wrong can never be complete on a server.
type hashingReader struct {
	ctx     context.Context //nolint:containedctx // a reader lives as long as one attempt, and io.Reader has no other way
	content *io.SectionReader
	watcher Watcher
	limiter *rate.Limiter
	piece   int // the most bytes handed out at once
	sent    func(int64)

	ring    [chunkCount]chunk
	turn    int
	at      int64       // bytes read
	rest    []byte      // read, and not handed out yet
	out     int64       // bytes handed out
	queue   chan *chunk // to the watcher
	hashing sync.WaitGroup
	broken  error     // what the watcher's Write returned
	sum     *[32]byte // set when the watcher has agreed, nil if it computed none
	err     error     // sticky
}

// A chunk is a buffer that nobody may change before the watcher has seen it.
type chunk struct {
	bytes []byte
	seen  sync.WaitGroup
}

// newHashingReader returns a reader of the file for one attempt; close must be called. With whole it computes the SHA-256
// of the whole file in any case.
func newHashingReader(ctx context.Context, u Upload, o Options, whole bool) *hashingReader {
	r := &hashingReader{ctx: ctx, content: u.Content, watcher: u.watcher(whole), piece: chunkSize, sent: o.Sent}
	if o.Rate > 0 {
		r.piece = int(min(max(o.Rate/8, 512), chunkSize))
		r.limiter = rate.NewLimiter(rate.Limit(o.Rate), r.piece)
	}
	queue := make(chan *chunk, chunkCount)
	r.queue = queue
	r.hashing.Go(func() { r.hash(queue) })
	return r
}

// hash has the watcher see every chunk, in order.
func (r *hashingReader) hash(queue <-chan *chunk) {
	for c := range queue {
		if r.broken == nil {
			_, r.broken = r.watcher.Write(c.bytes)
		}
		c.seen.Done()
	}
}

// close ends the reader's goroutine.
func (r *hashingReader) close() {
	if r.queue != nil {
		close(r.queue)
		r.queue = nil
	}
	r.hashing.Wait()
}

// complete reports whether every byte was handed out.
func (r *hashingReader) complete() bool { return r.err == nil && r.out == r.content.Size() }

// fill reads the next chunk if nothing is left of the one before. At the end of the file it returns io.EOF.
func (r *hashingReader) fill() error {
	if r.err != nil || len(r.rest) > 0 {
		return r.err
	}
	if err := context.Cause(r.ctx); err != nil {
		return r.fail(err)
	}
	size := r.content.Size()
	if r.at == size {
		return io.EOF
	}
	c := &r.ring[r.turn]
	r.turn = (r.turn + 1) % chunkCount
	c.seen.Wait()
	if c.bytes == nil {
		c.bytes = make([]byte, min(chunkSize, size))
	}
	c.bytes = c.bytes[:min(int64(cap(c.bytes)), size-r.at)]
	if n, err := r.content.ReadAt(c.bytes, r.at); n < len(c.bytes) {
		return r.fail(readError(err, r.at+int64(n), size))
	}
	c.seen.Add(1)
	r.queue <- c
	r.at += int64(len(c.bytes))
	if r.at == size {
		if err := r.check(); err != nil {
			return r.fail(err)
		}
	}
	r.rest = c.bytes
	return nil
}

func (r *hashingReader) fail(err error) error {
	r.err = err
	return err
}

// readError says why a file that was whole when it was opened cannot be read to its end.
func readError(err error, at, size int64) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &SourceError{fmt.Errorf("the file ends at byte %d, but had %d bytes when it was opened", at, size)}
	}
	return &SourceError{fmt.Errorf("reading at byte %d: %w", at, err)}
}

// check waits for the watcher to see the last chunk, and asks whether it agrees.
func (r *hashingReader) check() error {
	r.close()
	err := r.broken
	if err == nil {
		err = r.watcher.Check()
	}
	if err != nil {
		return &SourceError{err}
	}
	r.sum = r.watcher.SHA256()
	return nil
}

// take hands out at most limit bytes, when the rate permits.
func (r *hashingReader) take(limit int) ([]byte, error) {
	if err := r.fill(); err != nil {
		return nil, err
	}
	b := r.rest[:min(len(r.rest), limit, r.piece)]
	if r.limiter != nil {
		if err := r.limiter.WaitN(r.ctx, len(b)); err != nil {
			if cause := context.Cause(r.ctx); cause != nil {
				err = cause
			}
			return nil, r.fail(err)
		}
	}
	r.rest = r.rest[len(b):]
	return b, nil
}

// count counts bytes that are out.
func (r *hashingReader) count(n int) {
	r.out += int64(n)
	if r.sent != nil {
		r.sent(r.out)
	}
}

// Read is for net/http, which reads in small pieces.
func (r *hashingReader) Read(b []byte) (int, error) {
	piece, err := r.take(len(b))
	if err != nil {
		return 0, err
	}
	n := copy(b, piece)
	r.count(n)
	return n, nil
}

// WriteTo sends the file with as few copies as can be; the FTP library's io.Copy calls it.
func (r *hashingReader) WriteTo(w io.Writer) (int64, error) {
	for {
		piece, err := r.take(chunkSize)
		if errors.Is(err, io.EOF) {
			return r.out, nil
		}
		if err != nil {
			return r.out, err
		}
		n, err := w.Write(piece)
		r.count(n)
		if err != nil {
			return r.out, err
		}
	}
}
