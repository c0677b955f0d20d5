package fleet

import (
	"cmp"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A change is what two words for the software of a phone come to, before and now.
type change int

const (
	unclear   change = iota // one of them cannot be read, and they are not the same word
	unchanged               // it runs what it ran
	changed                 // it runs something else
)

// change compares what the phone says that it runs with what it said before, and returns that too. A word that cannot be read as a version says
// something only if it is the very word that came by the same way: the page has words of its own. Words behind a version are
// not overlooked, since nobody knows what they say (assumed: pages have none).
func (p *phone) change() (c change, before string) {
	now := p.result.After.Version
	same, other := p.result.Before.Version, ""
	if p.interfaceSaid != (Device{}) || p.pageSays != (Device{}) {
		same, other = p.interfaceSaid.Version, p.pageSays.Version
		if p.byPage {
			same, other = other, same
		}
	}
	is := p.result.After.running()
	for _, before := range []string{same, other} {
		if was := (Device{Version: before}).running(); was != (bind.Version{}) && is != (bind.Version{}) {
			if was == is {
				return unchanged, before
			}
			return changed, before
		}
	}
	if same != "" && same == now {
		return unchanged, same
	}
	return unclear, bounded(cmp.Or(same, other, "nothing"))
}
