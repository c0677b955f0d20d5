package phonesim_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// told is a phone that was told to fetch an image.
func told(t *world, image []byte, faults ...string) (*service, *watched) {
	t.Helper()
	s := newService(t)
	s.file = image
	p := start(t, cp600(), faults...)
	s.say(solicit(t, p.Address(), s), "SoftwareDeployment", httpsItems(s, "normal")...)
	p.await(phonesim.Instructed)
	return s, p
}

func testRefuses(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	c := s.expect("reply-to")
	if c.action != "SoftwareDeployment" || c.status != "failed" {
		t.Errorf("it answers %q to %q", c.status, c.action)
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Ended)
	p.never(phonesim.Fetching)
}

func testAccepts(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	c := s.expect("reply-to")
	if c.action != "SoftwareDeployment" || c.status != "accepted" || len(s.gets) != 0 {
		t.Errorf("it answers %q to %q", c.status, c.action)
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Fetched)
	p.await(phonesim.Started)
}

func testSilent(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	p.await(phonesim.Started)
	if len(s.calls) != 0 {
		t.Error("it says something")
	}
}

func testSameCall(t *world, fault string) {
	for _, same := range []bool{true, false} {
		s := newService(t)
		s.file = []byte("a logo")
		var faults []string
		if same {
			faults = append(faults, fault)
		}
		p := start(t, cp600(), faults...)
		first := solicit(t, p.Address(), s)
		s.say(first, "FileDeployment", "file-https-base-url", "https://"+s.address()+"/file/logo.png", "file-type", "LOGO")
		c := s.expect("status")
		if (c.conn == first.conn) != same || c.items["file-deployment-status"] != "ok" {
			t.Errorf("with the fault %v: connections %d and %d, %s", same, first.conn, c.conn, c.body)
		}
		s.say(c, "CleanUp")
		p.await(phonesim.Ended)
	}
}

func testNeverFetches(t *world, fault string) {
	_, p := told(t, cpb(t, nil), fault)
	p.await(phonesim.Ended)
	fatal(t, p.Close())
	p.never(phonesim.Fetching)
}

func testStalls(t *world, fault string) {
	image := cpb(t, nil)
	_, p := told(t, image, fault)
	p.await(phonesim.Fetching)
	time.Sleep(time.Hour)
	if got := p.State().Bytes; got != int64(len(image)/2) {
		t.Errorf("%d of %d bytes", got, len(image))
	}
	if got := p.State().Status; got != phonesim.StatusFetching {
		t.Errorf("it is %s", got)
	}
	p.never(phonesim.FetchEnded)
}

func testCuts(t *world, fault string) {
	image := cpb(t, nil)
	s, p := told(t, image, fault)
	if e := p.await(phonesim.FetchEnded); e.Bytes != int64(len(image)/2) {
		t.Errorf("it has %d of %d bytes", e.Bytes, len(image))
	}
	asked := solicit(t, p.Address(), s)
	if got := asked.items["software-version"]; got != "V1 R4.9.0" {
		t.Errorf("it runs %s", got)
	}
	s.say(asked, "CleanUp")
	p.never(phonesim.Fetched)
}

func testResumesFile(t *world, fault string) {
	image := cpb(t, nil)
	s, p := told(t, image, fault)
	if e := p.await(phonesim.Fetched); e.Bytes != int64(len(image)) {
		t.Errorf("it has %d of %d bytes", e.Bytes, len(image))
	}
	p.await(phonesim.Started)
	if first, second := <-s.gets, <-s.gets; strings.Contains(first, "Range") || !strings.Contains(second, fmt.Sprintf("Range: bytes=%d-\r\n", len(image)/2)) {
		t.Errorf("it asks %q and %q", first, second)
	}
	// A server that cannot continue a file.
	s = newService(t)
	s.file, s.noRange = image, true
	p = start(t, cp600(), fault)
	s.say(solicit(t, p.Address(), s), "SoftwareDeployment", httpsItems(s, "normal")...)
	p.await(phonesim.FetchEnded)
}

func testFetchesTwice(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	p.await(phonesim.Fetched)
	p.await(phonesim.Fetched)
	p.await(phonesim.Started)
	if got := len(s.gets); got != 2 {
		t.Errorf("it asks %d times", got)
	}
}

