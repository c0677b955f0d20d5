package phonesim_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// inSignature returns an answer in the form of the vendor's service: signed, with a signature that nobody can verify.
func inSignature(answer string) string {
	head, message, _ := strings.Cut(answer, "?>")
	return head + `?><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/><SignatureValue>AA==</SignatureValue>` +
		`<Object Id="DLSMessage">` + message + `</Object></Signature>`
}

// saySigned answers a call in that form.
func (s *service) saySigned(c call, action string, items ...string) {
	s.answer(reply{raw: httpAnswer(inSignature(documented(c.nonce, action, items...)))})
}

// testSigned checks a phone whose first message holds a signature, and that a service is none the wiser.
func testSigned(root, within string) func(*world, string) {
	return func(t *world, fault string) {
		first, version := asked(t, fault)
		for _, c := range []call{first, version} {
			_, text, _ := strings.Cut(c.body, "?>\n")
			if !strings.HasPrefix(text, "<"+root) || !strings.Contains(text, within) || strings.Count(text, "<WorkpointMessage") != 1 {
				t.Errorf("it says %s", c.body)
			}
		}
		if version.items["software-version"] != "V1 R4.9.0" {
			t.Errorf("it says %s", version.body)
		}
	}
}

func testBlanks(t *world, fault string) {
	first, version := asked(t, fault)
	for _, c := range []call{first, version} {
		if got := c.items["software-version"]; got != "V1  \t R4.9.0" {
			t.Errorf("its version is %q", got)
		}
	}
}

func testOtherXML(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	contact(t, p.Address(), s.address())
	c := s.next()
	if !strings.HasPrefix(c.body, "\uFEFF<d:WorkpointMessage xmlns:d=\"http://www.unify.com/DLS\"") || !strings.Contains(c.body, "<d:REASONFORCONTACT>Solicited</d:REASON") {
		t.Errorf("it says %s", c.body)
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Ended)
}

func testOtherWord(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	c := s.expect("status")
	if c.items["file-deployment-status"] != "deferred" {
		t.Errorf("it reports %s", c.body)
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Started)
}

func testSeveral(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	c := s.expect("status")
	for _, item := range []string{
		`name="file-deployment-name" index="0">logo.png<`, `name="file-deployment-status" index="0">failed<`,
		`name="file-deployment-name" index="1">image.img<`, `name="file-deployment-status" index="1">ok<`, `name="file-deployment-status" index="2">failed<`,
	} {
		if !strings.Contains(c.body, item) {
			t.Errorf("it reports %s, want %s", c.body, item)
		}
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Started)
}

func testGivesUp(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	s.say(solicit(t, p.Address(), s), "CleanUp", "cleanup-reason", "overload")
	p.await(phonesim.Deferred)
	time.Sleep(10 * time.Minute)
	if len(s.calls) != 0 || p.State().Calls != 1 {
		t.Errorf("it calls again: %d", p.State().Calls)
	}
}

// TestOverload: a phone whose call a service ends for lack of room calls again a minute later, for the same reason, until it is
// heard. A contact request comes first.
func TestOverload(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		c := cp600()
		c.Service = s.address()
		p := start(t, c)
		for range 3 {
			s.say(s.expect("start-up"), "CleanUp", "cleanup-reason", "overload")
			begun := time.Now()
			p.await(phonesim.Deferred)
			synctest.Wait()
			time.Sleep(time.Minute - 1)
			if synctest.Wait(); len(s.calls) != 0 {
				t.Fatalf("it calls after %v", time.Since(begun))
			}
		}
		s.saySigned(s.expect("start-up"), "CleanUp", "cleanup-reason", "OVERLOAD")
		p.await(phonesim.Deferred)
		s.say(solicit(t, p.Address(), s), "CleanUp", "cleanup-reason", "something else")
		p.await(phonesim.Ended)
		time.Sleep(time.Hour)
		if len(s.calls) != 0 || p.State().Calls != 5 {
			t.Errorf("it called %d times", p.State().Calls)
		}
	})
}

// TestOverloadAfterCommand: a phone that has its command carries it out, whatever ends the conversation.
func TestOverloadAfterCommand(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600(), "accepts")
		s.say(solicit(t, p.Address(), s), "SoftwareDeployment", "file-server", "10.9.9.9", "file-name", "x", "file-type", "APP")
		s.say(s.expect("reply-to"), "CleanUp", "cleanup-reason", "overload")
		p.await(phonesim.FetchEnded)
		time.Sleep(time.Hour)
		p.never(phonesim.Deferred)
		if p.State().Calls != 1 {
			t.Errorf("it called %d times", p.State().Calls)
		}
	})
}

// TestSecureItems: a service marks an item as secure, and signs: the phone writes it, and reports it without a status.
func TestSecureItems(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		c := solicit(t, p.Address(), s)
		answer := documented(c.nonce, "WriteItems", "sip-mobility-state", "1", "ntp-addr", "10.0.0.1")
		answer = strings.Replace(answer, `name="sip-mobility-state"`, `status="secure" name="sip-mobility-state"`, 1)
		if !strings.Contains(answer, "secure") {
			t.Fatal(answer)
		}
		s.answer(reply{raw: httpAnswer(inSignature(answer))})
		c = s.expect("reply-to")
		if len(c.items) != 0 || len(c.states) != 0 {
			t.Errorf("it says %s", c.body)
		}
		s.saySigned(c, "ReadItems", "sip-mobility-state", "")
		c = s.expect("reply-to")
		if c.items["sip-mobility-state"] != "1" || c.states["sip-mobility-state"] != "" {
			t.Errorf("it says %s", c.body)
		}
		s.saySigned(c, "CleanUp")
		p.await(phonesim.Ended)
		p.never(phonesim.Aborted)
	})
}

// TestSecureCommand: a command whose items are marked as secure is carried out as any other.
func TestSecureCommand(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600(), "accepts")
		c := solicit(t, p.Address(), s)
		answer := documented(c.nonce, "SoftwareDeployment", "file-server", "10.9.9.9", "file-name", "x", "file-type", "APP", "file-priority", "Normal", "file-pwd", "secret")
		s.answer(reply{raw: httpAnswer(strings.ReplaceAll(answer, "<Item ", `<Item status="secure" `))})
		s.say(s.expect("reply-to"), "CleanUp")
		if e := p.await(phonesim.Instructed); e.Detail != "ftp 10.9.9.9:21  x" {
			t.Errorf("it was told %q", e.Detail)
		}
		p.await(phonesim.FetchEnded)
	})
}

// TestTwoMessages: a phone does nothing of an answer that hides a second message.
func TestTwoMessages(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		c := solicit(t, p.Address(), s)
		_, second, _ := strings.Cut(documented(c.nonce, "Restart"), "?>")
		s.answer(reply{raw: httpAnswer(strings.Replace(inSignature(documented(c.nonce, "CleanUp")), "<SignedInfo/>", "<SignedInfo>"+second+"</SignedInfo>", 1))})
		aborted := s.expect("clean-up")
		if !strings.Contains(aborted.items["cleanup-reason"], "two elements where one is expected") {
			t.Errorf("it says %s", aborted.body)
		}
		s.say(aborted, "CleanUp")
		p.await(phonesim.Aborted)
		time.Sleep(time.Hour)
		p.never(phonesim.Restarting)
	})
}
