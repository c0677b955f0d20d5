package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/time/rate"
)

// chunkSize is how much of a file is read, hashed and sent at a time.
const chunkSize = 256 << 10

// A hashingReader reads a file once, and has the watcher see every chunk before it hands it out. It hands the last chunk
// out only after the watcher has agreed, so that a file that is wrong can never be complete on a server.
//
// It hashes where it sends, while the chunk is in the processor's cache: a goroutine of its own for hashing costs a fifth
// more processor time, and wins no time where the server is the bottleneck, or the line.
type hashingReader struct {
	ctx     context.Context //nolint:containedctx // a reader lives as long as one attempt, and io.Reader has no other way
	content *io.SectionReader
	watcher Watcher
	limiter *rate.Limiter
	piece   int // the most bytes handed out at once
	sent    func(int64)

	chunk []byte
	at    int64     // bytes read
	rest  []byte    // of chunk: not handed out yet
	out   int64     // bytes handed out
	sum   *[32]byte // set when the watcher has agreed, nil if it computed none
	err   error     // sticky
}

// newHashingReader returns a reader of the file for one attempt. With whole it computes the SHA-256 of the whole file in
// any case.
func newHashingReader(ctx context.Context, u Upload, o Options, whole bool) *hashingReader {
	r := &hashingReader{ctx: ctx, content: u.Content, watcher: u.watcher(whole), piece: chunkSize, sent: o.Sent}
	if o.Rate > 0 {
		r.piece = int(min(max(o.Rate/8, 512), chunkSize))
		r.limiter = rate.NewLimiter(rate.Limit(o.Rate), r.piece)
	}
	r.chunk = make([]byte, min(chunkSize, u.Content.Size()))
	return r
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
	chunk := r.chunk[:min(int64(len(r.chunk)), size-r.at)]
	if n, err := r.content.ReadAt(chunk, r.at); n < len(chunk) {
		return r.fail(readError(err, r.at+int64(n), size))
	}
	r.at += int64(len(chunk))
	if err := r.watch(chunk); err != nil {
		return r.fail(&SourceError{Err: err})
	}
	r.rest = chunk
	return nil
}

// watch has the watcher see a chunk, and asks it after the last one.
func (r *hashingReader) watch(chunk []byte) error {
	if _, err := r.watcher.Write(chunk); err != nil {
		return err
	}
	if r.at < r.content.Size() {
		return nil
	}
	if err := r.watcher.Check(); err != nil {
		return err
	}
	r.sum = r.watcher.SHA256()
	return nil
}

func (r *hashingReader) fail(err error) error {
	r.err = err
	return err
}

// readError says why a file that was whole when it was opened cannot be read to its end.
func readError(err error, at, size int64) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &SourceError{Err: fmt.Errorf("the file ends at byte %d, but had %d bytes when it was opened", at, size), Changed: true}
	}
	return &SourceError{Err: fmt.Errorf("reading at byte %d: %w", at, err)}
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
