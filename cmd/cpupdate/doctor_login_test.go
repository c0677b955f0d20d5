package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// doctorPhones starts phones whose pages have the same port, and returns the flags of --web for them. It counts the
// wrong passwords that the pages receive.
func doctorPhones(t *testing.T, macs []string, change func(i int, c *phonesim.Config)) (phones []*phonesim.Phone, args []string, wrong *atomic.Int32) {
	t.Helper()
	wrong = &atomic.Int32{}
	places := phonesAtOnePort(t, "127.0.11.", len(macs))
	lines := []string{"address,mac"}
	for i, mac := range macs {
		phone := simulatedPhone(t, "", func(c *phonesim.Config) {
			c.Listen, c.Web, c.MAC = places[i].contact, places[i].web, "00:1A:E8:00:00:0"+string(rune('1'+i))
			c.Event = func(e phonesim.Event) {
				if e.Kind == phonesim.NoLogin {
					wrong.Add(1)
				}
			}
			change(i, c)
		})
		args = append(args, "--pin", pinOf(t, phone.State().WebAddress))
		lines, phones = append(lines, phone.Address()+","+mac), append(phones, phone)
	}
	args = append(args, "--web", "--web-port", places[0].webPort(), "--phones", listOf(t, lines...), "--listen", "127.0.0.1:0", "--advertise", "127.0.0.1")
	return phones, append(args, oneCertificate(t)...), wrong
}

// statesOf returns the states of a check, phone by phone.
func statesOf(doc doctorAnswer, group, check string) string {
	var states []string
	for _, f := range doc.Checks {
		if f.Group == group && f.Check == check {
			states = append(states, f.State)
		}
	}
	return strings.Join(states, " ")
}

func doctorJSON(t *testing.T, change func(*app), args ...string) (exit.Code, doctorAnswer, string) {
	t.Helper()
	a, out, errOut := testApp(t, nil)
	a.dial = transfer.Dial
	change(a)
	c := run(t.Context(), a, append([]string{"doctor", "--json"}, args...))
	var doc doctorAnswer
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	return c, doc, out.String() + errOut.String()
}

// TestDoctorWrongPassword checks that a password that one page rejects is sent to no other page: it could lock each of
// them.
func TestDoctorWrongPassword(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults string
		want   string
	}{
		"wrong":      {"", "rejects the password"},
		"locked out": {"web-password-suspended", "is locked, and accepts no password for now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, args, wrong := doctorPhones(t, []string{"", "", ""}, func(_ int, config *phonesim.Config) {
				if err := config.AddFault(c.faults); c.faults != "" && err != nil {
					t.Fatal(err)
				}
			})
			ended, doc, said := doctorJSON(t, func(a *app) { a.pass.Variable = secret.New("wr0ng-canary") }, args...)
			if n := wrong.Load(); n != 1 || ended != exit.CodeSettings {
				t.Errorf("%d logins with a wrong password, exit code %d\n%s", n, ended, said)
			}
			if got := statesOf(doc, "web page", "login"); got != "failed skipped skipped" {
				t.Errorf("logins: %s", got)
			}
			if got := statesOf(doc, "web page", "start"); got != "ok ok ok" {
				t.Errorf("start pages: %s", got)
			}
			if !slices.ContainsFunc(lines(doc), func(l string) bool {
				return strings.HasPrefix(l, "web page/login skipped skipped: the page of 127.0.11.1:") && strings.Contains(l, c.want)
			}) || strings.Contains(said, "wr0ng") {
				t.Errorf("%s", said)
			}
		})
	}
}

