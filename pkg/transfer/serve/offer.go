package serve

import (
	"crypto/rand"
	"crypto/x509"
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

// ErrNotOffered is told to [Options.OnError] when a client asks for a file, or logs in, and nothing is there for it.
var ErrNotOffered = errors.New("requested a file that is not offered to it")

// errWithdrawn ends a request for a file that was withdrawn meanwhile.
var errWithdrawn = errors.New("the file is not offered any more")

// Offering is one file for some clients, most often one.
type Offering struct {
	Name    string            // of the file: 1 to 255 bytes without slash, backslash and control characters
	Content *io.SectionReader // what several clients fetch at the same time is read once for all offers of this very reader
	Clients []netip.Addr      // the addresses that may fetch it
	// Accepts, if not nil, reports whether a client that shows a certificate, which is verified, may fetch the file. It must not
	// wait. By FTP there are no certificates.
	Accepts func(*x509.Certificate) bool
	// Watch, if not nil, is told every step forward, one call at a time. It must not wait.
	Watch func(Fetch)
	// Failed, if not nil, is told that Content cannot be read, before the request is reset. It must not wait.
	Failed func(error)
}

// Fetch says how far clients got with a file.
type Fetch struct {
	Requests int   // how often it was requested
	Open     int   // requests under way
	Sent     int64 // how many different bytes the client's system has confirmed, as far as ours can tell
	Size     int64 // bytes
	Complete bool  // every byte is confirmed
	Perhaps  bool  // it may have them all: what it has not confirmed went out before it hung up, or lies before a place where it went on
	Cut      bool  // the last request that ended did so before its end, and before a place where the client went on in another
}

// Offer is an [Offering] that can be fetched. It is safe for concurrent use.
type Offer struct {
	what     Offering
	key      string // in the registry
	path     string
	tag      string // no other content has it, of this offer or of another: what is offered never changes
	username string
	password secret.Secret
	registry *registry
	over     chan struct{} // closed when it is withdrawn

	watching  sync.Mutex // held while Watch is called
	mu        sync.Mutex
	withdrawn bool
	requested int
	cut       bool
	begun     bool // some bytes were asked for
	open      map[*request]struct{}
	received  spans   // confirmed in requests that have ended
	doubtful  spans   // went out in requests that were cut, and may have arrived
	resumed   int64   // the client said that it has what lies before
	begins    []int64 // where requests began, the first ones
}

// Path returns where the file is: /TOKEN/NAME by HTTPS, where TOKEN is 32 hexadecimal digits that nobody guesses; /NAME by
// FTP. The name is escaped for a URL.
func (o *Offer) Path() string { return o.path }

// Login returns the login for it by FTP: a user name of cp and 8 hexadecimal digits, and a password of 24, as long as
// the transfer form of a phone takes (observed: captures of an OpenStage page in nbe95/cowphone). By HTTPS both are empty.
func (o *Offer) Login() (username string, password secret.Secret) { return o.username, o.password }

// Withdraw ends the offer: nobody gets the file from now on, and requests under way are reset. Watch is told when these have
// ended.
func (o *Offer) Withdraw() {
	o.registry.remove(o)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.withdrawn {
		close(o.over)
	}
	o.withdrawn = true
	for r := range o.open {
		if r.conn != nil {
			r.conn.Reset()
		}
	}
}

// State returns how far clients got.
func (o *Offer) State() Fetch {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := Fetch{Requests: o.requested, Open: len(o.open), Size: o.what.Content.Size(), Cut: o.cut}
	f.Sent = o.received.total()
	switch len(o.open) {
	case 0:
	case 1:
		for r := range o.open {
			f.Sent += o.received.missing(r.received())
		}
	default:
		all := slices.Clone(o.received)
		for r := range o.open {
			all = all.with(r.received())
		}
		f.Sent = all.total()
	}
	f.Complete = o.begun && f.Sent == f.Size
	f.Perhaps = !f.Complete && o.begun && o.perhaps().total() == f.Size
	return f
}

// perhaps returns the bytes that the client may have. The lock is held.
func (o *Offer) perhaps() spans {
	all := slices.Clone(o.received).with(span{0, o.resumed})
	for _, part := range o.doubtful {
		all = all.with(part)
	}
	return all
}

// wentOn reports whether the client ended a request early because it has the rest of its part from other ones, as far as can be
// known. The lock is held.
func (o *Offer) wentOn(r *request) bool {
	end := span{r.part.from, r.part.from + r.tried.Load()}
	for _, at := range o.begins {
		if end.from < at && at <= end.to && o.perhaps().missing(span{at, r.part.to}) == 0 {
			return true
		}
	}
	return false
}

// notify tells Watch the state.
func (o *Offer) notify() {
	if o.what.Watch == nil {
		return
	}
	o.watching.Lock()
	defer o.watching.Unlock()
	o.what.Watch(o.State())
}

// isFor reports whether a client may have the file.
func (o *Offer) isFor(client netip.Addr) bool { return slices.Contains(o.what.Clients, client) }

// maxRequests is how many requests for one offer are served at a time. It is for one phone.
const maxRequests = 64

// errTooMany refuses a request beside too many others.
var errTooMany = errors.New("too many requests for the file at a time")

// isNew reports whether nothing was asked for yet.
func (o *Offer) isNew() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.begun
}

