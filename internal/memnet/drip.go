package memnet

import (
	"net"
	"time"
)

// A DripConn sends one byte at a time, each after a pause: it is never silent for longer, and takes for ever.
type DripConn struct {
	net.Conn
	Pause time.Duration
}

// Write sends all of p, slowly.
func (c DripConn) Write(p []byte) (int, error) {
	for i := range p {
		time.Sleep(c.Pause)
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
