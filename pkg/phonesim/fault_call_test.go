package phonesim_test

import (
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

func testCallsLate(t *world, fault string) {
	s := newService(t)
	c := cp600()
	c.CallDelay = 30 * time.Second
	p := start(t, c, fault)
	began := time.Now()
	s.say(solicit(t, p.Address(), s), "CleanUp")
	if after := time.Since(began); after != c.CallDelay {
		t.Errorf("it calls after %v", after)
	}
	// Without a delay of its own the fault brings one, in which nobody calls.
	c.CallDelay = 0
	late := start(t, c, fault)
	contact(t, late.Address(), s.address())
	late.await(phonesim.Contacted)
	fatal(t, late.Close())
	late.never(phonesim.Called)
}

func testCallsTwice(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	s.say(solicit(t, p.Address(), s), "CleanUp")
	s.say(s.expect("solicited"), "CleanUp")
}

func testCloses(t *world, fault string) {
	for _, closes := range []bool{true, false} {
		s := newService(t)
		var faults []string
		if closes {
			faults = append(faults, fault)
		}
		p := start(t, cp600(), faults...)
		first := solicit(t, p.Address(), s)
		s.say(first, "ReadItems", "e164", "")
		second := s.expect("reply-to")
		s.say(second, "CleanUp")
		if said := strings.Contains(first.head, "Connection: close\r\n"); said != closes || (first.conn != second.conn) != closes {
			t.Errorf("with the fault %v: connections %d and %d, and %q", closes, first.conn, second.conn, first.head)
		}
	}
}

func testBusy(t *world, fault string) {
	s := newService(t)
	s.file = cpb(t, nil)
	p := start(t, cp600(), fault)
	if got := p.State().Status; got != phonesim.StatusInCall {
		t.Errorf("it is %s", got)
	}
	s.say(solicit(t, p.Address(), s), "SoftwareDeployment", httpsItems(s, "normal")...)
	busy := s.expect("reply-to")
	if busy.status != "busy" || busy.action != "SoftwareDeployment" {
		t.Errorf("it answers %q to %q", busy.status, busy.action)
	}
	s.say(busy, "WriteItems", "e164", "1")
	busy = s.expect("reply-to")
	if busy.status != "busy" {
		t.Errorf("to WriteItems it answers %q", busy.status)
	}
	s.say(busy, "CleanUp", "send-solicited", "true")
	p.await(phonesim.Ended)
	p.HangUp()
	s.say(s.expect("solicited"), "SoftwareDeployment", httpsItems(s, "normal")...)
	p.await(phonesim.Restarting)

	// The call ends by itself.
	c := cp600()
	c.CallLength = 20 * time.Minute
	start(t, c, fault).await(phonesim.CallEnds)
}

func testBusyForever(t *world, fault string) {
	c := cp600()
	c.CallLength = time.Minute
	s := newService(t)
	s.file = cpb(t, nil)
	p := start(t, c, fault)
	s.say(solicit(t, p.Address(), s), "CleanUp", "send-solicited", "true")
	p.await(phonesim.Ended)
	// Immediate does not care for the call.
	s.say(solicit(t, p.Address(), s), "SoftwareDeployment", httpsItems(s, "immediate")...)
	p.await(phonesim.Restarting)
	p.never(phonesim.CallEnds)
}

func testBusyNoSolicited(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	s.say(solicit(t, p.Address(), s), "WriteItems", "e164", "1")
	s.say(s.expect("reply-to"), "CleanUp", "send-solicited", "true")
	p.await(phonesim.Ended)
	p.HangUp()
	// If it called now, that would be its next call; what is asked here comes by the contact.
	asked := solicit(t, p.Address(), s)
	s.say(asked, "CleanUp")
	p.await(phonesim.Ended)
	fatal(t, p.Close())
	if got := p.State().Calls; got != 2 {
		t.Errorf("it called %d times", got)
	}
}

func testOtherMAC(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	var macs []string
	for range 3 {
		c := solicit(t, p.Address(), s)
		macs = append(macs, c.items["mac-addr"])
		s.say(c, "CleanUp")
		p.await(phonesim.Ended)
	}
	if want := []string{"00:1A:E8:00:00:01", "00:1A:E8:00:00:81", "00:1A:E8:00:00:81"}; !slices.Equal(macs, want) {
		t.Errorf("its addresses are %q", macs)
	}
}
