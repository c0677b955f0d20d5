//go:build !linux && !darwin

package netconn

import "syscall"

// limitUnsent keeps the kernel from hiding much of what is not sent yet: there is no finer switch here.
func limitUnsent(c syscall.Conn) {
	if tcp, ok := c.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(256 << 10)
	}
}

// unsentBytes cannot tell here: what the system took counts as confirmed.
func unsentBytes(syscall.Conn) (n int, known bool) { return 0, true }
