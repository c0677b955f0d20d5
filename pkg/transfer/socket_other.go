//go:build !linux && !darwin

package transfer

import "net"

// tuneSocket keeps the kernel from hiding much of what is not sent yet: there is no finer switch here.
func tuneSocket(c *net.TCPConn) { _ = c.SetWriteBuffer(256 << 10) }

// unsentBytes cannot be told here: what the system took counts as confirmed.
func unsentBytes(*net.TCPConn) (n int, known bool) { return 0, true }
