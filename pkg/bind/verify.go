package bind

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// chunk is how much of an image is in memory at a time.
const chunk = 256 << 10

// Verify reads the whole image once and compares its digests with those that header and descriptor state. Facts then
// has the result. For a stream, Verify also finds the size and reads the trailer, and can be called only once.
//
// The error is a [*FormatError] for a wrong digest or length and for a file that ends before its size, the context's
// cause if it ends first, or that of the reader.
func (f *File) Verify(ctx context.Context) error {
	sums := f.newSums()
	var err error
	if f.stream != nil {
		err = f.hashStream(ctx, sums)
	} else {
		err = f.hashFile(ctx, sums)
	}
	if err != nil {
		return err
	}
	if damage := f.compare(sums); damage != nil {
		return damage
	}
	return nil
}

// sums computes what Verify compares, in one pass: the digest of the payload, that of the whole file, or both.
type sums struct {
	headerLength int64
	payload      hash.Hash // nil if the format states no digest of the payload
	whole        hash.Hash // nil if the whole file's digest is not needed, or is given
	given        *[32]byte // the whole file's digest, computed by other code
}

// newSums omits the whole file's digest if the header states the payload's, because computing both takes twice as long.
func (f *File) newSums() *sums {
	s := &sums{headerLength: f.facts.HeaderLength}
	if f.facts.PayloadSHA256.Known() {
		s.payload = sha256.New()
	}
	if s.payload == nil || f.sealed != nil || f.wholeDigest {
		s.whole = sha256.New()
	}
	return s
}

// start returns the offset of the first byte that is needed.
func (s *sums) start() int64 {
	if s.whole == nil {
		return s.headerLength
	}
	return 0
}

// add adds the bytes at the given offset of the file. A hash never fails.
func (s *sums) add(at int64, b []byte) {
	if s.whole != nil {
		s.whole.Write(b)
	}
	if skip := s.headerLength - at; s.payload != nil && skip < int64(len(b)) {
		s.payload.Write(b[max(skip, 0):])
	}
}

func (f *File) hashFile(ctx context.Context, s *sums) error {
	buffer := make([]byte, chunk)
	size := f.image.Size()
	for at := s.start(); at < size; {
		if err := checkContext(ctx); err != nil {
			return err
		}
		n, err := f.image.ReadAt(buffer[:min(chunk, size-at)], at)
		s.add(at, buffer[:n])
		at += int64(n)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("reading at byte %d: %w", at, withoutPath(err))
		case err != nil && at < size:
			return &FormatError{f.facts.Format, Changed, "payload", at, fmt.Sprintf("the file ends here, but had %d bytes when it was opened", size)}
		}
	}
	return nil
}

// hashStream reads the stream to its end, or to the first byte too many, because a stream may be endless.
func (f *File) hashStream(ctx context.Context, s *sums) error {
	want := f.facts.HeaderLength + f.facts.PayloadLength
	buffer := make([]byte, chunk)
	var tail []byte
	var at int64
	for at <= want {
		if err := checkContext(ctx); err != nil {
			return err
		}
		n, err := f.stream.Read(buffer)
		s.add(at, buffer[:n])
		at += int64(n)
		tail = lastBytes(tail, buffer[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading at byte %d: %w", at, withoutPath(err))
		}
	}
	for _, l := range layouts() {
		if l.format == f.facts.Format {
			return l.finish(f, at, tail)
		}
	}
	return nil
}

// lastBytes returns the last bytes of tail followed by b, as many as a trailer may have.
func lastBytes(tail, b []byte) []byte {
	if len(b) >= maxTrailer {
		return append(tail[:0], b[len(b)-maxTrailer:]...)
	}
	tail = append(tail, b...)
	return append(tail[:0], tail[max(len(tail)-maxTrailer, 0):]...)
}

// compare compares the computed digests with those that header and descriptor state.
func (f *File) compare(s *sums) *FormatError {
	result := Integrity{Digest: Absent, Signature: f.facts.Integrity.Signature}
	result.SHA256 = s.given
	if s.whole != nil {
		result.SHA256 = (*[32]byte)(s.whole.Sum(nil))
	}
	if s.payload != nil {
		result.Digest = Right
		want, got := f.facts.PayloadSHA256, [32]byte(s.payload.Sum(nil))
		if got != want.Value {
			result.Digest = Wrong
			result.Damage = &FormatError{
				f.facts.Format, Damaged, "payload SHA-256", want.Offset,
				fmt.Sprintf("says %x, the payload's bytes give %x", want.Value, got),
			}
		}
	}
	if f.sealed != nil && result.Damage == nil {
		result.Digest = Right
		if want := f.sealed.description.SHA256; *result.SHA256 != want {
			result.Digest = Wrong
			result.Damage = &FormatError{
				Descriptor, Disagrees, "sha256", f.sealed.places["sha256"].Offset,
				fmt.Sprintf("says %x, the image's bytes give %x", want, *result.SHA256),
			}
		}
	}
	f.facts.Integrity = result
	return result.Damage
}
