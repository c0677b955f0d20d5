package transfer

import (
	"context"
	"io"
	"sync"
)

// A body is a hashingReader as net/http wants it, which may go on reading a body for a while after it has the answer.
type body struct {
	mu      sync.Mutex
	reader  *hashingReader
	cancel  context.CancelFunc
	over    bool
	started bool    // somebody began to read
	start   *[]byte // the first bytes of the file that went out, by all tries, at most comparedStart
}

func newBody(ctx context.Context, u Upload, o Options, whole bool, start *[]byte) *body {
	ctx, cancel := context.WithCancel(ctx)
	return &body{reader: newHashingReader(ctx, u, o, whole), cancel: cancel, start: start}
}

func (b *body) Read(p []byte) (int, error) {
	piece, err := b.take(len(p))
	return copy(p, piece), err
}

// take returns the next bytes, at most limit. They hold until the next call.
func (b *body) take(limit int) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started = true
	if b.over {
		return nil, io.ErrClosedPipe
	}
	piece, err := b.reader.take(limit)
	if err == nil {
		if known := len(*b.start); b.reader.out == int64(known) && known < comparedStart {
			*b.start = append(*b.start, piece[:min(len(piece), comparedStart-known)]...)
		}
		b.reader.count(len(piece))
	}
	return piece, err
}

// fill reads the first chunk, so that a file whose start is wrong is never begun on a server.
func (b *body) fill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reader.fill()
}

// Close is called by net/http whenever it likes; stop is what ends the reader.
func (b *body) Close() error { return nil }

// stop ends the reader. A nil body has none.
func (b *body) stop() {
	if b == nil {
		return
	}
	b.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

func (b *body) complete() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reader.complete()
}

func (b *body) sum() *[32]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reader.sum
}

// sent is how many bytes of the file have gone out, or were about to, and whether any were wanted. A nil body has none.
func (b *body) sent() (n int64, started bool) {
	if b == nil {
		return 0, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reader.out, b.started
}
