package transfer

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How many connections there may be at a time. What comes beyond is reset at once.
const (
	maxGuests     = 8192
	maxGuestsEach = 4096 // from one address: behind it may be a thousand phones

	maxStrangers     = 64
	maxStrangersEach = 16
	strangerPatience = 10 * time.Second
)

// ErrCrowded is told to [ServeOptions.Troubled] when there are more connections from addresses that are not known than are
// taken. It is told once, of the first that is turned away.
var ErrCrowded = errors.New("too many connections from addresses that are not waited for")

// A door takes TCP connections, within limits.
type door struct {
	listener net.Listener
	options  ServeOptions
	enter    func(*guest) // is given each connection, in a goroutine of its own
	done     chan struct{}
	work     sync.WaitGroup // goroutines that Close waits for

	mu        sync.Mutex
	closed    bool
	crowded   bool // told already
	guests    map[*guest]struct{}
	known     crowd
	strangers crowd
}

// A crowd is how many connections of a kind there are, and may be.
type crowd struct {
	most, mostEach int
	all            int
	each           map[netip.Addr]int
}

// take counts a connection if there is room for it.
func (c *crowd) take(remote netip.Addr) bool {
	if c.all == c.most || c.each[remote] == c.mostEach {
		return false
	}
	c.all++
	c.each[remote]++
	return true
}

func (c *crowd) leave(remote netip.Addr) {
	c.all--
	if c.each[remote]--; c.each[remote] == 0 {
		delete(c.each, remote)
	}
}

// A guest is a connection that came in.
type guest struct {
	net.Conn
	remote netip.Addr // unmapped
	known  bool       // when it came
	door   *door
	leave  sync.Once
}

// patience is how long the guest may be silent where others may for so long.
func (g *guest) patience(limit time.Duration) time.Duration {
	if g.known {
		return limit
	}
	return min(limit, strangerPatience)
}

// soon is the deadline for the guest where others have that one; there may be none.
func (g *guest) soon(deadline time.Time) time.Time {
	if latest := time.Now().Add(strangerPatience); !g.known && deadline.After(latest) {
		return latest
	}
	return deadline
}

// openDoor listens. Nobody enters before run.
func openDoor(o ServeOptions, enter func(*guest)) (*door, error) {
	listener := o.Listener
	if listener == nil {
		where, err := net.ResolveTCPAddr("tcp", o.Listen)
		if err != nil {
			return nil, err
		}
		if listener, err = net.ListenTCP("tcp", where); err != nil {
			return nil, err
		}
	}
	return &door{
		listener: listener, options: o, enter: enter, done: make(chan struct{}), guests: map[*guest]struct{}{},
		known:     crowd{most: maxGuests, mostEach: maxGuestsEach, each: map[netip.Addr]int{}},
		strangers: crowd{most: maxStrangers, mostEach: maxStrangersEach, each: map[netip.Addr]int{}},
	}, nil
}

// address is where the door is.
func (d *door) address() netip.AddrPort { return addrPort(d.listener.Addr()) }

// addrPort is a TCP address, unmapped.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := tcp.AddrPort()
	return netip.AddrPortFrom(plainAddr(p.Addr()), p.Port())
}

// run takes connections until close.
func (d *door) run() {
	d.work.Go(func() {
		const first, most = 5 * time.Millisecond, time.Second
		for pause := first; ; {
			conn, err := d.listener.Accept()
			switch {
			case err == nil:
				pause = first
				d.admit(conn)
				continue
			case errors.Is(err, net.ErrClosed):
				return
			}
			// No descriptors left, for one: it passes when somebody leaves.
			timer := time.NewTimer(pause)
			select {
			case <-d.done:
			case <-timer.C:
			}
			timer.Stop()
			pause = min(2*pause, most)
		}
	})
}

// admit lets a connection in if there is room.
func (d *door) admit(conn net.Conn) {
	g := &guest{Conn: conn, remote: addrPort(conn.RemoteAddr()).Addr(), door: d}
	g.known = d.options.Known(g.remote)
	d.mu.Lock()
	room := !d.closed && d.crowd(g).take(g.remote)
	if room {
		d.guests[g] = struct{}{}
	}
	first := !room && !d.closed && !g.known && !d.crowded
	d.crowded = d.crowded || first
	d.mu.Unlock()
	if room {
		d.work.Go(func() { d.enter(g) })
		return
	}
	reset(conn)
	if first {
		d.options.Troubled(g.remote, ErrCrowded)
	}
}

// reset closes a connection with a reset, if it is one of TCP.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// crowd is where a guest is counted.
func (d *door) crowd(g *guest) *crowd {
	if g.known {
		return &d.known
	}
	return &d.strangers
}

// Close closes the connection and makes room for another.
func (g *guest) Close() error {
	err := g.Conn.Close()
	g.leave.Do(func() {
		g.door.mu.Lock()
		defer g.door.mu.Unlock()
		delete(g.door.guests, g)
		g.door.crowd(g).leave(g.remote)
	})
	return err
}

// close ends all connections with a reset. Who has one still has to close it.
func (d *door) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	close(d.done)
	for g := range d.guests {
		reset(g.Conn)
	}
	return d.listener.Close()
}
