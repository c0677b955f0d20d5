package transfer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// ErrNotOffered is told to [ServeOptions.Troubled] when a client asks for a file, or logs in, and nothing is there for it.
var ErrNotOffered = errors.New("asks for a file that is not there for it")

// errWithdrawn is a file that nobody gets any more.
var errWithdrawn = errors.New("the file is not offered any more")

// An Offering is one file for some clients, usually one.
type Offering struct {
	Name    string            // what the client calls it; as [CheckName] wants it
	Content *io.SectionReader // read by every request on its own
	Clients []netip.Addr      // who may fetch it
	// Watch, if not nil, is told every step forward, one call at a time. It must not wait.
	Watch func(Fetch)
}

// A Fetch is how far clients got with a file.
type Fetch struct {
	Requests int   // how often it was asked for
	Open     int   // requests under way
	Sent     int64 // how many different bytes the client's system has confirmed, as far as ours can tell
	Size     int64 // bytes
	Complete bool  // every byte is confirmed
	Perhaps  bool  // every byte went out, but the client hung up before it had confirmed the last: it may have them all
	Cut      bool  // the last request that ended did so before its end
}

// An Offer is an [Offering] that can be fetched. It is safe for concurrent use.
type Offer struct {
	what     Offering
	key      string // on the shelf
	path     string
	username string
	password secret.Secret
	shelf    *shelf

	telling sync.Mutex // held while Watch is called
	mu      sync.Mutex
	gone    bool
	asked   int
	cut     bool
	begun   bool // some bytes were asked for
	runs    map[*run]struct{}
	taken   spans // what requests brought that have ended
	loose   span  // what went out in the last request that was cut, and may have arrived
}

// Path is where the file is: /TOKEN/NAME by HTTPS, where TOKEN is 32 hexadecimal digits that nobody guesses; /NAME by FTP.
func (o *Offer) Path() string { return o.path }

// Login is who fetches it by FTP: a user name of cp and 8 hexadecimal digits, and a password of 32. By HTTPS there is none.
func (o *Offer) Login() (username string, password secret.Secret) { return o.username, o.password }

// Withdraw takes the offer back: nobody gets the file from now on, and requests under way are reset.
func (o *Offer) Withdraw() {
	o.shelf.remove(o)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone = true
	for r := range o.runs {
		if r.line != nil {
			r.line.Reset()
		}
	}
}

// State is how far clients got.
func (o *Offer) State() Fetch {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := Fetch{Requests: o.asked, Open: len(o.runs), Size: o.what.Content.Size(), Cut: o.cut}
	f.Sent = o.taken.total()
	switch len(o.runs) {
	case 0:
	case 1:
		for r := range o.runs {
			f.Sent += o.taken.missing(r.brought())
		}
	default:
		all := slices.Clone(o.taken)
		for r := range o.runs {
			all = all.with(r.brought())
		}
		f.Sent = all.total()
	}
	f.Complete = o.begun && f.Sent == f.Size
	f.Perhaps = !f.Complete && o.taken.missing(o.loose) > 0 && f.Sent+o.taken.missing(o.loose) >= f.Size
	return f
}

// tell tells how far it is.
func (o *Offer) tell() {
	if o.what.Watch == nil {
		return
	}
	o.telling.Lock()
	defer o.telling.Unlock()
	o.what.Watch(o.State())
}

// isFor reports whether a client may have it.
func (o *Offer) isFor(client netip.Addr) bool { return slices.Contains(o.what.Clients, client) }

// begin begins a request; it is nil if the offer is gone.
func (o *Offer) begin() *run {
	o.mu.Lock()
	r := &run{offer: o, content: io.NewSectionReader(o.what.Content, 0, o.what.Content.Size())}
	if o.gone {
		o.mu.Unlock()
		return nil
	}
	o.asked++
	o.runs[r] = struct{}{}
	o.mu.Unlock()
	o.tell()
	return r
}

// A run is one request under way.
type run struct {
	offer   *Offer
	content *io.SectionReader
	line    *netconn.Conn // nil before attach; guarded by the offer's lock, but for the run's own goroutine
	part    span          // the bytes that were asked for
	begun   bool          // part is known
	out     atomic.Int64  // how many of them were handed on
	arrived atomic.Int64
}

// attach says over which line which bytes will go.
func (r *run) attach(line *netconn.Conn, part span) error {
	o := r.offer
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return errWithdrawn
	}
	r.line, r.part, r.begun = line, part, true
	o.begun = true
	if o.loose.from < part.from && part.from <= o.loose.to {
		// Who goes on from there has what lies before, even if its last confirmation got lost with the connection.
		o.taken = o.taken.with(span{o.loose.from, part.from})
	}
	for other := range o.runs { // one that was cut, and has not noticed yet
		if other != r && other.begun && other.part.from < part.from && part.from <= other.part.from+other.out.Load() {
			o.taken = o.taken.with(span{other.part.from, part.from})
		}
	}
	return nil
}

// brought is what has arrived. The offer's lock is held.
func (r *run) brought() span { return span{r.part.from, r.part.from + r.arrived.Load()} }

// passed notes that so many bytes of those handed on are still on this side.
func (r *run) passed(behind int64) {
	if n := r.out.Load() - behind; n > r.arrived.Load() {
		r.arrived.Store(n)
		r.offer.tell()
	}
}

// end ends the request. tried is how many bytes may have gone out.
func (r *run) end(tried int64) {
	o := r.offer
	o.mu.Lock()
	delete(o.runs, r)
	o.cut = r.begun && r.arrived.Load() < r.part.to-r.part.from
	if r.begun {
		brought := r.brought()
		o.taken = o.taken.with(brought)
		o.loose = span{}
		if o.cut {
			o.loose = span{r.part.from, min(r.part.from+tried, r.part.to)}
		}
	}
	o.mu.Unlock()
	o.tell()
}

// A shelf is where a server's offers lie.
type shelf struct {
	mu     sync.Mutex
	offers map[string]*Offer
	closed bool
}

// add puts an offer there, under a key that is the user name if there is a password. On a shelf that is closed it is gone from the start.
func (s *shelf) add(what Offering, key, path string, password secret.Secret) *Offer {
	what.Clients = slices.Clone(what.Clients)
	for i, client := range what.Clients {
		what.Clients[i] = plainAddr(client)
	}
	o := &Offer{what: what, key: key, path: path + url.PathEscape(what.Name), shelf: s, runs: map[*run]struct{}{}}
	if password.IsSet() {
		o.username, o.password = key, password
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o.gone = s.closed
	if !s.closed {
		s.offers[key] = o
	}
	return o
}

func (s *shelf) find(key string) *Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offers[key]
}

func (s *shelf) remove(o *Offer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.offers, o.key)
}

// close withdraws everything.
func (s *shelf) close() {
	s.mu.Lock()
	s.closed = true
	var all []*Offer
	for _, o := range s.offers {
		all = append(all, o)
	}
	s.mu.Unlock()
	for _, o := range all {
		o.Withdraw()
	}
}

// random is so many random bytes in hexadecimal digits.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// plainAddr is an address in the one form in which addresses are compared: without the IPv6 form of an IPv4 address.
// The zone stays: the same link-local address on another link is another phone.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap() }
