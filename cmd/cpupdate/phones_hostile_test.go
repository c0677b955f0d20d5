package main

import (
	"net"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestHostilePhones asks, checks and updates phones that say what nobody should: no output has a control character or
// their password in it, whatever the format.
func TestHostilePhones(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
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
			for _, format := range [][]string{{"--json"}, {"--verbose"}, {"--json", "--verbose"}} {
				more := append(append([]string{}, flags...), format...)
				phone := startPhone(t, test.faults, nil)
				r := runHere(t, nil, append([]string{"phone", phone.Address()}, more...)...)
				checkPlain(t, r.out+r.errOut)
				if r.code != test.phone {
					t.Errorf("phone ends with %d\n%s", r.code, r.errOut)
				}
				r = runHere(t, nil, append([]string{"check", image, phone.Address(), "--hw-level", "3"}, more...)...)
				checkPlain(t, r.out+r.errOut)
				if r.code == exit.CodeInternal {
					t.Errorf("check ends with %d\n%s", r.code, r.errOut)
				}
				a, out, errOut := testApp(t, nil)
				c := run(t.Context(), a, append([]string{"push", image, phone.Address(), "--serve", "--hw-level", "3"}, more...))
				checkPlain(t, out.String()+errOut.String())
				if c != test.push {
					t.Errorf("push ends with %d, want %d\n%s", c, test.push, errOut)
				}
				if format[0] == "--json" {
					lines := pushLines(t, out.String())
					if e := lastLine(t, lines).Error; test.kind == "" && e != nil || test.kind != "" && (e == nil || e.Kind != test.kind) {
						t.Errorf("it ends with %+v, want %q", e, test.kind)
					}
				}
			}
		})
	}
}

// TestWrongPhones pushes to phones that are not those that are meant: they are told nothing.
func TestWrongPhones(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
	closed := startPhone(t, "", nil)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	other := func(c *phonesim.Config) { c.MAC = "00:1A:E8:00:00:02" }
	otherPhone := startPhone(t, "", other)
	for _, test := range []struct {
		name  string
		list  []string
		code  exit.Code
		kinds string // that the summary counts
	}{
		{"nobody there", []string{"address,hw_level", closed.Address() + ",3"}, exit.CodeUnreachable, "unreachable"},
		{"another MAC", []string{"address,mac,hw_level", otherPhone.Address() + ",00:1A:E8:00:00:09,3"}, exit.CodeSettings, "another-phone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, out, errOut := testApp(t, nil)
			c := run(t.Context(), a, append([]string{"push", image, "--phones", listOf(t, test.list...), "--serve", "--json"}, flags...))
			if c != test.code || !strings.Contains(out.String(), `"`+test.kinds+`":1`) {
				t.Errorf("exit code %d, want %d and %s\n%s%s", c, test.code, test.kinds, out, errOut)
			}
			if instructed := otherPhone.State().Instructed; instructed != 0 {
				t.Errorf("a phone was told %d times", instructed)
			}
		})
	}
}

// TestOnePhoneTwice names a phone under two names: one of them is updated, and once.
func TestOnePhoneTwice(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
	phone := startPhone(t, "", nil)
	_, port, err := net.SplitHostPort(phone.Address())
	if err != nil {
		t.Fatal(err)
	}
	a, out, errOut := testApp(t, nil)
	list := listOf(t, "address,hw_level", "127.0.0.1:"+port+",3", "localhost:"+port+",3")
	c := run(t.Context(), a, append([]string{"push", image, "--phones", list, "--serve", "--json"}, flags...))
	lines := pushLines(t, out.String())
	summary := lines[len(lines)-1]
	if c != exit.CodePartial || summary.Failures["twice"] != 1 || summary.Outcomes["updated"] != 1 || phone.State().Instructed != 1 {
		t.Errorf("exit code %d, told %d times\n%s%s", c, phone.State().Instructed, out, errOut)
	}
}
