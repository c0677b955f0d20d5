package serve

import (
	"io"
	"maps"
	"slices"
	"sync"
)

// Chunks that are kept of files that several clients fetch at the same time.
const (
	chunkSize = 256 << 10
	maxChunks = 128 // of all files together: 32 MiB
)

// A chunkCache reads a file once for all clients that fetch it at the same time, as long as they are not too far apart:
// the oldest chunk makes room for a new one. A file that one client fetches is not kept.
type chunkCache struct {
	mu       sync.Mutex
	requests map[*io.SectionReader]int // under way
	chunks   map[chunkKey]*chunk
	order    []chunkKey // the oldest first
}

type chunkKey struct {
	content *io.SectionReader
	index   int64
}

// A chunk holds bytes of a file once it is ready; none if they could not be read.
type chunk struct {
	ready chan struct{} // closed when it is
	bytes []byte
}

func newChunkCache() *chunkCache {
	return &chunkCache{requests: map[*io.SectionReader]int{}, chunks: map[chunkKey]*chunk{}}
}

// begin counts a request for a file. end has to be called when it has ended; with the last request the file's chunks are
// dropped.
func (c *chunkCache) begin(content *io.SectionReader) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[content]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.requests[content]--; c.requests[content] > 0 {
			return
		}
		delete(c.requests, content)
		maps.DeleteFunc(c.chunks, func(key chunkKey, _ *chunk) bool { return key.content == content })
		c.order = slices.DeleteFunc(c.order, func(key chunkKey) bool { return key.content == content })
	}
}

// read returns bytes of a file from an offset on, at most as many as the buffer has. They lie in the buffer, or in a chunk
// and must not be changed.
func (c *chunkCache) read(content *io.SectionReader, buffer []byte, at int64) ([]byte, error) {
	if chunk := c.chunk(content, at/chunkSize); chunk != nil {
		<-chunk.ready
		if from := at % chunkSize; from < int64(len(chunk.bytes)) {
			rest := chunk.bytes[from:]
			return rest[:min(len(rest), len(buffer))], nil
		}
	}
	n, err := content.ReadAt(buffer, at)
	switch {
	case n == len(buffer):
		return buffer, nil
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// chunk returns a chunk of a file that several clients fetch, and reads it if it is new. It returns nil if one client does.
func (c *chunkCache) chunk(content *io.SectionReader, index int64) *chunk {
	key := chunkKey{content, index}
	c.mu.Lock()
	if c.requests[content] < 2 || c.chunks[key] != nil {
		defer c.mu.Unlock()
		return c.chunks[key]
	}
	added := &chunk{ready: make(chan struct{})}
	c.chunks[key] = added
	if c.order = append(c.order, key); len(c.order) > maxChunks {
		delete(c.chunks, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
	c.mu.Unlock()
	defer close(added.ready)
	bytes := make([]byte, min(chunkSize, content.Size()-index*chunkSize))
	if n, _ := content.ReadAt(bytes, index*chunkSize); n == len(bytes) { // else each request says what is wrong where
		added.bytes = bytes
	}
	return added
}