// begin begins a request; resumes says that the client asked for the rest of the file from a place. The error is errWithdrawn or
// errTooMany.
func (o *Offer) begin(resumes bool) (*request, error) {
	o.mu.Lock()
	r := &request{offer: o, resumes: resumes, content: io.NewSectionReader(o.what.Content, 0, o.what.Content.Size())}
	if o.withdrawn || len(o.open) == maxRequests {
		defer o.mu.Unlock()
		if o.withdrawn {
			return nil, errWithdrawn
		}
		return nil, errTooMany
	}
	o.requested++
	o.open[r] = struct{}{}
	o.mu.Unlock()
	o.notify()
	return r, nil
}

// A request is one request for the file under way.
type request struct {
	offer     *Offer
	content   *io.SectionReader
	conn      *netconn.Conn // nil before attach; guarded by the offer's lock, but for the request's own goroutine
	part      span          // the bytes that were asked for
	begun     bool          // part is known
	resumes   bool          // the client asked for the rest of the file from a place
	tried     atomic.Int64  // how many of them may have gone out
	out       atomic.Int64  // how many of them were written
	confirmed atomic.Int64  // how many of them the client's system has confirmed
}

// attach says over which connection which bytes will go.
func (r *request) attach(c *netconn.Conn, part span) error {
	o := r.offer
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.withdrawn {
		return errWithdrawn
	}
	r.conn, r.part, r.begun = c, part, true
	o.begun = true
	if len(o.begins) < maxSpans {
		o.begins = append(o.begins, part.from)
	}
	if r.resumes || part.from < o.resumed { // who asks for an earlier part does not have it
		o.resumed = part.from
	}
	for _, sent := range o.doubtful {
		if sent.from < part.from && part.from <= sent.to {
			// A client that goes on from there has what lies before, even if its last confirmation got lost with the connection.
			o.received = o.received.with(span{sent.from, part.from})
		}
	}
	for other := range o.open { // one that was cut, and has not noticed yet
		if other != r && other.begun && other.part.from < part.from && part.from <= other.part.from+other.tried.Load() {
			o.received = o.received.with(span{other.part.from, part.from})
		}
	}
	o.doubtful = o.doubtful.without(part) // it asks for that again
	return nil
}

// hasAll notes that the client says that it has the whole file.
func (r *request) hasAll() {
	r.offer.mu.Lock()
	defer r.offer.mu.Unlock()
	r.offer.begun, r.offer.resumed = true, r.offer.what.Content.Size()
}

// received returns the bytes that have arrived. The offer's lock is held.
func (r *request) received() span { return span{r.part.from, r.part.from + r.confirmed.Load()} }

// progress notes how many of the written bytes are not confirmed yet.
func (r *request) progress(unconfirmed int64) {
	if n := r.out.Load() - unconfirmed; n > r.confirmed.Load() {
		r.confirmed.Store(n)
		r.offer.notify()
	}
}

// end ends the request.
func (r *request) end() {
	o := r.offer
	o.mu.Lock()
	delete(o.open, r)
	early := r.begun && r.confirmed.Load() < r.part.to-r.part.from
	if r.begun {
		o.received = o.received.with(r.received())
	}
	if early {
		o.doubtful = o.doubtful.with(span{r.part.from, min(r.part.from+r.tried.Load(), r.part.to)})
	}
	o.cut = early && !o.wentOn(r)
	o.mu.Unlock()
	o.notify()
}

// A registry holds a server's offers.
type registry struct {
	cache  *chunkCache
	mu     sync.Mutex
	offers map[string]*Offer
	closed bool
}

// add makes an offer, under a key that is the user name if there is a password. In a registry that is closed it is
// withdrawn from the start.
func (s *registry) add(what Offering, key, path string, password secret.Secret) *Offer {
	what.Clients = slices.Clone(what.Clients)
	for i, client := range what.Clients {
		what.Clients[i] = plainAddr(client)
	}
	o := &Offer{what: what, key: key, path: path + url.PathEscape(what.Name), tag: `"` + rand.Text() + `"`, registry: s, over: make(chan struct{}), open: map[*request]struct{}{}}
	if password.IsSet() {
		o.username, o.password = key, password
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.withdrawn = s.closed; s.closed {
		close(o.over)
	} else {
		s.offers[key] = o
	}
	return o
}

func (s *registry) find(key string) *Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offers[key]
}

func (s *registry) remove(o *Offer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.offers, o.key)
}

// close withdraws everything.
func (s *registry) close() {
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

// random returns so many random bytes in hexadecimal digits.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// plainAddr returns an address in the one form in which addresses are compared: without the IPv6 form of an IPv4 address.
// The zone stays: the same link-local address on another network is another client.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap() }
