package serve

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
)

// A countedFile counts how often it is read, and fails from an offset on.
type countedFile struct {
	*bytes.Reader
	reads atomic.Int64
	bad   int64
}

var errBadSector = errors.New("bad sector")

func (f *countedFile) ReadAt(b []byte, at int64) (int, error) {
	f.reads.Add(1)
	if at+int64(len(b)) > f.bad {
		return int(max(0, f.bad-at)), errBadSector
	}
	return f.Reader.ReadAt(b, at)
}

func newCountedFile(size int) (*countedFile, []byte, *io.SectionReader) {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	f := &countedFile{Reader: bytes.NewReader(content), bad: int64(size)}
	return f, content, io.NewSectionReader(f, 0, int64(size))
}

// readAll reads a file in pieces.
func readAll(c *chunkCache, content *io.SectionReader, piece int) ([]byte, error) {
	var all []byte
	buffer := make([]byte, piece)
	for size := content.Size(); int64(len(all)) < size; {
		got, err := c.read(content, buffer[:min(int64(piece), size-int64(len(all)))], int64(len(all)))
		if err != nil {
			return all, err
		}
		all = append(all, got...)
	}
	return all, nil
}

// What one client fetches is not kept; what several fetch is read once, in chunks, and dropped with the last of them.
func TestChunkCache(t *testing.T) {
	t.Parallel()
	const size = 5*chunkSize + 17
	f, want, content := newCountedFile(size)
	c := newChunkCache()
	end := c.begin(content)
	if got, err := readAll(c, content, 100<<10); err != nil || !bytes.Equal(got, want) || len(c.chunks) > 0 {
		t.Errorf("one client: %d bytes, %v, %d chunks", len(got), err, len(c.chunks))
	}
	f.reads.Store(0)
	var all sync.WaitGroup
	ends := []func(){end}
	for range 19 {
		ends = append(ends, c.begin(content))
	}
	for i := range 20 {
		all.Go(func() {
			if got, err := readAll(c, content, 1000+i*10_000); err != nil || !bytes.Equal(got, want) {
				t.Errorf("many clients: %d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
	if n := f.reads.Load(); n != 6 {
		t.Errorf("%d reads of 6 chunks", n)
	}
	_, _, other := newCountedFile(size)
	endOther := []func(){c.begin(other), c.begin(other)}
	if _, err := readAll(c, other, chunkSize); err != nil {
		t.Error(err)
	}
	for i, end := range append(ends, endOther...) {
		left := 12 // of both files
		if i >= len(ends) {
			left = 6
		}
		if len(c.chunks) != left || len(c.order) != left {
			t.Errorf("after %d requests there are %d chunks, in an order of %d", i, len(c.chunks), len(c.order))
		}
		end()
	}
	if len(c.chunks)+len(c.order)+len(c.requests) > 0 {
		t.Errorf("%d chunks are left, in an order of %d, and %d files", len(c.chunks), len(c.order), len(c.requests))
	}
}

// However large files are, and however many, memory is bounded, and what was dropped is read again.
func TestChunkCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newChunkCache()
	for range 3 {
		f, want, content := newCountedFile((maxChunks/2 + 1) * chunkSize)
		c.begin(content)
		c.begin(content)
		for range 2 {
			if got, err := readAll(c, content, 64<<10); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		}
		if len(c.chunks) > maxChunks || len(c.order) != len(c.chunks) || f.reads.Load() != maxChunks/2+1 {
			t.Errorf("%d chunks, in an order of %d, after %d reads", len(c.chunks), len(c.order), f.reads.Load())
		}
	}
}

// A file that cannot be read to its end is sent as far as it can, to several clients as to one.
func TestChunkCacheOfBadFile(t *testing.T) {
	t.Parallel()
	for _, bad := range []int64{0, 1000, chunkSize, chunkSize + 5000} {
		f, want, content := newCountedFile(3 * chunkSize)
		f.bad = bad
		c := newChunkCache()
		c.begin(content)
		for range 2 { // as one client, then as one of two
			got, err := readAll(c, content, 1000)
			if !errors.Is(err, errBadSector) || int64(len(got)) < bad/1000*1000 || int64(len(got)) > bad || !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("bad from %d on: %d bytes, %v", bad, len(got), err)
			}
			c.begin(content)
		}
	}
}
