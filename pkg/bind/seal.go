package bind

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// sealPart is how many bytes of a file have one fingerprint. Readers that read whole parts cost least: they take pieces
// of 16, 32, 64 or 256 KiB.
const sealPart = 16 << 10

// A seal has a fingerprint of each part of a file, and hands out only bytes that still have it. A fingerprint is a MAC
// (AES-GMAC) with a key that this process draws and never shows: whoever writes to the file cannot make other bytes with
// the same fingerprint.
type seal struct {
	content io.ReaderAt
	size    int64
	changed func(field string, at int64, msg string) *FormatError
	mac     cipher.AEAD
	tags    []byte // of all parts, in their order
}

func newSeal(f *File) (*seal, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	mac, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &seal{content: f.image, size: f.image.Size(), changed: f.changed, mac: mac}, nil
}

// add appends the fingerprints of the next bytes: whole parts, but for the end of the file.
func (s *seal) add(b []byte) {
	for len(b) > 0 {
		part := b[:min(sealPart, len(b))]
		s.tags = s.mac.Seal(s.tags, s.nonce(int64(len(s.tags)/s.mac.Overhead())), nil, part)
		b = b[len(part):]
	}
}

// nonce returns the number of a part, so that no part can take the place of another.
func (s *seal) nonce(part int64) []byte {
	nonce := make([]byte, s.mac.NonceSize())
	binary.BigEndian.PutUint64(nonce, uint64(part))
	return nonce
}

// ReadAt reads bytes that were verified. At the first part that is another one now it returns a [*FormatError], and
// nothing of that part.
func (s *seal) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) && at+int64(n) < s.size {
		from := at + int64(n)
		start := from - from%sealPart
		rest := b[n:]
		if length := min(sealPart, s.size-start); from != start || int64(len(rest)) < length {
			part := make([]byte, length)
			if _, err := s.read(part, start); err != nil {
				return n, err
			}
			n += copy(rest, part[from-start:])
			continue
		}
		whole := min(int64(len(rest)), s.size-start)
		if start+whole < s.size {
			whole -= whole % sealPart
		}
		read, err := s.read(rest[:whole], start)
		n += read
		if err != nil {
			clear(b[n:])
			return n, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read reads whole parts, or up to the end of the file, and compares their fingerprints. It returns how many bytes of b
// are those that were verified.
func (s *seal) read(b []byte, start int64) (int, error) {
	n, err := s.content.ReadAt(b, start)
	if n < len(b) && err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading at byte %d: %w", start+int64(n), withoutPath(err))
	}
	if n < len(b) {
		return 0, s.changed("content", start+int64(n), fmt.Sprintf("the file ends here, but had %d bytes when it was verified", s.size))
	}
	size := int64(s.mac.Overhead())
	for at := int64(0); at < int64(n); at += sealPart {
		number := (start + at) / sealPart
		tag, part := s.tags[number*size:][:size], b[at:min(at+sealPart, int64(n))]
		if _, err := s.mac.Open(nil, s.nonce(number), tag, part); err != nil {
			return int(at), s.changed("content", start+at, fmt.Sprintf("the file has changed since it was verified (in the %d bytes from here)", len(part)))
		}
	}
	return n, nil
}

// Seal does what [File.Verify] does, and notes a fingerprint of each part of the file. From then on [File.Image] hands
// out the bytes that were verified and no others: where the file has changed, reading fails with a [*FormatError] whose
// problem is [Changed]. A stream cannot be sealed.
func (f *File) Seal(ctx context.Context) error {
	info, err := f.info()
	if err != nil {
		return err
	}
	s, err := newSeal(f)
	if err != nil {
		return err
	}
	sums := f.newSums(f.wholeDigest)
	sums.seal = s
	if err := f.verify(ctx, sums); err != nil {
		return err
	}
	f.seal, f.image, f.sealedAs = s, io.NewSectionReader(s, 0, s.size), info
	return nil
}

// CheckUnchanged reports whether a sealed file is still what was verified. It reads the file only if size or time of the
// last change are not what they were. The error is that of reading [File.Image].
func (f *File) CheckUnchanged(ctx context.Context) error {
	f.checking.Lock()
	defer f.checking.Unlock()
	info, err := f.info()
	if err != nil || info == f.sealedAs {
		return err
	}
	buffer := newBuffer(f.image.Size())
	for at := int64(0); at < f.image.Size(); at += chunk {
		if err := checkContext(ctx); err != nil {
			return err
		}
		if n, err := f.image.ReadAt(buffer, at); err != nil && at+int64(n) < f.image.Size() {
			return err
		}
	}
	f.sealedAs = info
	return nil
}

// A fileInfo is what shows at once that a file may have changed.
type fileInfo struct {
	size    int64
	changed time.Time
}

// info returns the size of the file, and when it was changed last.
func (f *File) info() (fileInfo, error) {
	if f.stat == nil {
		return fileInfo{}, nil
	}
	info, err := f.stat()
	if err != nil {
		return fileInfo{}, withoutPath(err)
	}
	return fileInfo{info.Size(), info.ModTime()}, nil
}

// StatesDigest reports whether header or descriptor state a digest of the image, with which a [Pass] compares what is
// sent. An image without one can only be compared with what [File.Seal] read.
func (f *File) StatesDigest() bool { return f.facts.PayloadSHA256.Known() || f.sealed != nil }
