package transfer

import (
	"context"
	"io"

	"golang.org/x/time/rate"
)

// A Rate is how fast files are read for sending, all that share it together.
type Rate struct {
	limiter *rate.Limiter
	piece   int
}

// NewRate returns a rate in bytes a second. 0 is as fast as it goes.
func NewRate(bytesPerSecond int64) *Rate {
	if bytesPerSecond <= 0 {
		return nil
	}
	piece := int(min(max(bytesPerSecond/8, 512), chunkSize)) // small enough for the rate to be even
	return &Rate{rate.NewLimiter(rate.Limit(bytesPerSecond), piece), piece}
}

// Reader returns the content at this rate, until the context ends.
func (r *Rate) Reader(ctx context.Context, content *io.SectionReader) *io.SectionReader {
	if r == nil {
		return content
	}
	return io.NewSectionReader(&slowReader{ctx, r, content}, 0, content.Size())
}

// slowReader reads at a rate.
type slowReader struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one upload, and io.ReaderAt has no other way
	rate    *Rate
	content io.ReaderAt
}

func (s *slowReader) ReadAt(b []byte, at int64) (int, error) {
	for done := 0; ; {
		piece := b[done:min(len(b), done+s.rate.piece)]
		if err := s.rate.limiter.WaitN(s.ctx, len(piece)); err != nil {
			if cause := context.Cause(s.ctx); cause != nil {
				err = cause
			}
			return done, err
		}
		n, err := s.content.ReadAt(piece, at+int64(done))
		if done += n; err != nil || done == len(b) {
			return done, err
		}
	}
}
