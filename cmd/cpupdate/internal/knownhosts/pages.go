package knownhosts

import (
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// PolicyAmong is policyFor for one of several peers. Keys that are stated for all of them are no word on which of them has
// which: whose key is known has to show that one all the same.
func (h *Store) PolicyAmong(base trust.Policy, peer string, peers int) (trust.Policy, error) {
	if peers < 2 || base.Authorities != nil || len(base.Pins) == 0 {
		return h.PolicyFor(base, peer)
	}
	known, err := h.PolicyFor(trust.Policy{}, peer)
	base.Known = known.Known
	return base, err
}
