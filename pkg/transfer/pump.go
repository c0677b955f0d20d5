package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"golang.org/x/time/rate"
)

const (
	chunkSize  = 256 << 10 // what is read at a time; larger and smaller were slower
	chunkCount = 4         // chunks in memory: one is sent while others are still hashed
)

// A pump reads a file once, and has every byte hashed and watched while it is sent. The last chunk is handed out only
// after the watcher has agreed, so that a file that is wrong can never be complete on a server.
type pump struct {
	ctx     context.Context //nolint:containedctx // a pump lives as long as one attempt, and io.Reader has no other way
	content *io.SectionReader
	watcher Watcher
	limiter *rate.Limiter
	piece   int // the most bytes handed out at once
	told    func(int64)

	ring   [chunkCount]chunk
	turn   int
	at     int64  // bytes read
	rest   []byte // read, and not handed out yet
	out    int64  // bytes handed out
	queues []chan *chunk
	sums   sync.WaitGroup
	digest hash.Hash
	broken error // what the watcher's Write returned
	sum    [32]byte
	err    error // sticky
}

// A chunk is a buffer that nobody may change before everyone is done with it.
type chunk struct {
	bytes []byte
	users sync.WaitGroup
}

// newPump returns a pump; close must be called.
func newPump(ctx context.Context, u Upload, o Options) *pump {
	p := &pump{ctx: ctx, content: u.Content, digest: sha256.New(), piece: chunkSize, told: o.Sent}
	if u.Watch != nil {
		p.watcher = u.Watch()
	}
	if o.Rate > 0 {
		p.piece = int(min(max(o.Rate/8, 512), chunkSize))
		p.limiter = rate.NewLimiter(rate.Limit(o.Rate), p.piece)
	}
	p.work(func(b []byte) { p.digest.Write(b) })
	if p.watcher != nil {
		p.work(func(b []byte) {
			if p.broken == nil {
				_, p.broken = p.watcher.Write(b)
			}
		})
	}
	return p
}

// work starts a goroutine that does something with every chunk, in order.
func (p *pump) work(do func([]byte)) {
	queue := make(chan *chunk, chunkCount)
	p.queues = append(p.queues, queue)
	p.sums.Go(func() {
		for c := range queue {
			do(c.bytes)
			c.users.Done()
		}
	})
}

// close ends the pump's goroutines.
func (p *pump) close() {
	for _, queue := range p.queues {
		close(queue)
	}
	p.queues = nil
	p.sums.Wait()
}

// complete reports whether every byte was handed out.
func (p *pump) complete() bool { return p.err == nil && p.out == p.content.Size() }

// fill reads the next chunk if nothing is left of the one before. At the end of the file it returns io.EOF.
func (p *pump) fill() error {
	if p.err != nil || len(p.rest) > 0 {
		return p.err
	}
	if err := context.Cause(p.ctx); err != nil {
		return p.fail(err)
	}
	size := p.content.Size()
	if p.at == size {
		return io.EOF
	}
	c := &p.ring[p.turn]
	p.turn = (p.turn + 1) % chunkCount
	c.users.Wait()
	if c.bytes == nil {
		c.bytes = make([]byte, min(chunkSize, size))
	}
	c.bytes = c.bytes[:min(int64(cap(c.bytes)), size-p.at)]
	if n, err := p.content.ReadAt(c.bytes, p.at); n < len(c.bytes) {
		return p.fail(readError(err, p.at+int64(n), size))
	}
	c.users.Add(len(p.queues))
	for _, queue := range p.queues {
		queue <- c
	}
	p.at += int64(len(c.bytes))
	if p.at == size {
		if err := p.judge(); err != nil {
			return p.fail(err)
		}
	}
	p.rest = c.bytes
	return nil
}

func (p *pump) fail(err error) error {
	p.err = err
	return err
}

// readError says why a file that was whole when it was opened cannot be read to its end.
func readError(err error, at, size int64) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &SourceError{fmt.Errorf("the file ends at byte %d, but had %d bytes when it was opened", at, size)}
	}
	return &SourceError{fmt.Errorf("reading at byte %d: %w", at, err)}
}

// judge waits for the digest of the whole file, and asks the watcher.
func (p *pump) judge() error {
	p.close()
	p.sum = [32]byte(p.digest.Sum(nil))
	if p.watcher == nil {
		return nil
	}
	if p.broken != nil {
		return &SourceError{p.broken}
	}
	if err := p.watcher.Check(p.sum); err != nil {
		return &SourceError{err}
	}
	return nil
}

// take hands out at most limit bytes, when the rate permits.
func (p *pump) take(limit int) ([]byte, error) {
	if err := p.fill(); err != nil {
		return nil, err
	}
	b := p.rest[:min(len(p.rest), limit, p.piece)]
	if p.limiter != nil {
		if err := p.limiter.WaitN(p.ctx, len(b)); err != nil {
			if cause := context.Cause(p.ctx); cause != nil {
				err = cause
			}
			return nil, p.fail(err)
		}
	}
	p.rest = p.rest[len(b):]
	return b, nil
}

// sent counts bytes that are out.
func (p *pump) sent(n int) {
	p.out += int64(n)
	if p.told != nil {
		p.told(p.out)
	}
}

// Read is for net/http, which reads in small pieces.
func (p *pump) Read(b []byte) (int, error) {
	piece, err := p.take(len(b))
	if err != nil {
		return 0, err
	}
	n := copy(b, piece)
	p.sent(n)
	return n, nil
}

// WriteTo sends the file with as few copies as can be; the FTP library's io.Copy calls it.
func (p *pump) WriteTo(w io.Writer) (int64, error) {
	for {
		piece, err := p.take(chunkSize)
		if errors.Is(err, io.EOF) {
			return p.out, nil
		}
		if err != nil {
			return p.out, err
		}
		n, err := w.Write(piece)
		p.sent(n)
		if err != nil {
			return p.out, err
		}
	}
}
