package serve

import (
	"net"
	"time"

	"golang.org/x/time/rate"
)

// A pace limits the bytes a second of all clients of a server together. A nil pace has no limit.
type pace struct {
	limiter *rate.Limiter
	piece   int
	done    <-chan struct{}
	over    <-chan struct{} // nil if nothing else ends it
}

func newPace(bytesPerSecond int64, done <-chan struct{}) *pace {
	if bytesPerSecond <= 0 {
		return nil
	}
	piece := int(min(max(bytesPerSecond/8, 512), pieceSize)) // small enough for the rate to be even
	return &pace{rate.NewLimiter(rate.Limit(bytesPerSecond), piece), piece, done, nil}
}

// until returns the same pace for a request that ends when over is closed.
func (p *pace) until(over <-chan struct{}) *pace {
	if p == nil {
		return nil
	}
	return &pace{p.limiter, p.piece, p.done, over}
}

// most returns how many of n bytes may go out together.
func (p *pace) most(n int) int {
	if p == nil {
		return n
	}
	return min(n, p.piece)
}

// wait waits until n bytes may go out, at most as many as most allows. It fails with [net.ErrClosed] when the server
// closes, or the request is over.
func (p *pace) wait(n int) error {
	if p == nil {
		return nil
	}
	timer := time.NewTimer(p.limiter.ReserveN(time.Now(), n).Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.done:
		return net.ErrClosed
	case <-p.over:
		return net.ErrClosed
	}
}
