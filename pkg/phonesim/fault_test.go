package phonesim_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// faultTests says of every fault how to see that the phone does what the fault's sentence says.
func faultTests() map[phonesim.Fault]func(t *world, fault string) {
	return map[phonesim.Fault]func(*world, string){
		"ignores-contact": testIgnoresContact, "contact-404": testContact404, "contact-garbage": testContactGarbage,
		"contact-silent": testContactSilent, "get-only": testGetOnly, "contact-gap": testContactGap, "overload": testOverload,
		"secure-no-certificate": testSecureShows(""), "secure-own-certificate": testSecureShows("00:1A:E8:00:00:01"), "secure-other-certificate": testSecureShows("other"),
		"secure-mode": testSecureMode, "tls-1.0-only": testTLS10, "tls-1.3": testTLS13, "rsa-kex-only": testRSAOnly, "resumes-tls": testResumes,
		"calls-late": testCallsLate, "calls-twice": testCallsTwice, "close-connections": testCloses, "busy": testBusy,
		"busy-forever": testBusyForever, "busy-no-solicited": testBusyNoSolicited, "other-mac": testOtherMAC,
		"no-version": testNoVersion, "never-version": testNeverVersion, "part-number-unknown": testPartNumber, "failed-items": testFailedItems,
		"no-contact-uri": testNoURI, "user-pwd": testUserPassword, "hostile-text": testHostile, "padded": testPadded,
		"attributes-reversed": testReversed, "constant-nonce": testConstantNonce, "fragments": testFragments, "bad-xml": testBadXML,
		"huge-message": testHuge, "old-xml": testOld, "spaces-in-version": testBlanks, "other-xml": testOtherXML,
		"signed": testSigned("Signature", `<Object Id="WorkpointMessage"><WorkpointMessage`), "signature-inside": testSigned("WorkpointMessage", "<Signature"),
		"overload-gives-up": testGivesUp, "status-other-word": testOtherWord, "status-several": testSeveral,
		"refuse-deployment": testRefuses, "accepts": testAccepts, "silent-deployment": testSilent, "status-same-call": testSameCall,
		"never-fetches": testNeverFetches, "stalls-mid-download": testStalls, "cut-mid-download": testCuts, "cut-and-resumes": testResumesFile,
		"fetches-twice": testFetchesTwice, "fetch-no-tls": testPlainFetch,
		"reject-image": testRefusal("it installs no image"), "wrong-device": testRefusal("it is for another device"),
		"level-unsuitable": testRefusal("the hardware level is not supported"), "truncated": testRefusal("CPB "),
		"takes-any-image": testTakesAnything, "status-failed": testStatusFailed, "status-ok": testStatusOK,
		"reboots-with-old-version": testComesBack("V1 R4.9.0"), "restarts-with-other-version": testComesBack("V1 R9.2.1"),
		"never-comes-back": testNeverBack, "comes-back-elsewhere": testElsewhere, "comes-back-secure": testBackSecure,
		"comes-back-other-mac": testBackOtherMAC, "start-up-to-last": testStartUpToLast,
		"no-contact-port": testNoContactPort,
		"web-tls-1.0":     testWebTLS10, "web-rsa-kex": testWebRSA, "web-redirect-http": testWebRedirect, "web-slow-page": testWebSlow,
		"web-login-older": testWebLogin("WEBMv-Admin-Password"), "web-login-old": testWebLogin("AdminPassword"),
		"web-password-suspended": testWebSuspended, "web-change-password": testWebChange, "web-no-version": testWebNoVersion, "web-other-mac": testWebOtherMAC,
		"web-hostile-text": testWebHostile, "web-menu-loop": testWebLoop, "web-no-banner": testNoBanner, "web-banner-other-model": testBannerOtherModel, "web-menu-thousand": testWebThousand,
		"web-no-form": testWebFiles(0, 0, "./page.cmd"), "web-logo-only": testWebFiles(0, 1, "./page.cmd"), "web-two-forms": testWebFiles(2, 1, "page.cmd"),
		"web-foreign-form": testWebFiles(1, 1, "https://192.0.2.77/page.cmd"),
		"web-logs-out":     testWebLogsOut, "web-refuses": testWebRefuses("error"), "web-says-ok-stays": testWebRefuses("success"),
		"web-refuses-early": testWebEarly, "web-cuts": testWebCuts, "web-stalls": testWebStalls, "web-huge-answer": testWebHuge,
		"web-other-key-after":      testWebOtherKey,
		"web-transfer-other-shape": testTransferOtherShape, "web-transfer-one-form": testTransferOneForm, "web-transfer-no-form": testTransferNoForm,
		"web-transfer-two-forms": testTransferTwo, "web-transfer-foreign": testTransferForms(1, "https://192.0.2.77/page.cmd", "dl-app-file"),
		"web-transfer-logo": testTransferForms(1, "./page.cmd", "dl-lgo-file"), "web-transfer-no-start": testTransferNoStart,
		"web-transfer-fails":           testTransferAnswer(transferFailed, false, false),
		"web-transfer-says-failed":     testTransferAnswer(transferFailed, true, false),
		"web-transfer-failed-installs": testTransferAnswer(transferFailed, true, true),
		"web-transfer-ok-stays":        testTransferAnswer(transferDone, true, false),
		"web-transfer-other-language":  testTransferAnswer("blue: Übertragung erfolgreich abgeschlossen", true, true),
		"web-transfer-silent":          testTransferSilent, "web-transfer-drips": testTransferDrips, "web-transfer-logs-out": testTransferLogsOut,
		"web-transfer-bad-token": testTransferBadToken, "web-transfer-no-answer": testTransferNoAnswer,
	}
}

