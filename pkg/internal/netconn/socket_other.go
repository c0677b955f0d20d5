//go:build !linux && !darwin

package netconn

import "syscall"

// limitUnsent keeps the kernel from hiding much of what is not sent yet: there is no finer switch here.
func limitUnsent(c syscall.Conn) { setWriteBuffer(c, 256<<10) }

// limitUnconfirmed keeps the kernel from taking a whole file of a peer that has stopped reading.
func limitUnconfirmed(c syscall.Conn) { setWriteBuffer(c, 128<<10) }

func setWriteBuffer(c syscall.Conn, bytes int) {
	if tcp, ok := c.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(bytes)
	}
}

// unsentBytes cannot tell here: what the system took counts as confirmed.
func unsentBytes(syscall.Conn) (n int, known bool) { return 0, true }
