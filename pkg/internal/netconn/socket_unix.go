//go:build linux || darwin

package netconn

import "syscall"

// limitUnconfirmed does nothing: what is confirmed can be known here.
func limitUnconfirmed(syscall.Conn) {}

// onSocket does something with the connection's socket. What fails there only costs comfort.
func onSocket(c syscall.Conn, do func(fd int)) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
}
