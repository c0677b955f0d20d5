//go:build unix

package badserver

import (
	"net"
	"syscall"
	"time"
)

// block makes a port that answers nobody, like one behind a firewall: its queue of connections is as short as can be,
// and full.
func block(c *core, l net.Listener) {
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) })
	for range 8 {
		conn, err := net.DialTimeout("tcp4", l.Addr().String(), 50*time.Millisecond) //nolint:noctx // the limit is the point
		if err != nil {
			return
		}
		c.keep(conn)
	}
}