// endsConnections are the faults that are about how a connection ends.
var endsConnections = map[phonesim.Fault]bool{
	"no-contact-port": true, "contact-garbage": true, "cut-mid-download": true, "cut-and-resumes": true, "fetch-no-tls": true, "never-comes-back": true,
	"web-refuses-early": true, "web-cuts": true, "web-huge-answer": true, "web-transfer-no-answer": true,
}

// TestFaults: every fault of the table does what it says, and the table has no fault that nobody tried.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := faultTests()
	for _, info := range phonesim.Faults() {
		test, ok := tests[info.Name]
		if !ok {
			t.Errorf("%s: not tested", info.Name)
			continue
		}
		delete(tests, info.Name)
		if info.Sentence == "" || strings.HasSuffix(info.Sentence, ".") || info.Sentence[:1] != strings.ToLower(info.Sentence[:1]) {
			t.Errorf("%s: %q is no sentence of the table", info.Name, info.Sentence)
		}
		t.Run(string(info.Name), func(t *testing.T) {
			t.Parallel()
			on := inMemory
			if endsConnections[info.Name] {
				on = onBoth
			}
			on(t, func(t *world) { test(t, string(info.Name)) })
		})
	}
	for name := range tests {
		t.Errorf("%s: there is no such fault", name)
	}
}

func testIgnoresContact(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	if got := contact(t, p.Address(), s.address()); got != acknowledged {
		t.Errorf("it answers %q", got)
	}
	p.await(phonesim.Ignored)
	fatal(t, p.Close())
	p.never(phonesim.Contacted)
	if len(s.calls) != 0 {
		t.Error("it calls")
	}
}

func testContact404(t *world, fault string) {
	p := start(t, cp600(), fault)
	if got := contact(t, p.Address(), "127.0.0.1:1"); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
		t.Errorf("it answers %q", got)
	}
}

func testContactGarbage(t *world, fault string) {
	p := start(t, cp600(), fault)
	if got := contact(t, p.Address(), "127.0.0.1:1"); got == "" || strings.HasPrefix(got, "HTTP") {
		t.Errorf("it answers %q", got)
	}
}

func testContactSilent(t *world, fault string) {
	c := cp600()
	p := start(t, c, fault)
	if got := contact(t, p.Address(), "127.0.0.1:1"); got != "" {
		t.Errorf("it answers %q", got)
	}
}

