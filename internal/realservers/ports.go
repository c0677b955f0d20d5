package realservers

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// A block is sixteen ports in a row that one server has for itself: the first is for control connections, the last is
// a sign for other tests that the block is taken, those between are for data connections. The proxy listens on the same
// ports at another address of loopback, so that no reply of the server has to be changed, which in TLS nobody could.
type block int

const blockSize = 16

func (b block) control() int   { return int(b) }
func (b block) firstData() int { return int(b) + 1 }
func (b block) lastData() int  { return int(b) + blockSize - 2 }
func (b block) sign() int      { return int(b) + blockSize - 1 }

// The blocks lie below the ports that systems give out by themselves.
const (
	firstBlock = 16384
	blocks     = 960
)

// reserve finds a block whose ports are free, and keeps it until the test ends.
func reserve(t testing.TB, address string) block {
	t.Helper()
	for range 200 {
		b := block(firstBlock + blockSize*rand.IntN(blocks)) //nolint:gosec // no secret
		sign, err := listen(t, "127.0.0.1", b.sign())
		if err != nil {
			continue
		}
		if b.free(t, address) {
			t.Cleanup(func() { _ = sign.Close() })
			return b
		}
		_ = sign.Close()
	}
	t.Fatal("no block of free ports found")
	return 0
}

// free reports whether the ports for control and data can be listened on.
func (b block) free(t testing.TB, address string) bool {
	t.Helper()
	for port := b.control(); port <= b.lastData(); port++ {
		l, err := listen(t, address, port)
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func listen(t testing.TB, address string, port int) (net.Listener, error) {
	t.Helper()
	return (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
}
