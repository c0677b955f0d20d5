package fleet

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// caller returns the phone that a call is from, or nil. It is one that was contacted at the address from which the call
// comes: the one that takes contacts on the port that the call states, else the one whose MAC address it says, since behind
// a router the port may be another. A call that says neither is from whose conversation it is, or from the only phone there;
// that one's call may state another port too, unless it says another MAC address than is known of it.
func (r *Runner) caller(c wpi.Call) *phone {
	said, _ := c.Message.Value(wpi.ItemMAC)
	port, stated := contactPort(c.Message)
	owner, _ := c.Session.Owner.(*phone)
	r.mu.Lock()
	defer r.mu.Unlock()
	there := r.byIP[c.Remote.Unmap()]
	var found *phone
	for _, p := range there {
		if stated && p.remote.Port() == port {
			found = p
		}
	}
	if found == nil {
		found = r.byMAC(there, said)
	}
	switch {
	case found != nil:
	case !stated && slices.Contains(there, owner):
		found = owner
	case len(there) == 1 && (owner == nil || owner == there[0]) && (!stated || there[0].mayBe(said)):
		found = there[0]
	}
	if found != nil {
		c.Session.Owner = found
	}
	return found
}

// byMAC returns the phone that has, or should have, a MAC address. The runner's mutex is held.
func (r *Runner) byMAC(there []*phone, said string) *phone {
	parsed, err := hwcheck.ParseMAC(said)
	if err != nil {
		return nil
	}
	for _, p := range there {
		if p.target.MAC == parsed || r.macs[parsed] == p {
			return p
		}
	}
	return nil
}

// mayBe reports whether nothing that is known speaks against the phone having a MAC address. The runner's mutex is held.
func (p *phone) mayBe(said string) bool {
	parsed, err := hwcheck.ParseMAC(said)
	if err != nil {
		return true
	}
	return (p.target.MAC == "" || p.target.MAC == parsed) && (p.claimed == "" || p.claimed == parsed)
}

// contactPort is the port on which a phone says that it takes contacts. No port is none: phones have one of their own.
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

// reached notes where a phone was reached, unless another of the plan is there, or it was somewhere else before.
func (r *Runner) reached(p *phone, remote netip.AddrPort, c wpi.Contacted) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.remote.IsValid() && p.remote != remote {
		return fmt.Errorf("its name leads to %s now, and led to %s", remote.Addr(), p.remote.Addr())
	}
	p.door, p.local = c.Remote, c.Local
	if p.remote.IsValid() {
		return nil
	}
	for _, other := range r.byIP[remote.Addr()] {
		if other.remote == remote {
			return errTwice
		}
	}
	p.remote = remote
	r.byIP[remote.Addr()] = append(r.byIP[remote.Addr()], p)
	return nil
}

// claim notes the MAC address of a phone, unless another of the plan has it. What cannot be read as one tells no phones
// apart.
func (r *Runner) claim(p *phone, said string) bool {
	parsed, err := hwcheck.ParseMAC(said)
	if err != nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.macs[parsed]; other != nil && other != p {
		return false
	}
	r.macs[parsed] = p
	p.claimed = parsed
	return true
}

// at returns the phones that were contacted at an address.
func (r *Runner) at(remote netip.Addr) []*phone {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byIP[remote.Unmap()]
}
