package realservers

import (
	"net"
	"strconv"
	"testing"

	"github.com/cpupdate/cpupdate/internal/ports"
)

// A block is the ports in a row that one server has for itself: the first is for control connections, those behind it
// are for data connections. The proxy listens on the same ports at another address of loopback, so that no reply of the
// server has to be changed, which in TLS nobody could.
type block int

func (b block) control() int   { return int(b) }
func (b block) firstData() int { return int(b) + 1 }
func (b block) lastData() int  { return int(b) + ports.Count - 1 }

// reserve finds a block whose ports are free, and keeps it until the test ends.
func reserve(t testing.TB, address string) block {
	t.Helper()
	return block(ports.Reserve(t, address))
}

func listen(t testing.TB, address string, port int) (net.Listener, error) {
	t.Helper()
	return (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
}
