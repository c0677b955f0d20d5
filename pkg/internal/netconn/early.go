package netconn

import (
	"errors"
	"os"
	"time"
)

// HoldFailedWrites lets net/http hear an answer that comes before the whole request is sent. A server that refuses a file
// half way answers and closes, and net/http would report the broken connection rather than the answer, or close before the
// answer is read. So a failed write returns when net/http has closed the connection: it has the answer then, or there is
// none. It returns after grace at the latest, and at once if it reached the idle limit: an answer would have come by then.
// When a request fails over silence, its error is that of whichever of reading and writing ended first; [Conn.TimedOut]
// tells.
func (c *Conn) HoldFailedWrites(grace time.Duration) { c.grace.Store(int64(grace)) }

// Write writes within the idle limit.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.write(p)
	grace := time.Duration(c.grace.Load())
	if err == nil || grace <= 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
	}
	return n, err
}
