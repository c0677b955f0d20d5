package fleet_test

import (
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// TestOnlyNamedAreContacted checks that a run connects to the phones that are named and to nobody else, however many more
// there are beside them.
func TestOnlyNamedAreContacted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		first, second, other := s.phone(1, nil), s.phone(2, nil), s.phone(3, nil)
		s.net.Down(netip.MustParseAddr(hostOf(4)), syscall.ECONNREFUSED)
		s.run(first.Address(), second.Address(), hostOf(4)+":8085")
		var hosts []string
		for _, address := range s.dialed {
			host, _, err := net.SplitHostPort(address)
			fatal(t, err)
			hosts = append(hosts, host)
		}
		slices.Sort(hosts)
		if got, want := slices.Compact(hosts), []string{hostOf(1), hostOf(2), hostOf(4)}; !slices.Equal(got, want) {
			t.Errorf("it connects to %q, want %q", got, want)
		}
		if first.State().Contacts == 0 || other.State().Contacts > 0 {
			t.Errorf("contacted %d and %d times", first.State().Contacts, other.State().Contacts)
		}
	})
}
