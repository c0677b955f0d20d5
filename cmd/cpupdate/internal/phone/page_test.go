package phone

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestSameModel compares what phones report with what their pages say.
func TestSameModel(t *testing.T) {
	for _, test := range []struct {
		device, model string
		same          bool
	}{
		{"OpenStage 40", "OpenStage 40", true},
		{"OpenStage 60", "OpenStage 60G", true},
		{"OpenStage 60 G", "openstage  60", true},
		{"OpenScape Desk Phone CP600", "CP600", true},
		{"OpenScape Desk Phone CP600", "OpenScape Desk Phone CP600", true},
		{"OpenScape Desk Phone CP600", "Desk Phone CP600", true},
		{"OpenScape Desk Phone CP600", "P600", false},
		{"OpenScape Desk Phone CP600", "CP600E", false},
		{"OpenScape Desk Phone CP600", "CP60", false},
		{"OpenStage 40", "OpenStage 60", false},
		{"OpenStage 40", "OpenStage 40 \x1b[31m", false},
		{"Something", "Something G", false},
		{"OpenStage 40", "Printer", false},
	} {
		if got := sameModel(test.device, test.model); got != test.same {
			t.Errorf("%q and %q: %v", test.device, test.model, got)
		}
	}
}

// TestOtherAddress compares the address that was named with that of the page.
func TestOtherAddress(t *testing.T) {
	for _, test := range []struct{ named, ipv4, ipv6, want string }{
		{"192.0.2.50", "192.0.2.50", "", ""},
		{"192.0.2.50:8085", "192.0.2.51", "", "192.0.2.51"},
		{"192.0.2.50", "", "2001:db8::1", ""},
		{"192.0.2.50", "0.0.0.0", "", "0.0.0.0"},
		{"192.0.2.50", "none", "", "none"},
		{"phone.example", "192.0.2.51", "", ""},
		{"[2001:db8::1]:8085", "192.0.2.51", "2001:DB8:0::1", ""},
		{"2001:db8::1", "", "2001:db8::2", "2001:db8::2"},
		{"fe80::1%eth0", "", "fe80::1", ""},
	} {
		if got := otherAddress(test.named, wbm.Banner{IPv4: test.ipv4, IPv6: test.ipv6}); got != test.want {
			t.Errorf("%s: %q, want %q", test.named, got, test.want)
		}
	}
}

// answersOf are those of a phone that called, one that did not and has a page, and one that has neither.
func answersOf() []answer {
	device := fleet.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify HFA", Version: "V1 R4.9.0", MAC: "00:1A:E8:00:00:01"}
	targets := []fleet.Target{{Address: "192.0.2.1"}, {Address: "192.0.2.2"}, {Address: "192.0.2.3"}, {Address: "192.0.2.4"}, {Address: "192.0.2.5"}}
	noCall := fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindNoCall, Msg: "it did not call"}}
	odd := &fleet.Failure{Kind: fleet.KindPageOdd, Msg: "its web page\x1b is odd"}
	return newAnswers(targets, []fleet.Result{
		{After: device}, noCall, noCall, {After: device}, {Failure: &fleet.Failure{Kind: fleet.KindAnotherPhone, Msg: "another MAC"}},
	}, []Page{
		{Banner: wbm.Banner{Model: "OpenScape Desk Phone CP205", Number: "4989100", IPv4: "192.0.2.1", Name: "a.example"}},
		{Banner: wbm.Banner{Model: "OpenStage 40\x1b[2J", IPv4: "192.0.2.9"}},
		{Failure: odd},
		{Failure: odd},
		{Banner: wbm.Banner{Model: "OpenStage 40"}},
	})
}

