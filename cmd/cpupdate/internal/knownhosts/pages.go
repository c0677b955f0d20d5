package knownhosts

import (
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// PolicyAmong returns what [Store.PolicyFor] returns, for one of several peers. A pin that is stated for all of them does not say which peer has
// it. So a peer whose key is known must present that key anyway.
func (h *Store) PolicyAmong(base trust.Policy, peer string, peers int) (trust.Policy, error) {
	if peers < 2 || base.Authorities != nil || len(base.Pins) == 0 {
		return h.PolicyFor(base, peer)
	}
	known, err := h.PolicyFor(trust.Policy{}, peer)
	base.Known = known.Known
	return base, err
}
