package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestHostilePhones asks, checks and updates phones that say what nobody should: no output has a control character or
// their password in it, whatever the format.
func TestHostilePhones(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	for _, test := range []struct {
		faults      string
		phone, push exit.Code
		kind        string // of the bad end of push, "" for none
	}{
		{faults: "hostile-text", push: exit.CodeRefused, kind: "refused"},
		{faults: "user-pwd", push: exit.CodeOK},
		{faults: "user-pwd fragments failed-items padded", push: exit.CodeOK},
		{faults: "hostile-text fragments user-pwd never-version", push: exit.CodeRefused, kind: "refused"},
		{faults: "huge-message user-pwd", phone: exit.CodeRejected, push: exit.CodeRejected, kind: "garbled"},
		{faults: "bad-xml user-pwd hostile-text", phone: exit.CodeRejected, push: exit.CodeRejected, kind: "garbled"},
	} {
		t.Run(test.faults, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				for _, format := range [][]string{{"--json"}, {"--verbose"}, {"--json", "--verbose"}} {
					phone := s.phone(test.faults, nil)
					r := s.run(s.t.Context(), append([]string{"phone", phone.Address()}, format...)...)
					checkPlain(s.t, r.out+r.errOut)
					if r.code != test.phone {
						s.t.Errorf("phone ends with %d\n%s", r.code, r.errOut)
					}
					r = s.run(s.t.Context(), append([]string{"check", image, phone.Address(), "--hw-level", "3"}, format...)...)
					checkPlain(s.t, r.out+r.errOut)
					if r.code == exit.CodeInternal {
						s.t.Errorf("check ends with %d\n%s", r.code, r.errOut)
					}
					r = s.run(s.t.Context(), append([]string{"push", image, phone.Address(), "--serve", "--hw-level", "3"}, format...)...)
					checkPlain(s.t, r.out+r.errOut)
					if r.code != test.push {
						s.t.Errorf("push ends with %d, want %d\n%s", r.code, test.push, r.errOut)
					}
					if format[0] == "--json" {
						lines := pushLines(s.t, r.out)
						if e := lastLine(s.t, lines).Error; test.kind == "" && e != nil || test.kind != "" && (e == nil || e.Kind != test.kind) {
							s.t.Errorf("it ends with %+v, want %q", e, test.kind)
						}
					}
				}
			})
		})
	}
}

// TestWrongPhones pushes to phones that are not those that are meant: they are told nothing.
func TestWrongPhones(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		closed, other := s.phone("", nil), s.phone("", nil)
		if err := closed.Close(); err != nil {
			s.t.Fatal(err)
		}
		for _, test := range []struct {
			name  string
			list  []string
			code  exit.Code
			kinds string // that the summary counts
		}{
			{"nobody there", []string{"address,hw_level", closed.Address() + ",3"}, exit.CodeUnreachable, "unreachable"},
			{"another MAC", []string{"address,mac,hw_level", other.Address() + ",00:1A:E8:00:00:09,3"}, exit.CodeSettings, "another-phone"},
		} {
			r := s.run(s.t.Context(), "push", image, "--phones", listOf(s.t, test.list...), "--serve", "--json")
			if r.code != test.code || !strings.Contains(r.out, `"`+test.kinds+`":1`) {
				s.t.Errorf("%s: exit code %d, want %d and %s\n%s%s", test.name, r.code, test.code, test.kinds, r.out, r.errOut)
			}
		}
		if instructed := other.State().Instructed; instructed != 0 {
			s.t.Errorf("a phone was told %d times", instructed)
		}
	})
}

// TestOnePhoneTwice names a phone under two names: one of them is updated, and once.
func TestOnePhoneTwice(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		phone := s.phone("", nil)
		s.net.Name("phone.example", netip.MustParseAddrPort(phone.Address()).Addr())
		list := listOf(s.t, "address,hw_level", phone.Address()+",3", "phone.example,3")
		r := s.run(s.t.Context(), "push", image, "--phones", list, "--serve", "--json")
		lines := pushLines(s.t, r.out)
		summary := lines[len(lines)-1]
		if r.code != exit.CodePartial || summary.Failures["twice"] != 1 || summary.Outcomes["updated"] != 1 || phone.State().Instructed != 1 {
			s.t.Errorf("exit code %d, told %d times\n%s%s", r.code, phone.State().Instructed, r.out, r.errOut)
		}
	})
}