// TestAnswers checks when the page of a phone makes up for its call, and that it never does for another phone.
func TestAnswers(t *testing.T) {
	var got []string
	for _, a := range answersOf() {
		kind := "none"
		if f := a.failure(); f != nil {
			kind = string(f.Kind)
		}
		differs := ""
		for _, d := range a.differences() {
			differs += " " + d.Name
		}
		got = append(got, kind+differs)
	}
	if want := "none model, none address, page-odd, page-odd, another-phone"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	text, err := json.Marshal(newPhonesDoc(answersOf(), advice.Context{}))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Phones []struct {
			Device      any
			Page        *pageDoc
			Error, Call *exit.ErrorDoc
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, p := range doc.Phones {
		shown = append(shown, fmt.Sprint(p.Device != nil, p.Page != nil, p.Error != nil, p.Call != nil))
	}
	if want := "true true false false, false true false true, false false true true, true false true false, false true true false"; strings.Join(shown, ", ") != want {
		t.Errorf("%s, want %s\n%s", strings.Join(shown, ", "), want, text)
	}
}

// TestDrawPages checks that the table and the single phone show what the page says, that it is observed, and nothing unescaped.
func TestDrawPages(t *testing.T) {
	con, out, _ := newConsole(200)
	drawPhones(out, con, answersOf())
	for _, want := range []string{
		"web page", "OpenScape Desk Phone CP205, number 4989100, 192.0.2.1, a.example (observed)", "(no-call-back)", `OpenStage 40\u{1b}[2J`,
		"it did not call\n", `not read: its web page\u{1b} is odd`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	con, out, _ = newConsole(100)
	drawPhones(out, con, answersOf()[1:2])
	for _, want := range []string{"192.0.2.2\n", "\n  call-back     none: it did not call\n", "\n  web page      OpenStage 40\\u{1b}[2J, 192.0.2.9 (observed)\n"} {
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "not reported") {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	con, out, _ = newConsole(100)
	drawPhones(out, con, answersOf()[3:4])
	if !strings.Contains(out.String(), "CP600") || !strings.Contains(out.String(), "not read: its web page") {
		t.Errorf("\n%s", out)
	}
}

// TestUnknownKey checks that somebody is prompted about the key of a page, that nothing is sent to a page whose key is not
// accepted, and that an accepted one is known from then on.
func TestUnknownKey(t *testing.T) {
	t.Parallel()
	for typed, accepted := range map[string]bool{"yes\n": true, "no\n": false, "": false} {
		p, err := phonesim.Start(phonesim.Config{
			Listen: "127.0.0.1:0", Web: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01",
			SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9}, Level: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		m := machine.New(t)
		m.Console.In, m.Console.InTerminal = strings.NewReader(typed), true
		o := newOptions()
		_, port, _ := net.SplitHostPort(p.State().WebAddress)
		o.Hosts, o.Web.On = m.KnownHosts, true
		if o.Web.Port, err = strconv.Atoi(port); err != nil {
			t.Fatal(err)
		}
		err = Run(t.Context(), m.Console, o, []string{p.Address()})
		list, _, readErr := m.KnownHosts.Read()
		if readErr != nil {
			t.Fatal(readErr)
		}
		shown := strings.Contains(m.Out.String(), "OpenScape Desk Phone CP600, 127.0.0.1 (observed)")
		known := len(list.Find(p.State().WebAddress)) == 1
		if (err == nil) != accepted || shown != accepted || known != accepted || (p.State().Contacts > 0) != accepted || p.State().Logins > 0 {
			t.Errorf("%q: %v, shown %v, known %v, %+v\n%s%s", typed, err, shown, known, p.State(), m.Out, m.Err)
		}
		if err != nil && exit.Classify(err).Code != exit.CodeSettings {
			t.Errorf("%q: %v", typed, err)
		}
		_ = p.Close()
	}
}

// TestInterruptedPage checks that nothing is shown, and no failure of a phone, if the run ends while pages are read.
func TestInterruptedPage(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			defer conn.Close()
			cancel() // instead of an answer
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	con, out, _ := newConsole(80)
	o := newOptions()
	o.Hosts, o.Web.On, o.Web.Port = machine.New(t).KnownHosts, true, l.Addr().(*net.TCPAddr).Port
	if err := Run(ctx, con, o, []string{"127.0.0.1:1"}); exit.Classify(err).Code != exit.CodeInterrupted || out.Len() > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
