package phonesim_test

import (
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// asked returns the first message of a phone with the fault, and what it says to ReadItems for its version.
func asked(t *world, fault string) (first, version call) {
	t.Helper()
	s := newService(t)
	p := start(t, cp600(), fault)
	first = solicit(t, p.Address(), s)
	s.say(first, "ReadItems", "software-version", "")
	version = s.expect("reply-to")
	s.say(version, "CleanUp")
	p.await(phonesim.Ended)
	return first, version
}

func testNoVersion(t *world, fault string) {
	first, version := asked(t, fault)
	if strings.Contains(first.body, "V1 R4.9.0") || version.items["software-version"] != "V1 R4.9.0" {
		t.Errorf("it says\n%s\n%s", first.body, version.body)
	}
}

func testNeverVersion(t *world, fault string) {
	first, version := asked(t, fault)
	if strings.Contains(first.body+version.body, "V1 R4.9.0") || version.states["software-version"] != "failed" {
		t.Errorf("it says\n%s\n%s", first.body, version.body)
	}
}

func testPartNumber(t *world, fault string) {
	if first, _ := asked(t, fault); first.items["part-number"] != "Unknown" {
		t.Errorf("its part number is %q", first.items["part-number"])
	}
}

func testFailedItems(t *world, fault string) {
	first, _ := asked(t, fault)
	if first.states["part-number"] != "failed" || first.items["part-number"] != "" || first.states["blf-modules"] != "failed" || first.states["software-version"] != "" {
		t.Errorf("it says %s", first.body)
	}
}

func testNoURI(t *world, fault string) {
	if first, _ := asked(t, fault); strings.Contains(first.body, "contact-me-uri") {
		t.Errorf("it says %s", first.body)
	}
}

func testUserPassword(t *world, fault string) {
	if first, _ := asked(t, fault); first.items["user-pwd"] != phonesim.CanaryPassword {
		t.Errorf("it says %s", first.body)
	}
}

func testHostile(t *world, fault string) {
	first, _ := asked(t, fault)
	if device := first.items["device-type"]; len(device) < 60_000 || !strings.Contains(device, "\u009b2J") || !strings.Contains(device, "\n") {
		t.Errorf("its device type has %d bytes: %q", len(device), cut(device))
	}
}

func testPadded(t *world, fault string) {
	first, _ := asked(t, fault)
	if !strings.Contains(first.body, ">\n        solicited\n    <") || !strings.Contains(first.body, ">\n        V1 R4.9.0\n      <") {
		t.Errorf("it says %s", first.body)
	}
}

func testReversed(t *world, fault string) {
	_, version := asked(t, fault)
	if !strings.Contains(version.body, `<Message fragment="final" maxItems="-1" nonce="`) || !strings.Contains(version.body, `<ReasonForContact action="ReadItems" status="accepted">`) {
		t.Errorf("it says %s", version.body)
	}
}

func testConstantNonce(t *world, fault string) {
	if first, version := asked(t, fault); first.nonce != version.nonce {
		t.Errorf("its nonces are %s and %s", first.nonce, version.nonce)
	}
	if first, version := asked(t, "user-pwd"); first.nonce == version.nonce || len(first.nonce) != 32 || strings.ToUpper(first.nonce) != first.nonce {
		t.Errorf("without the fault its nonces are %s and %s", first.nonce, version.nonce)
	}
}

func testFragments(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	c := solicit(t, p.Address(), s)
	for _, action := range []string{"", "ReadAllItems"} {
		if action != "" {
			s.say(c, action)
			c = s.expect("reply-to")
		}
		n, seen := 1, map[string]bool{}
		for ; find(c.body, `<Message[^>]* fragment="([^"]*)"`) == "next"; n++ {
			for name := range c.items {
				if seen[name] {
					t.Errorf("%s comes twice", name)
				}
				seen[name] = true
			}
			s.say(c, "GetNextFragment")
			c = s.expect("reply-to")
		}
		if n < 3 || find(c.body, `fragment="([^"]*)"`) != "final" || !seen["device-type"] || len(c.items) == 0 {
			t.Errorf("%d fragments, the last is %s", n, c.body)
		}
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Ended)
}

func testBadXML(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	if c := solicit(t, p.Address(), s); strings.Contains(c.body, "</ItemList>") {
		t.Errorf("it says %s", c.body)
	}
}

func testHuge(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	if c := solicit(t, p.Address(), s); len(c.body) <= 1<<20 {
		t.Errorf("it says %d bytes", len(c.body))
	}
}

func testOld(t *world, fault string) {
	for name, answer := range map[string]func(call) string{
		"chunks": func(c call) string {
			body := documented(c.nonce, "CleanUp")
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		},
		"entity":   func(c call) string { return httpAnswer(documented(c.nonce, "WriteItems", "ntp-addr", "a&amp;b")) },
		"number":   func(c call) string { return httpAnswer(documented(c.nonce, "WriteItems", "ntp-addr", "a&#60;b")) },
		"before":   func(c call) string { return httpAnswer("\n" + documented(c.nonce, "CleanUp")) },
		"noLength": func(c call) string { return "HTTP/1.1 200 OK\r\n\r\n" + documented(c.nonce, "CleanUp") },
	} {
		for _, old := range []bool{true, false} {
			s := newService(t)
			p := start(t, cp600())
			if old {
				p = start(t, cp600(), fault)
			}
			c := solicit(t, p.Address(), s)
			s.answer(reply{raw: answer(c), hangsUp: true})
			switch {
			case old:
				aborted := s.expect("clean-up")
				if aborted.items["cleanup-reason"] == "" {
					t.Errorf("%s: it says %s", name, aborted.body)
				}
				s.say(aborted, "CleanUp")
				p.await(phonesim.Aborted)
			case name == "entity" || name == "number":
				s.say(s.expect("reply-to"), "CleanUp")
			}
			if !old {
				p.await(phonesim.Ended)
				p.never(phonesim.Aborted)
			}
		}
	}
}