func testPlainFetch(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	if c := s.next(); c.err == nil {
		t.Error("it speaks TLS")
	}
	p.await(phonesim.FetchEnded)
}

func testRefusal(why string) func(*world, string) {
	return func(t *world, fault string) {
		s, p := told(t, cpb(t, nil), fault)
		if e := p.await(phonesim.Refused); !strings.HasPrefix(e.Detail, why) {
			t.Errorf("it is refused because %s", e.Detail)
		}
		if !strings.HasPrefix(p.State().Refusal, why) {
			t.Errorf("the state says %q", p.State().Refusal)
		}
		asked := solicit(t, p.Address(), s)
		if got := asked.items["software-version"]; got != "V1 R4.9.0" || p.State().Restarts != 0 {
			t.Errorf("it runs %s", got)
		}
		s.say(asked, "CleanUp")
		p.never(phonesim.Restarting)
	}
}

func testTakesAnything(t *world, fault string) {
	image := bytes.Repeat([]byte("unknown"), 1000)
	s, p := told(t, image, fault)
	p.await(phonesim.Started)
	if got := p.State().Version.String(); got != "V1 R9.2.0" {
		t.Errorf("it runs %s", got)
	}
	_, p = told(t, image)
	p.await(phonesim.Refused)
	_ = s
}

func testStatusFailed(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	c := s.expect("status")
	if c.items["file-deployment-status"] != "failed" || c.items["file-deployment-type"] != "APP" || c.items["software-version"] != "V1 R4.9.0" {
		t.Errorf("it reports %s", c.body)
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Ended)
	p.never(phonesim.Restarting)
}

func testStatusOK(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	c := s.expect("status")
	if c.items["file-deployment-status"] != "ok" || c.items["file-deployment-name"] != "image.img" {
		t.Errorf("it reports %s", c.body)
	}
	p.never(phonesim.Restarting)
	s.say(c, "CleanUp")
	p.await(phonesim.Started)
	// An image that is refused is reported too.
	s, p = told(t, cpb(t, func(b *bind.Builder) { b.Models = []string{"CP200"} }), fault)
	c = s.expect("status")
	if c.items["file-deployment-status"] != "failed" {
		t.Errorf("it reports %s", c.body)
	}
	s.say(c, "CleanUp")
	p.await(phonesim.Refused)
}

func testComesBack(version string) func(*world, string) {
	return func(t *world, fault string) {
		s, p := told(t, cpb(t, nil), fault)
		p.await(phonesim.Started)
		asked := solicit(t, p.Address(), s)
		if got := asked.items["software-version"]; got != version || p.State().Restarts != 1 {
			t.Errorf("it runs %s", got)
		}
		s.say(asked, "CleanUp")
	}
}

func testNeverBack(t *world, fault string) {
	_, p := told(t, cpb(t, nil), fault)
	p.await(phonesim.Gone)
	if conn, err := t.dial(p.Address()); err == nil {
		t.Errorf("it listens: %v", conn.Close())
	}
	if got := p.State(); got.Status != phonesim.StatusGone || got.Restarts != 0 {
		t.Errorf("its state is %+v", got)
	}
}

func testElsewhere(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	before := p.Address()
	p.await(phonesim.Started)
	if p.Address() == before {
		t.Errorf("it is at %s still", before)
	}
	asked := solicit(t, p.Address(), s)
	s.say(asked, "CleanUp")
	if conn, err := t.dial(before); err == nil {
		t.Errorf("it listens at %s too: %v", before, conn.Close())
	}
}

func testBackSecure(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	p.await(phonesim.Started)
	contact(t, p.Address(), s.address())
	if c := s.next(); c.err == nil {
		t.Errorf("it calls for %q", c.reason)
	}
	p.await(phonesim.CallFailed)
}

func testBackOtherMAC(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	p.await(phonesim.Started)
	asked := solicit(t, p.Address(), s)
	if got := asked.items["mac-addr"]; got != "00:1A:E8:00:00:81" {
		t.Errorf("its address is %s", got)
	}
	s.say(asked, "CleanUp")
}

func testStartUpToLast(t *world, fault string) {
	s, p := told(t, cpb(t, nil), fault)
	s.say(s.expect("start-up"), "CleanUp")
	p.await(phonesim.Ended)
}
