package realservers

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// pieceSize is what is forwarded at a time.
const pieceSize = 16 << 10

// A proxyConn is a connection through the proxy. What changes is guarded by the proxy's mutex.
type proxyConn struct {
	client, server *net.TCPConn
	control        bool          // of FTP
	payload        bool          // faults count its bytes
	done           chan struct{} // closed when it is cut

	fails   int // how often the proxy was told to fail before the connection came
	sent    int64
	struck  bool // a fault has struck it already
	stalled bool
	deaf    bool // what the server says is lost
}

// forward forwards both directions of a connection until both have ended.
func (p *Proxy) forward(k *proxyConn) {
	var up sync.WaitGroup
	up.Go(func() { p.copy(k, k.server, k.client, p.judge) })
	p.copy(k, k.client, k.server, p.judgeReply)
	up.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut(k, false)
}

// copy forwards one direction of a connection.
func (p *Proxy) copy(k *proxyConn, to, from *net.TCPConn, judge func(*proxyConn, []byte) (int, Action)) {
	buffer := make([]byte, pieceSize)
	line := p.line.Load()
	for {
		n, readErr := from.Read(buffer)
		pass, then := judge(k, buffer[:n])
		if line != nil && k.payload && to == k.server && pass > 0 {
			_ = line.WaitN(context.Background(), pass) // a piece is never more than the line takes at once
		}
		if pass > 0 {
			if _, err := to.Write(buffer[:pass]); err != nil {
				reset(from)
				return
			}
		}
		p.strike(then)
		switch {
		case then == Stall || then == stay:
			<-k.done
			return
		case errors.Is(readErr, io.EOF):
			_ = to.CloseWrite()
			return
		case readErr != nil:
			reset(to)
			return
		}
	}
}

// reset closes a connection so that the other side sees an error.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
