//go:build !unix

package badserver

import "net"

// block makes a port that refuses everybody.
func block(c *core, l net.Listener) { c.drop(l) }
