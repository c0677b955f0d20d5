package netconn

import "sync"

// Batch is a connection below TLS. TLS writes every record, 16 KiB at most, by itself. Between Start and End a Batch
// collects them, so that fewer system calls are made, and the peer is woken up less often. It is safe for concurrent use,
// but for Start and End.
type Batch struct {
	*Conn

	mu     sync.Mutex
	buffer []byte // what is collected; nil if nothing is
	failed error  // of the last write
}

// NewBatch returns a Batch that collects nothing yet.
func NewBatch(c *Conn) *Batch { return &Batch{Conn: c} }

// Write writes, or collects what is written. After a failure nothing is written any more, TLS's closing alert included.
func (b *Batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buffer == nil {
		return b.writeNow(p)
	}
	for rest := p; len(rest) > 0; {
		if len(b.buffer) == cap(b.buffer) {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
		n := min(len(rest), cap(b.buffer)-len(b.buffer))
		b.buffer = append(b.buffer, rest[:n]...)
		rest = rest[n:]
	}
	return len(p), b.failed
}

func (b *Batch) writeNow(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.Conn.Write(p)
	b.failed = err
	return n, err
}

func (b *Batch) flush() error {
	if len(b.buffer) == 0 {
		return b.failed
	}
	_, err := b.writeNow(b.buffer)
	b.buffer = b.buffer[:0]
	return err
}

// Start collects what is written in a buffer from now on. If it is nil nothing is collected.
func (b *Batch) Start(buffer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer = buffer[:0]
}

// End writes what was collected, and no longer collects.
func (b *Batch) End() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.flush()
	b.buffer = nil
	return err
}

// Unconfirmed returns how many of the written bytes were not confirmed at the last look, those that are collected included.
func (b *Batch) Unconfirmed() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.buffer)) + b.Conn.Unconfirmed()
}
