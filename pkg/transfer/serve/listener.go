package serve

import (
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// How many connections there may be at a time. What comes beyond takes the place of the oldest one of the address that has
// the most, unless it is from there itself, or is reset at once.
const (
	maxConns     = 8192
	maxConnsEach = 4096 // from one address: behind it may be a thousand phones

	maxUnknown     = 64
	maxUnknownEach = 16
	unknownTimeout = 10 * time.Second
)

// What clients have begun to send and not finished may take maxUnread bytes of memory together: all connections but those
// over which a file goes out. Nearly 2,800 that do nothing fit in. How much each takes was measured.
const (
	maxUnread  = 64 << 20
	connMemory = 24 << 10 // a connection with TLS, and what serves it
	byteMemory = 3        // each byte that came: buffers grow by doubling
	certMemory = 16       // each byte of a certificate that a client has shown, and that is verified
	maxKept    = 16 << 10 // bytes for which a connection keeps a buffer: a record of TLS
)

// ErrTooManyConns is passed to [Options.OnError] when there are more connections from unknown addresses than are
// accepted. It is passed once, for the first one that is refused.
var ErrTooManyConns = errors.New("too many connections from unknown addresses")

// ErrFull is passed to [Options.OnError] when connections of known addresses make room for others. It is passed once, with
// the address of which the first one is closed.
var ErrFull = errors.New("too many connections or unfinished messages at a time: the oldest of this address are closed")

// A listener takes connections, within limits.
type listener struct {
	net.Listener
	options Options
	serve   func(*conn) // is given each connection, in a goroutine of its own
	unread  *netconn.Budget
	done    chan struct{}
	work    sync.WaitGroup // goroutines that Close waits for

	mu        sync.Mutex
	closed    bool
	overLimit bool // ErrTooManyConns was reported
	full      bool // ErrFull was reported
	conns     map[*conn]struct{}
	known     connLimiter
	unknown   connLimiter
}

// A connLimiter counts the connections of a kind.
type connLimiter struct {
	most, mostEach int
	all            int
	each           map[netip.Addr]int
}

// take counts a connection if there is room for it.
func (c *connLimiter) take(remote netip.Addr) bool {
	if c.all == c.most || c.each[remote] == c.mostEach {
		return false
	}
	c.all++
	c.each[remote]++
	return true
}

// release makes room for another connection from the address.
func (c *connLimiter) release(remote netip.Addr) {
	c.all--
	if c.each[remote]--; c.each[remote] == 0 {
		delete(c.each, remote)
	}
}

// A conn is a connection that came in.
type conn struct {
	net.Conn
	remote   netip.Addr // unmapped
	known    bool       // when it came
	listener *listener
	released sync.Once

	hold  *netconn.Hold // of the memory for what is not read yet
	came  atomic.Int64  // bytes since the request began
	kept  int64         // bytes that count as long as the connection lasts
	shown int64         // the memory for the client's certificates, as long as the connection lasts
}

// errNoRoom ends a connection that has to make room.
var errNoRoom = errors.New("no memory left for what the client sends")

// Read counts what comes.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.came.Add(int64(n))
		if !c.hold.Add(byteMemory * int64(n)) {
			netconn.Reset(c.Conn)
			return 0, errNoRoom
		}
	}
	return n, err
}

// done notes that nothing of what came is kept any more, but for a buffer, and that the client may send the next request.
func (c *conn) done() {
	c.kept = max(c.kept, min(c.came.Swap(0), maxKept))
	if !c.hold.Resume(connMemory + c.shown + byteMemory*c.kept) {
		netconn.Reset(c.Conn)
	}
}

// keepCertificates notes the certificates that the client has shown: the handshake has ended.
func (c *conn) keepCertificates(chain []*x509.Certificate) {
	for _, certificate := range chain {
		c.shown += certMemory * int64(len(certificate.Raw))
	}
}

// timeout returns how long the client may be silent where others may for limit.
func (c *conn) timeout(limit time.Duration) time.Duration {
	if c.known {
		return limit
	}
	return min(limit, unknownTimeout)
}

// deadline returns the deadline for the client where others have limit; the zero time is none.
func (c *conn) deadline(limit time.Time) time.Time {
	if latest := time.Now().Add(unknownTimeout); !c.known && limit.After(latest) {
		return latest
	}
	return limit
}

