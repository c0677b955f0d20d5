package transfer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// eachSafe runs a test for the servers that are spoken to by TLS.
func eachSafe(t *testing.T, test func(t *testing.T, m model)) {
	t.Helper()
	each(t, slices.DeleteFunc(models(), func(m model) bool { return !m.tls }), test)
}

// TestServersTrust has all that can be known of a server's key: nothing is sent to one that is not to be trusted.
func TestServersTrust(t *testing.T) {
	t.Parallel()
	eachSafe(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		other := m.start(t, realservers.Options{})
		for _, c := range []struct {
			name    string
			trust   trust.Policy
			trusted bool
		}{
			{"authority", s.server.Trust(), true},
			{"another authority", other.server.Trust(), false},
			{"pin", trust.Policy{Pins: []trust.Pin{s.server.Pin}}, true},
			{"one of two pins", trust.Policy{Pins: []trust.Pin{other.server.Pin, s.server.Pin}}, true},
			{"wrong pin", trust.Policy{Pins: []trust.Pin{other.server.Pin}}, false},
			{"authority and pin", trust.Policy{Authorities: s.server.Authorities, Pins: []trust.Pin{s.server.Pin}}, true},
			{"authority and wrong pin", trust.Policy{Authorities: s.server.Authorities, Pins: []trust.Pin{other.server.Pin}}, false},
			{"pin and another authority", trust.Policy{Authorities: other.server.Authorities, Pins: []trust.Pin{s.server.Pin}}, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				s.empty(t)
				file := content(0)
				got := s.put(t, transfer.Options{Trust: c.trust, Retries: 2}, upload(file))
				if c.trusted {
					got.succeeds(t)
					s.holds(t, only(file))
					return
				}
				s.distrusted(t, got, len(c.trust.Pins) > 0 && c.trust.Pins[0] != s.server.Pin)
			})
		}
	})
}

// distrusted looks at the error of a server that is not to be trusted. It names the key, so that it can be pinned.
func (s site) distrusted(t *testing.T, got outcome, pinned bool) {
	t.Helper()
	got.fails(t, transfer.KindTrust)
	e := got.failure(t)
	trust := (*trust.Error)(nil)
	switch {
	case !errors.As(got.err, &trust):
		t.Errorf("%v is no TrustError", got.err)
	case trust.Presented != s.server.Pin || trust.Pinned != pinned || !strings.Contains(e.Error(), s.server.Pin.String()):
		t.Errorf("%+v: %v", trust, e)
	}
	if got.count(transfer.StepRetry, "") != 0 || got.count(transfer.StepDialog, "> PASS") != 0 || got.count(transfer.StepSend, "") != 0 {
		t.Error(got.events)
	}
	s.holds(t, nothing())
}

// TestServersSystemTrust has the authorities of the system decide, who do not know the server.
func TestServersSystemTrust(t *testing.T) {
	t.Parallel()
	eachSafe(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		told := &events{}
		l, err := put(t.Context(), s.access, transfer.Options{Event: told.add}, upload(content(0)))
		got := outcome{l, err, told}
		s.examine(t, got)
		s.distrusted(t, got, false)
	})
}

// TestServersTLS12 has servers that know no newer TLS. ProFTPD wants the session resumed, and gives out no ticket for it.
func TestServersTLS12(t *testing.T) {
	t.Parallel()
	eachSafe(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{MaxTLS12: true})
		if m.kind == realservers.ProFTPD {
			got := s.put(t, transfer.Options{Retries: 2}, upload(content(0)))
			got.fails(t, transfer.KindTLS, transfer.KindBroken)
			if e := got.failure(t); !strings.Contains(e.Error(), "425 Unable to build data connection: Operation not permitted") {
				t.Errorf("%v; want the server's words", e)
			}
			s.eventuallyHolds(t, nothing())
			return
		}
		putMany(t, s)
	})
}

func TestServersIPv6(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{IPv6: true})
		file := content(1 << 20)
		u := upload(file)
		u.ReadBack = true
		for _, server := range []string{s.access.Server, "[" + s.access.Server + "]"} {
			if m.isFTP() {
				s.access.Server = server
			}
			got := s.put(t, transfer.Options{}, u)
			got.succeeds(t)
			s.holds(t, only(file))
			s.fits(t, got.Location, name, file)
			if !strings.Contains(got.URL, "://[::1]") {
				t.Error(got.URL)
			}
		}
	})
}

// TestServersDigest has a server that tells a file's SHA-256.
func TestServersDigest(t *testing.T) {
	t.Parallel()
	each(t, []model{{realservers.ProFTPD, false}, {realservers.ProFTPD, true}}, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{Hash: true})
		file := content(1<<20 + 3)
		for _, inPlace := range []bool{false, true} {
			u := upload(file)
			u.InPlace = inPlace
			got := s.put(t, transfer.Options{}, u)
			got.succeeds(t)
			s.holds(t, only(file))
			s.fits(t, got.Location, name, file)
			if !slices.Contains(got.Proofs, transfer.ProofDigest) {
				t.Errorf("proofs: %q", got.Proofs)
			}
		}
	})
}

// TestServersOddPassword has a password with everything in it that could be mistaken, and a wrong one as odd.
func TestServersOddPassword(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{Password: `-x y%41 "q' $HOME;@`})
		file := content(0)
		s.put(t, transfer.Options{}, upload(file)).succeeds(t)
		s.holds(t, only(file))
	})
}
