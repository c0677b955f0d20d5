package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// webFlags are the flags of a push to a phone's page, and the page.
func webFlags(phone *phonesim.Phone) (flags []string, page string) {
	page = phone.State().WebAddress
	_, port, _ := net.SplitHostPort(page)
	return []string{"--web", "--web-port", port, "--hw-level", "3"}, page
}

// startPagePhone starts a phone with a page.
func startPagePhone(t *testing.T, faults string) *phonesim.Phone {
	t.Helper()
	return startPhone(t, faults, func(c *phonesim.Config) { c.Web, c.Password = "127.0.0.1:0", webPassword })
}

// TestWebTerminal: on a terminal the key of a page is shown and asked about, and then the password, before anything
// begins. Only a yes goes on; it is remembered.
func TestWebTerminal(t *testing.T) {
	t.Parallel()
	image, patience := phoneImage(t), serviceFlags(t)
	phone := startPagePhone(t, noInterface)
	flags, page := webFlags(phone)
	args := append(append([]string{"push", image, phone.Address()}, flags...), patience...)
	push := func(typed, password string, want exit.Code) string {
		t.Helper()
		a, said := terminalApp(t, typed)
		asked := ""
		a.con.Ask = func(_ context.Context, question string) (string, error) {
			asked = question
			if password == "" {
				return "", io.EOF
			}
			return password, nil
		}
		if c := run(t.Context(), a, args); c != want {
			t.Errorf("typed %q: exit code %d, want %d\n%s", typed, c, want, said())
		}
		if password != "" && asked != "Password for the web page of "+phone.Address()+": " {
			t.Errorf("it asks %q", asked)
		}
		if strings.Contains(said(), webPassword) {
			t.Error("the password is shown")
		}
		return said()
	}
	pin := pinOf(t, page)
	if said := push("no\n", "", exit.CodeSettings); !strings.Contains(said, pin) || phone.State().Logins != 0 {
		t.Errorf("after a no: %d logins\n%s", phone.State().Logins, said)
	}
	push("yes\n", "", exit.CodeSettings)
	if said := push("yes\n", webPassword, exit.CodeOK); !strings.Contains(said, "now has the key of "+page) || phone.State().Version.String() != versionNew {
		t.Errorf("after a yes the phone runs %s\n%s", phone.State().Version, said)
	}
}

// TestWebMany pushes to the pages of several phones, of which one refuses the image, with one key each and one rate for
// all.
func TestWebMany(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		lines := []string{"address,hw_level"}
		args := []string{"push", image, "--web", "--limit-rate", "4M", "--password-file", clitest.File(s.t, "secret", []byte(webPassword))}
		var phones []*phonesim.Phone
		for _, faults := range []string{"", noInterface, "web-refuses"} {
			phone, pin := s.pagePhone(faults, nil)
			lines, args, phones = append(lines, phone.Address()+",3"), append(args, "--pin", pin), append(phones, phone)
		}
		args = append(args, "--phones", listOf(s.t, lines...))
		r := s.run(s.t.Context(), args...)
		r.check(s.t, args)
		for _, want := range []string{"3 phones: 2 updated, 1 page-refused", "Keep the phones on LAN and power until they are done."} {
			if !strings.Contains(r.out, want) {
				s.t.Errorf("it does not say %q", want)
			}
		}
		if r.code != exit.CodePartial || !strings.Contains(r.errOut, "cpupdate: 1 of 3 phones is not updated: "+phones[2].Address()+" (page-refused)") {
			s.t.Errorf("exit code %d", r.code)
		}
		for i, want := range []string{versionNew, versionNew, versionOld} {
			if got := phones[i].State().Version.String(); got != want {
				s.t.Errorf("phone %d runs %s, want %s", i+1, got, want)
			}
		}
		if s.t.Failed() {
			s.t.Logf("%s\n%s", r.out, r.errOut)
		}
	})
}

// TestWebOnePage: two phones of one list with one page are refused before any of them is spoken to.
func TestWebOnePage(t *testing.T) {
	t.Parallel()
	phone := startPagePhone(t, "")
	flags, page := webFlags(phone)
	args := append([]string{"push", phoneImage(t), phone.Address(), "127.0.0.1:1", "--pin", pinOf(t, page), "--password-file", clitest.File(t, "secret", []byte(webPassword))}, flags...)
	r := runHere(t, nil, args...)
	if r.code != exit.CodeSettings || !strings.Contains(r.errOut, phone.Address()+" and 127.0.0.1:1 are the same phone: both have the web page "+page) {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
	if state := phone.State(); state.Logins != 0 || state.Contacts != 0 {
		t.Errorf("it was spoken to: %+v", state)
	}
}
