package netconn

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLow is how many bytes may wait in the kernel before a write waits.
const unsentLow = 128 << 10

// limitUnsent sets unsentLow for a TCP connection.
func limitUnsent(c syscall.Conn) {
	onSocket(c, func(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLow) })
}

// unsentBytes returns how many of the written bytes have not left yet. It is not known of a connection that is closed.
func unsentBytes(c syscall.Conn) (n int, known bool) {
	onSocket(c, func(fd int) {
		var err error
		n, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NWRITE)
		known = err == nil
	})
	return n, known
}