// newListener listens as the options say. It serves nothing before run.
func newListener(o Options, serve func(*conn)) (*listener, error) {
	below := o.Listener
	if below == nil {
		where, err := net.ResolveTCPAddr("tcp", o.Address)
		if err != nil {
			return nil, err
		}
		if below, err = net.ListenTCP("tcp", where); err != nil {
			return nil, err
		}
	}
	l := &listener{
		Listener: below, options: o, serve: serve, done: make(chan struct{}), conns: map[*conn]struct{}{},
		known:   connLimiter{most: maxConns, mostEach: maxConnsEach, each: map[netip.Addr]int{}},
		unknown: connLimiter{most: maxUnknown, mostEach: maxUnknownEach, each: map[netip.Addr]int{}},
	}
	l.unread = netconn.NewBudget(maxUnread, l.isFull)
	return l, nil
}

// isFull reports, once, that an address loses connections to others.
func (l *listener) isFull(remote netip.Addr) {
	l.mu.Lock()
	first := !l.full && !l.closed
	l.full = l.full || first
	l.mu.Unlock()
	if first {
		l.options.OnError(remote, ErrFull)
	}
}

// address returns what is listened on.
func (l *listener) address() netip.AddrPort { return addrPort(l.Addr()) }

// addrPort returns the address of a connection or listener, unmapped; the zero AddrPort if it is no IP address.
func addrPort(a net.Addr) netip.AddrPort {
	var p netip.AddrPort
	if tcp, ok := a.(*net.TCPAddr); ok {
		p = tcp.AddrPort()
	} else {
		p, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(plainAddr(p.Addr()), p.Port())
}

// run takes connections until close.
func (l *listener) run() {
	l.work.Go(func() {
		const first, most = 5 * time.Millisecond, time.Second
		for pause := first; ; {
			raw, err := l.Accept()
			switch {
			case err == nil:
				pause = first
				l.admit(raw)
				continue
			case errors.Is(err, net.ErrClosed):
				return
			}
			// No descriptors left, for one: it passes when a client leaves.
			timer := time.NewTimer(pause)
			select {
			case <-l.done:
				timer.Stop()
				return
			case <-timer.C:
			}
			pause = min(2*pause, most)
		}
	})
}

// admit serves a connection if there is room, and resets it otherwise.
func (l *listener) admit(raw net.Conn) {
	c := &conn{Conn: raw, remote: addrPort(raw.RemoteAddr()).Addr(), listener: l}
	c.known = l.options.Known(c.remote)
	room := l.take(c) || c.known && l.unread.MakeRoom(c.remote) && l.take(c)
	if room {
		c.hold = l.unread.Hold(c.remote, connMemory, c.drop)
		l.work.Go(func() { l.serve(c) })
		return
	}
	netconn.Reset(raw)
	l.turnedAway(c)
}

// take counts a connection if there is room for it.
func (l *listener) take(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.limiter(c).take(c.remote) {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

// turnedAway reports, once, that there was no room for a connection.
func (l *listener) turnedAway(c *conn) {
	if c.known {
		l.isFull(c.remote)
		return
	}
	l.mu.Lock()
	first := !l.closed && !l.overLimit
	l.overLimit = l.overLimit || first
	l.mu.Unlock()
	if first {
		l.options.OnError(c.remote, ErrTooManyConns)
	}
}

// drop resets a connection that has to make room, and does not count it any more. It still has to be closed where it is
// served.
func (c *conn) drop() {
	netconn.Reset(c.Conn)
	c.release()
}

// limiter returns what counts the connection.
func (l *listener) limiter(c *conn) *connLimiter {
	if c.known {
		return &l.known
	}
	return &l.unknown
}

// Close closes the connection and makes room for another.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.hold.End()
	c.release()
	return err
}

// release makes room for another connection.
func (c *conn) release() {
	c.released.Do(func() {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		delete(c.listener.conns, c)
		c.listener.limiter(c).release(c.remote)
	})
}

// close ends all connections with a reset. They still have to be closed where they are served.
func (l *listener) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.done)
	for c := range l.conns {
		netconn.Reset(c.Conn)
	}
	return l.Close()
}
