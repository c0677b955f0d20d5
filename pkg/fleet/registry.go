package fleet

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A registry knows where the phones of a run are and which MAC addresses they have, so that a call finds its phone and no
// phone is taken for two. It is safe for concurrent use.
type registry struct {
	mu    sync.Mutex
	byIP  map[netip.Addr][]*phone // phones that were contacted
	byMAC map[string]*phone
	pages map[netip.AddrPort]*phone // whose web pages were or will be visited
}

// A place is what a registry knows about one phone.
type place struct {
	remote    netip.AddrPort // where it takes contact requests, set once: a name that leads elsewhere later leads to another phone
	contacted netip.AddrPort // where it took the last one, which may be the alternative port
	local     netip.Addr     // the address of this machine that the phone reaches
	mac       string         // the MAC address that it said
}

func newRegistry() *registry {
	return &registry{byIP: map[netip.Addr][]*phone{}, byMAC: map[string]*phone{}, pages: map[netip.AddrPort]*phone{}}
}

// forget forgets what an earlier plan noted of the phones of this one.
func (r *registry) forget(phones []*phone) {
	again := map[string]bool{}
	for _, p := range phones {
		again[p.address] = true
	}
	stale := func(p *phone) bool { return again[p.address] }
	r.mu.Lock()
	defer r.mu.Unlock()
	for ip, there := range r.byIP {
		if there = slices.DeleteFunc(there, stale); len(there) > 0 {
			r.byIP[ip] = there
		} else {
			delete(r.byIP, ip)
		}
	}
	maps.DeleteFunc(r.byMAC, func(_ string, p *phone) bool { return stale(p) })
	maps.DeleteFunc(r.pages, func(_ netip.AddrPort, p *phone) bool { return stale(p) })
}

// placeOf returns what is known about a phone.
func (r *registry) placeOf(p *phone) place {
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.place
}

// at returns the phones that were contacted at an address.
func (r *registry) at(remote netip.Addr) []*phone {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.byIP[remote.Unmap()])
}

// caller returns the phone that a call is from, or nil. It is one that was contacted at the address from which the call
// comes: the one that takes contact requests on the port that the call states, else the one whose MAC address it says, since
// behind a router the port may be another. A call that says neither is from the phone whose conversation it is, or from the
// only phone there; that one's call may state another port too, unless it says another MAC address than is known of it.
func (r *registry) caller(c wpi.Call) *phone {
	said, _ := c.Message.Value(wpi.ItemMAC)
	port, stated := contactPort(c.Message)
	owner, _ := c.Session.Owner.(*phone)
	r.mu.Lock()
	defer r.mu.Unlock()
	there := r.byIP[c.Remote.Unmap()]
	var found *phone
	for _, p := range there {
		if stated && p.place.remote.Port() == port {
			found = p
		}
	}
	if found == nil {
		found = r.withMAC(there, said)
	}
	switch {
	case found != nil:
	case !stated && slices.Contains(there, owner):
		found = owner
	case len(there) == 1 && (owner == nil || owner == there[0]) && (!stated || there[0].mayHave(said)):
		found = there[0]
	}
	if found != nil {
		c.Session.Owner = found
	}
	return found
}

// withMAC returns the phone that has, or should have, a MAC address. The lock is held.
func (r *registry) withMAC(there []*phone, said string) *phone {
	parsed, err := hwcheck.ParseMAC(said)
	if err != nil {
		return nil
	}
	for _, p := range there {
		if p.target.MAC == parsed || r.byMAC[parsed] == p {
			return p
		}
	}
	return nil
}

// mayHave reports whether nothing that is known contradicts that the phone has a MAC address. The registry's lock is held.
func (p *phone) mayHave(said string) bool {
	parsed, err := hwcheck.ParseMAC(said)
	if err != nil {
		return true
	}
	return (p.target.MAC == "" || p.target.MAC == parsed) && (p.place.mac == "" || p.place.mac == parsed)
}

// contactPort returns the port on which a phone says that it takes contact requests. Phones have no default port for this:
// an address without a port states none.
func contactPort(m *wpi.PhoneMessage) (uint16, bool) {
	text, ok := m.Value(wpi.ItemContactURI)
	if !ok {
		return 0, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return 0, false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return uint16(port), err == nil
}

// errTwice reports a phone that is reached under two addresses of the plan.
var errTwice = errors.New("another phone of the plan has this address")

// reached notes where a phone was reached, unless another of the plan is there, or it was somewhere else before.
func (r *registry) reached(p *phone, remote netip.AddrPort, c wpi.Contacted) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.place.remote.IsValid() && p.place.remote != remote {
		return fmt.Errorf("its name resolves to %s now, and resolved to %s before", remote.Addr(), p.place.remote.Addr())
	}
	p.place.contacted, p.place.local = c.Remote, c.Local
	if p.place.remote.IsValid() {
		return nil
	}
	for _, other := range r.byIP[remote.Addr()] {
		if other.place.remote == remote {
			return errTwice
		}
	}
	p.place.remote = remote
	r.byIP[remote.Addr()] = append(r.byIP[remote.Addr()], p)
	return nil
}

// visited notes at which address the web page of a phone was visited: from there it fetches.
func (r *registry) visited(p *phone, remote netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if there := r.byIP[remote]; !slices.Contains(there, p) {
		r.byIP[remote] = append(there, p)
	}
}

// claimMAC notes the MAC address of a phone, and reports whether no other phone of the plan has it. What cannot be read as
// one tells no phones apart.
func (r *registry) claimMAC(p *phone, said string) bool {
	parsed, err := hwcheck.ParseMAC(said)
	if err != nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.byMAC[parsed]; other != nil && other != p {
		return false
	}
	r.byMAC[parsed] = p
	p.place.mac = parsed
	return true
}

// claimPages notes where the web page of a phone is, unless it is that of another phone of the plan.
func (r *registry) claimPages(p *phone, port uint16, found []netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ip := range found {
		page := netip.AddrPortFrom(ip.Unmap(), port)
		if other := r.pages[page]; other != nil && other != p {
			return failf(KindDuplicate, "its web page, %s, belongs to another phone of the plan", page)
		}
		r.pages[page] = p
	}
	return nil
}

// request returns the next contact request. From the time that the phone was reached on, its name is not looked up again.
func (p *phone) request() wpi.Contact {
	o := p.runner.options
	host, port, _ := net.SplitHostPort(p.address) // ContactAddress wrote it
	if known := p.runner.registry.placeOf(p).remote.Addr(); known.IsValid() {
		host = known.String()
	}
	request := wpi.Contact{Address: net.JoinHostPort(host, port), Back: p.plan.Back, Timeout: o.Timeout, Dial: o.connect}
	if port == hwcheck.ContactPort {
		request.AltAddress = net.JoinHostPort(host, o.AltPort)
	}
	request.Reached = func(c wpi.Contacted) error {
		n, _ := strconv.ParseUint(port, 10, 16)
		return p.runner.registry.reached(p, netip.AddrPortFrom(c.Remote.Addr(), uint16(n)), c)
	}
	return request
}

// shared reports whether several phones of the plan have the phone's IP address.
func (p *phone) shared() bool {
	return len(p.runner.registry.at(p.runner.registry.placeOf(p).remote.Addr())) > 1
}