func testGetOnly(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	if got := contact(t, p.Address(), s.address()); !strings.HasPrefix(got, "HTTP/1.1 405 ") {
		t.Errorf("to a POST it answers %q", got)
	}
	if got := contactByGet(t, p.Address(), s.address()); got != acknowledged {
		t.Errorf("to a GET it answers %q", got)
	}
	s.say(s.expect("solicited"), "CleanUp")
}

func contactByGet(t *world, phone, to string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(to)
	fatal(t, err)
	return request(t, phone, "GET /contact_dls.html/ContactDLS?ContactMe=true&dls_ip_addr="+host+"&dls_ip_port="+port+" HTTP/1.1\r\nHost: "+phone+"\r\nConnection: close\r\n\r\n")
}

func testContactGap(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	s.say(solicit(t, p.Address(), s), "CleanUp")
	p.await(phonesim.Ended)
	if got := contact(t, p.Address(), s.address()); got != acknowledged {
		t.Errorf("within the gap it answers %q", got)
	}
	if e := p.await(phonesim.Ignored); e.Detail != "the contact gap" {
		t.Errorf("ignored because of %s", e.Detail)
	}
}

func testOverload(t *world, fault string) {
	s := newService(t)
	c := cp600()
	p := start(t, c, fault)
	s.say(solicit(t, p.Address(), s), "CleanUp")
	p.await(phonesim.Ended)
	contact(t, p.Address(), s.address())
	p.await(phonesim.Overloaded)
	synctest.Wait()
	if conn, err := t.dial(p.Address()); err == nil {
		t.Errorf("the port stays open: %v", conn.Close())
	}
	time.Sleep(c.RestartTime + time.Second)
	conn, err := t.dial(p.Address())
	fatal(t, err)
	fatal(t, conn.Close())
	if p.State().Restarts != 0 {
		t.Error("it has restarted")
	}
}

func testSecureMode(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault)
	contact(t, p.Address(), s.address())
	if c := s.next(); c.err == nil {
		t.Errorf("it calls for %q", c.reason)
	}
	p.await(phonesim.CallFailed)
}

func testTLS10(t *world, fault string) {
	newer := newService(t)
	p := start(t, cp600(), fault)
	contact(t, p.Address(), newer.address())
	if c := newer.next(); c.err == nil {
		t.Error("it speaks something newer")
	}
	p.await(phonesim.CallFailed)
	old := newServiceTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{certificate(t, true)}})
	old.say(solicit(t, p.Address(), old), "CleanUp")
	if got := old.tls[0].Version; got != tls.VersionTLS10 {
		t.Errorf("it speaks %s", tls.VersionName(got))
	}
}

func testTLS13(t *world, fault string) {
	s := newService(t)
	with, without := start(t, cp600(), fault), start(t, cp600())
	s.say(solicit(t, with.Address(), s), "CleanUp")
	s.say(solicit(t, without.Address(), s), "CleanUp")
	if a, b := s.tls[0].Version, s.tls[1].Version; a != tls.VersionTLS13 || b != tls.VersionTLS12 {
		t.Errorf("it speaks %s, and without the fault %s", tls.VersionName(a), tls.VersionName(b))
	}
}

func testRSAOnly(t *world, fault string) {
	newer := newService(t)
	p := start(t, cp600(), fault)
	contact(t, p.Address(), newer.address())
	if c := newer.next(); c.err == nil {
		t.Error("it speaks something newer")
	}
	suites := []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	old := newServiceTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, CipherSuites: suites, Certificates: []tls.Certificate{certificate(t, true)}})
	old.say(solicit(t, p.Address(), old), "CleanUp")
}

func testResumes(t *world, fault string) {
	s := newService(t)
	p := start(t, cp600(), fault, "close-connections")
	c := solicit(t, p.Address(), s)
	s.say(c, "ReadItems", "e164", "")
	s.say(s.expect("reply-to"), "CleanUp")
	if !s.tls[1].DidResume {
		t.Error("the second connection resumes nothing")
	}
}
