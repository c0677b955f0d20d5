package transfer

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentLow is how many bytes may wait in the kernel before a write waits: what is shown as sent is then nearly
// sent, and a write that waits is a line that stands still. It costs no speed.
const unsentLow = 128 << 10

func tuneSocket(c *net.TCPConn) {
	onSocket(c, func(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLow) })
}

// unsentBytes is how much of what was written the other side has not confirmed yet. It is not known of a connection that
// is closed.
func unsentBytes(c *net.TCPConn) (n int, known bool) {
	onSocket(c, func(fd int) {
		var err error
		n, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		known = err == nil
	})
	return n, known
}
