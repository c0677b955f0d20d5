package bind

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// chunk is how much of an image is in memory at a time.
const chunk = 256 << 10

// newBuffer returns a buffer to read size bytes in chunks.
func newBuffer(size int64) []byte { return make([]byte, max(1, min(chunk, size))) }

// Verify reads the whole image once and compares its digests with those that header and descriptor state. Facts then
// has the result. For a stream, Verify also finds the size and reads the trailer, and can be called only once.
//
// The error is a [*FormatError] for a wrong digest or length and for a file that ends before its size, the context's
// cause if it ends first, or that of the reader.
func (f *File) Verify(ctx context.Context) error {
	return f.verify(ctx, f.newSums(f.wholeDigest))
}

func (f *File) verify(ctx context.Context, sums *sums) error {
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

// sums compares an image with what was read when it was opened, and computes the digests that Verify compares, all in
// one pass: header and trailer byte by byte, the payload's digest, that of the whole file, or both.
type sums struct {
	file    *File
	payload hash.Hash    // nil if the format states no digest of the payload
	whole   hash.Hash    // nil if the whole file's digest is not needed
	kernel  *kernelSum   // nil without a kernel part
	seal    *seal        // gets the fingerprints, nil if none are needed
	changed *FormatError // the first byte that has changed
}

// newSums omits the whole file's digest if the header states the payload's, unless whole is set.
func (f *File) newSums(whole bool) *sums {
	s := &sums{file: f, kernel: newKernelSum(f.facts.Kernel)}
	if f.facts.PayloadSHA256.Known() {
		s.payload = sha256.New()
	}
	if s.payload == nil || f.sealed != nil || whole {
		s.whole = sha256.New()
	}
	return s
}

// start returns the offset of the first byte that is needed.
func (s *sums) start() int64 {
	if s.whole == nil && s.seal == nil {
		return s.file.facts.HeaderLength
	}
	return 0
}

// add adds the bytes at the given offset of the file. It computes two digests at the same time.
func (s *sums) add(at int64, b []byte) {
	s.comparePart("header", 0, s.file.header, at, b)
	s.comparePart("trailer", s.file.facts.Size-int64(len(s.file.trailer)), s.file.trailer, at, b)
	if s.seal != nil {
		s.seal.add(b)
	}
	s.kernel.add(at, b)
	payload := b[min(max(s.file.facts.HeaderLength-at, 0), int64(len(b))):]
	var whole sync.WaitGroup
	switch {
	case s.whole != nil && s.payload != nil:
		whole.Go(func() { s.whole.Write(b) })
	case s.whole != nil:
		s.whole.Write(b)
	}
	if s.payload != nil {
		s.payload.Write(payload)
	}
	whole.Wait()
}

// comparePart compares the bytes of b, at the offset at of the file, with those of a part that was read before.
func (s *sums) comparePart(name string, start int64, part []byte, at int64, b []byte) {
	from, to := max(start, at), min(start+int64(len(part)), at+int64(len(b)))
	if s.changed != nil || from >= to || bytes.Equal(part[from-start:to-start], b[from-at:to-at]) {
		return
	}
	for part[from-start] == b[from-at] {
		from++
	}
	s.changed = s.file.changed(name, from, fmt.Sprintf("the byte is 0x%02x, but was 0x%02x when the file was opened", b[from-at], part[from-start]))
}

func (f *File) hashFile(ctx context.Context, s *sums) error {
	size := f.image.Size()
	buffer := newBuffer(size)
	for at := s.start(); at < size; {
		if err := checkContext(ctx); err != nil {
			return err
		}
		n, err := f.image.ReadAt(buffer[:min(int64(len(buffer)), size-at)], at)
		s.add(at, buffer[:n])
		at += int64(n)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("reading at byte %d: %w", at, withoutPath(err))
		case err != nil && at < size:
			return f.changed("payload", at, fmt.Sprintf("the file ends here, but had %d bytes when it was opened", size))
		}
	}
	return nil
}

// hashStream reads the stream to its end, or to the first byte too many, because a stream may be endless.
func (f *File) hashStream(ctx context.Context, s *sums) error {
	want := f.facts.HeaderLength + f.facts.PayloadLength
	buffer := newBuffer(want + 1)
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
	if s.changed != nil {
		return s.changed
	}
	result := Integrity{Digest: Absent, Kernel: Absent, Signature: f.facts.Integrity.Signature, SHA256: s.sha256()}
	if s.kernel != nil {
		result.Kernel = Right
		if result.Damage = s.kernel.damage(); result.Damage != nil {
			result.Kernel = Wrong
		}
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
	if f.sealed != nil && result.Digest != Wrong {
		result.Digest = Right
		if want := f.sealed.description.SHA256; *result.SHA256 != want {
			result.Digest = Wrong
			result.Damage = cmp.Or(result.Damage, &FormatError{
				Descriptor, Disagrees, "sha256", f.sealed.places["sha256"].Offset,
				fmt.Sprintf("says %x, the image's bytes give %x", want, *result.SHA256),
			})
		}
	}
	f.facts.Integrity = result
	return result.Damage
}

// sha256 returns the digest of the whole file, or nil if it was not computed.
func (s *sums) sha256() *[32]byte {
	if s.whole == nil {
		return nil
	}
	return (*[32]byte)(s.whole.Sum(nil))
}
