package serve

import (
	"errors"
	"net"
	"testing"
)

// A pace lets an eighth of a second's bytes out at once, and then has to be waited for.
func TestPace(t *testing.T) {
	t.Parallel()
	var none *pace
	if none.most(1<<20) != 1<<20 || none.wait(1<<20) != nil {
		t.Error("no pace holds something up")
	}
	done := make(chan struct{})
	close(done)
	p := newPace(80_000, done)
	if p.most(1<<20) != 10_000 || p.most(7) != 7 || newPace(1, done).most(1<<20) != 512 || newPace(0, done) != nil {
		t.Error("the pieces are not an eighth of a second's bytes")
	}
	for range 3 { // the first need not wait, and may end either way
		_ = p.wait(10_000)
	}
	if err := p.wait(10_000); !errors.Is(err, net.ErrClosed) {
		t.Error("it did not wait:", err)
	}
}