// TestDoctorOtherPhone checks that the password is sent to no phone but the right one, and that a route to another
// phone fails.
func TestDoctorOtherPhone(t *testing.T) {
	t.Parallel()
	const first, second, other = "00:1A:E8:00:00:01", "00:1A:E8:00:00:02", "00:1A:E8:00:00:99"
	for name, c := range map[string]struct {
		macs   []string
		change func(i int, c *phonesim.Config)
		want   map[string]string // states, by GROUP/CHECK
		logins int
		code   exit.Code
	}{
		"as listed": {[]string{first, second}, nil, map[string]string{"phone/call-back": "ok ok", "web page/form": "ok ok"}, 2, exit.CodeOK},
		"another calls": {[]string{other, second}, nil, map[string]string{
			"phone/call-back": "failed ok", "web page/port": "ok ok", "web page/certificate": "skipped ok", "web page/start": "skipped ok", "web page/login": "skipped ok", "web page/form": "skipped ok",
		}, 1, exit.CodeSettings},
		"one twice": {[]string{"", ""}, func(_ int, c *phonesim.Config) { c.MAC = first }, map[string]string{"web page/certificate": "ok skipped|skipped ok"}, 1, exit.CodeSettings},
		// Without call-backs, the page alone identifies the phone.
		"another page": {[]string{other, second}, silentInterface, map[string]string{
			"phone/contact-port": "warning warning", "web page/start": "ok ok", "web page/login": "ok ok", "web page/form": "failed ok",
		}, 2, exit.CodeSettings},
		"one page twice": {[]string{"", ""}, func(i int, c *phonesim.Config) {
			silentInterface(i, c)
			c.MAC = first
		}, map[string]string{"web page/form": "ok failed"}, 2, exit.CodeSettings},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change := c.change
			if change == nil {
				change = func(int, *phonesim.Config) {}
			}
			phones, args, _ := doctorPhones(t, c.macs, change)
			ended, doc, said := doctorJSON(t, func(a *app) { a.pass.Variable = secret.New(phonesim.DefaultPassword) }, args...)
			for id, want := range c.want {
				group, check, _ := strings.Cut(id, "/")
				if got := statesOf(doc, group, check); !slices.Contains(strings.Split(want, "|"), got) {
					t.Errorf("%s: %s, want %s", id, got, want)
				}
			}
			logins := 0
			for _, p := range phones {
				logins += p.State().Logins
			}
			if logins != c.logins || ended != c.code || doc.OK != (c.code == exit.CodeOK) {
				t.Errorf("%d logins, exit code %d, want %d and %d", logins, ended, c.logins, c.code)
			}
			if t.Failed() {
				t.Log(said)
			}
		})
	}
}

// TestDoctorLogsOut checks that each page is logged out once, even if no form was found.
func TestDoctorLogsOut(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "web-no-form"} {
		var in, out atomic.Int32
		_, args, _ := doctorPhones(t, []string{"", ""}, func(_ int, c *phonesim.Config) {
			if err := c.AddFault(fault); fault != "" && err != nil {
				t.Fatal(err)
			}
			c.Event = func(e phonesim.Event) {
				switch e.Kind { //nolint:exhaustive // the others do not matter
				case phonesim.LoggedIn:
					in.Add(1)
				case phonesim.LoggedOut:
					out.Add(1)
				}
			}
		})
		_, _, said := doctorJSON(t, func(a *app) { a.pass.Variable = secret.New(phonesim.DefaultPassword) }, args...)
		if in.Load() != 2 || out.Load() != 2 {
			t.Errorf("%q: %d logins and %d logouts for two pages\n%s", fault, in.Load(), out.Load(), said)
		}
	}
}

func silentInterface(_ int, c *phonesim.Config) { _ = c.AddFault(noInterface) }

// TestDoctorAsksLate checks that on a terminal the password is prompted for once, and only after a page has presented a
// trusted key.
func TestDoctorAsksLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pinned bool
		flags  []string
		asked  int
		typed  string
		code   exit.Code
	}{
		"trusted":               {true, nil, 1, phonesim.DefaultPassword, exit.CodeOK},
		"trusted, and --stdin":  {true, []string{"--password-stdin"}, 1, phonesim.DefaultPassword, exit.CodeOK},
		"nothing typed":         {true, nil, 1, "", exit.CodeSettings},
		"a stranger":            {false, nil, 0, phonesim.DefaultPassword, exit.CodeSettings},
		"a stranger, and stdin": {false, []string{"--password-stdin"}, 0, phonesim.DefaultPassword, exit.CodeSettings},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, args, _ := doctorPhones(t, []string{"", ""}, silentInterface)
			if !c.pinned {
				args = slices.DeleteFunc(args, func(s string) bool { return s == "--pin" || strings.HasPrefix(s, "sha256:") })
			}
			asked := 0
			ended, _, said := doctorJSON(t, func(a *app) {
				a.con.InTerminal = true
				a.con.Ask = func(context.Context, string) (string, error) {
					asked++
					return c.typed, nil
				}
			}, append(args, c.flags...)...)
			if asked != c.asked || ended != c.code || c.code == exit.CodeOK && strings.Contains(said, "no password given") {
				t.Errorf("asked %d times, exit code %d, want %d and %d\n%s", asked, ended, c.asked, c.code, said)
			}
		})
	}
}

// TestDoctorKeepsPassword checks that the password is not shown, even if a phone repeats it anywhere in its texts.
func TestDoctorKeepsPassword(t *testing.T) {
	t.Parallel()
	const canary = "canary-71c0"
	for name, silent := range map[string]bool{"called": false, "by the page alone": true} {
		_, args, _ := doctorPhones(t, []string{""}, func(i int, c *phonesim.Config) {
			c.Password, c.SoftwareType, c.PartNumber = canary, "type "+canary, canary
			if silent {
				silentInterface(i, c)
			}
		})
		_, doc, said := doctorJSON(t, func(a *app) { a.pass.Variable = secret.New(canary) }, append(args, "--verbose")...)
		if got := statesOf(doc, "web page", "form"); got != "ok" || strings.Contains(said, canary) {
			t.Errorf("%s: the form is %s\n%s", name, got, said)
		}
	}
}
