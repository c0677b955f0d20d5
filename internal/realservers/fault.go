package realservers

// A Fault is what goes wrong on the way. It strikes when a client has sent After bytes on one data connection and sends
// more; by HTTPS on its connection. With TLS those are the bytes on the wire: the handshake counts, some hundreds of
// bytes (of listings, too), and so do the headers by HTTPS and what was sent before on the same connection.
type Fault struct {
	Action Action
	After  int64
	Always bool // it strikes every connection that gets so far; otherwise the next attempt gets through
}

// An Action is what a fault does.
type Action int

// The actions. Reset, Close and Stall let exactly After bytes pass.
const (
	None        Action = iota
	Reset              // all connections are reset
	Close              // all connections are closed in order
	Stall              // nothing passes any more, but all connections stay open
	DropControl        // the control connection is reset, the data pass on; by HTTPS all is reset
	LoseReply          // all data pass; what the server says to them is lost, and all connections are reset
	stay               // nothing new: the connection is stalled already, and others that came since are not
)

// Fail makes the fault strike connections that come from now on: the last bytes of an older one may still be on their way. Fault{} ends
// that, but not what it has stalled.
func (p *Proxy) Fail(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	p.fails++
}

// Waits reports whether the fault has not struck yet.
func (p *Proxy) Waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault.Action != None
}

// judge looks at what a client has sent on a connection: how many bytes may pass, and what is to happen then.
func (p *Proxy) judge(k *proxyConn, b []byte) (pass int, then Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k.stalled {
		return 0, stay
	}
	pass = len(b)
	if pass == 0 || !p.conns[k] {
		return pass, None // it sent nothing more, or was cut before: the fault is for another one
	}
	f := p.fault
	if k.payload && k.fails == p.fails && !k.struck && f.Action != None && k.sent+int64(pass) > f.After {
		k.struck = true
		if !f.Always {
			p.fault = Fault{}
		}
		then = f.Action
		if then == DropControl && p.server.Kind == Nginx {
			then = Reset
		}
		switch then {
		case LoseReply:
			p.deafen()
			then = None
		case Reset, Close, Stall:
			pass = int(max(0, f.After-k.sent))
		case None, DropControl, stay:
		}
	}
	k.sent += int64(pass)
	p.remember(b[:pass])
	return pass, then
}

// judgeReply looks at what the server has sent on a connection.
func (p *Proxy) judgeReply(k *proxyConn, b []byte) (pass int, then Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case k.stalled:
		return 0, stay
	case k.deaf && len(b) > 0:
		return 0, Reset
	}
	p.remember(b)
	return len(b), None
}

// deafen lets nothing more come back from the server on the connections on which it talks.
func (p *Proxy) deafen() {
	for k := range p.conns {
		if k.control || p.server.Kind == Nginx {
			k.deaf = true
		}
	}
}

// strike does to all connections what a fault does.
func (p *Proxy) strike(action Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.conns {
		switch action {
		case Reset, Close:
			p.cut(k, action == Reset)
		case Stall:
			k.stalled = true
		case DropControl:
			if k.control {
				p.cut(k, true)
			}
		case None, LoseReply, stay:
		}
	}
}

// cut ends a connection. The mutex is held.
func (p *Proxy) cut(k *proxyConn, hard bool) {
	if !p.conns[k] {
		return
	}
	delete(p.conns, k)
	close(k.done)
	if hard {
		reset(k.client)
		reset(k.server)
		return
	}
	_ = k.client.Close()
	_ = k.server.Close()
}

// remember keeps what passed. The mutex is held.
func (p *Proxy) remember(b []byte) {
	p.seen = append(p.seen, b[:min(len(b), remembered-len(p.seen))]...)
}
