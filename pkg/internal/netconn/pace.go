package netconn

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// The lowest rate at which a peer has to take or give a file, in bytes a second, and over how many idle limits it is measured,
// but not less than a minute. It is below that of any line by which firmware is sent: with it, 10 MiB take three hours. Only the
// time counts for which this side waits for the peer.
const (
	leastRate   = 1 << 10
	paceLimits  = 10
	leastWindow = time.Minute
)

// ErrSlow reports a peer that moves bytes of a file so slowly that it would hold this side for days. It is an
// [os.ErrDeadlineExceeded].
var ErrSlow error = slowError{}

type slowError struct{}

func (slowError) Error() string {
	return "less than 1 KiB of the file a second, averaged over a minute or more"
}
func (slowError) Is(target error) bool { return target == os.ErrDeadlineExceeded }
func (slowError) Timeout() bool        { return true }

// A pace measures how fast a peer moves bytes. It is not safe for concurrent use.
type pace struct {
	waited time.Duration // for the peer, in this window
	moved  int64         // bytes, in this window
}

// slow adds a wait, and the bytes that moved in it. It reports whether a window has ended in which too few did.
func (p *pace) slow(waited time.Duration, moved int64, idle time.Duration) bool {
	p.waited += waited
	p.moved += moved
	if p.waited < max(paceLimits*idle, leastWindow) {
		return false
	}
	slow := float64(p.moved) < leastRate*p.waited.Seconds()
	*p = pace{}
	return slow
}

// A takePace measures how fast the peer of a connection takes bytes. It is safe for concurrent use.
type takePace struct {
	limited  atomic.Bool
	writing  atomic.Bool // a write waits: the time of reads does not count besides
	slow     atomic.Bool // the peer took too little
	draining atomic.Bool // Drain waits until the peer has taken everything

	mu      sync.Mutex
	pace    pace
	counted int64 // bytes that count already
}

// LimitSlowness makes writing, and waiting for what the peer has not taken yet, fail with [ErrSlow] when the peer takes too little
// for too long.
func (c *Conn) LimitSlowness() { c.takes.limited.Store(true) }

// tooSlow returns ErrSlow, and makes the connection one that has reached its limit.
func (c *Conn) tooSlow() error {
	c.timedOut.Store(true)
	c.takes.slow.Store(true)
	return ErrSlow
}

// takesTooLittle adds the time since a wait began, and reports whether the peer takes too little.
func (c *Conn) takesTooLittle(begun time.Time) bool {
	t := &c.takes
	if !t.limited.Load() {
		return false
	}
	confirmed := c.confirmed.Load() // at the last look: another one here would hide from the idle limit that bytes moved
	t.mu.Lock()
	defer t.mu.Unlock()
	moved := max(confirmed-t.counted, 0)
	t.counted += moved
	return t.pace.slow(time.Since(begun), moved, c.Idle())
}

// leavesTooMuch is takesTooLittle for a read: its time counts if nobody writes, and the peer has not taken everything.
func (c *Conn) leavesTooMuch(begun time.Time) bool {
	t := &c.takes
	return t.limited.Load() && !t.writing.Load() && (t.draining.Load() || c.Unconfirmed() > 0) && c.takesTooLittle(begun)
}

// PacedReader returns a reader of a file that a peer sends. It fails with [ErrSlow] when the peer sends too little for too long;
// idle is the idle limit of the connection.
func PacedReader(r io.Reader, idle time.Duration) io.Reader { return &pacedReader{r, idle, pace{}} }

type pacedReader struct {
	io.Reader
	idle time.Duration
	pace pace
}

func (r *pacedReader) Read(p []byte) (int, error) {
	begun := time.Now()
	n, err := r.Reader.Read(p)
	if err == nil && r.pace.slow(time.Since(begun), int64(n), r.idle) {
		err = ErrSlow
	}
	return n, err
}
