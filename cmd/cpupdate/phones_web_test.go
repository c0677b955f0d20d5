package main

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// webPassword opens the pages of phones in these tests.
const webPassword = "page-canary-5b1e" //nolint:gosec // of simulated phones

// The steps of a push by the phone's page.
const (
	webByCall = "contacted called-back "
	webByPage = "page-only "
	webSeen   = "page logged-in found checked "
	webSent   = webSeen + "sending sent answered "
	webDone   = webByCall + webSent + "restarting back contacted called-back done"
)

// noInterface is a phone without its provisioning interface.
const noInterface = "no-contact-port"

// A dialFunc connects to HOST:PORT.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// pinOf returns the key that a page shows.
func pinOf(t *testing.T, address string) string {
	t.Helper()
	return pinOn(t, new(net.Dialer).DialContext, address)
}

// pinOn returns the key that a page on a network shows.
func pinOn(t *testing.T, dial dialFunc, address string) string {
	t.Helper()
	pin, err := pinAt(dial, address)
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

// pinAt returns the key that is shown at an address, by whomever.
func pinAt(dial dialFunc, address string) (string, error) {
	c := trust.Policy{Legacy: true}.TLS("phone")
	pin := trust.Pin{}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		pin = trust.PinOf(state.PeerCertificates[0])
		return nil
	}
	conn, err := dial(context.Background(), "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(context.Background()); err != nil {
		return "", err
	}
	return pin.String(), secure.Close()
}

// webFaults is the table, in the order of a push by the page.
func webFaults() []faultRow {
	var rows []faultRow
	for _, part := range [][]faultRow{webReachRows(), webFormRows(), webSendRows(), webAfterRows(), besideRows()} {
		rows = append(rows, part...)
	}
	return rows
}

// besideTransfer begins the names of rows with an upload to a page with a transfer form that has a fault.
const besideTransfer = "upload beside "

// besideRows are uploads to pages that have a transfer form and a banner too: whatever these are like, the upload is the same.
func besideRows() []faultRow {
	done := faultRow{kind: "updated", steps: webDone, version: versionNew}
	none, other := done, done
	none.name, none.faults = "no banner", "web-no-banner"
	other.name, other.faults = "another model in the banner", "web-banner-other-model"
	rows := []faultRow{none, other}
	for _, f := range phonesim.Faults() {
		if name := string(f.Name); strings.HasPrefix(name, "web-transfer-") {
			row := done
			row.name, row.faults = besideTransfer+name, name
			rows = append(rows, row)
		}
	}
	return rows
}

func webReachRows() []faultRow {
	bad := func(name, faults string, code exit.Code, kind, says, hint string) faultRow {
		return faultRow{name: name, faults: faults, code: code, kind: kind, says: says, hint: hint, steps: webByCall + "(page )?failed", version: versionOld}
	}
	slow := bad("slow page", "web-slow-page", exit.CodeUnreachable, "page-broken", "its web page does not answer in time", "--timeout")
	off := bad("page switched off", "", exit.CodeUnreachable, "page-unreachable", "its web page cannot be reached", "--web-port")
	off.args = []string{"--web-port", "1"}
	wrong := bad("wrong password", "", exit.CodeSettings, "wrong-password", "which is not sent a second time", "with a browser, once")
	wrong.args = []string{"--password-file", "WRONG"}
	pinned := bad("another key", "", exit.CodeSettings, "page-trust", "which is not the pinned one", "--pin sha256:")
	pinned.args = []string{"--pin", "sha256:" + strings.Repeat("0", 64)}
	unknownKey := bad("a key that nobody knows", "", exit.CodeSettings, "page-trust", "its web page's certificate is not trusted", "cpupdate trust add 10.0.0.1:443")
	unknownKey.args = []string{"--pin", "NONE"}
	return []faultRow{
		slow, off, wrong, pinned, unknownKey,
		bad("TLS 1.0", "web-tls-1.0", exit.CodeSettings, "page-tls", "no TLS connection to its web page can be established", "--legacy-tls"),
		bad("RSA key exchange", "web-rsa-kex", exit.CodeSettings, "page-tls", "no TLS connection to its web page can be established", "--legacy-tls"),
		bad("leads to plain HTTP", "web-redirect-http", exit.CodeRejected, "page-foreign", "its web page leads to another host", "nothing was sent there"),
		bad("locked out", "web-password-suspended", exit.CodeSettings, "locked-out", "after too many wrong ones", "wait until the phone accepts passwords again"),
		bad("wants a new password", "web-change-password", exit.CodeSettings, "password-change", "demands a new password first", "with a browser"),
		{name: "TLS 1.0, spoken", faults: "web-tls-1.0", args: []string{"--legacy-tls"}, kind: "updated", steps: webDone, version: versionNew},
		{name: "RSA key exchange, spoken", faults: "web-rsa-kex", args: []string{"--legacy-tls"}, kind: "updated", steps: webDone, version: versionNew},
		{name: "older login", faults: "web-login-older", kind: "updated", steps: webDone, version: versionNew},
		{name: "oldest login", faults: "web-login-old", kind: "updated", steps: webDone, version: versionNew},
	}
}

func webFormRows() []faultRow {
	none := faultRow{
		code: exit.CodeRejected, kind: "no-form", says: "its web page has no image upload form", hint: "--serve",
		steps: webByCall + "page logged-in failed", version: versionOld,
	}
	loop, off, logo := none, none, none
	loop.name, loop.faults = "menu without end", "web-menu-loop"
	off.name, off.faults = "no form", "web-no-form"
	logo.name, logo.faults = "a form for logos", "web-logo-only"
	several, foreign := none, none
	several.name, several.faults, several.kind = "two forms", "web-two-forms", "many-forms"
	several.says, several.hint = "several forms that might be for an image", "with a browser"
	foreign.name, foreign.faults, foreign.kind = "a form that leads elsewhere", "web-foreign-form", "page-foreign"
	foreign.says, foreign.hint = "its web page leads to another host", "nothing was sent there"
	return []faultRow{
		loop, off, logo, several, foreign,
		{name: "a thousand pages", faults: "web-menu-thousand", kind: "updated", steps: webDone, version: versionNew},
		{name: "page without a version", faults: "web-no-version", kind: "updated", steps: webDone, version: versionNew},
		{
			name: "nobody says the version", faults: "web-no-version " + noInterface, code: exit.CodeUnknown, kind: "unknown",
			says: "cannot be determined", hint: "--running", steps: webByPage + webSeen + "failed", version: versionOld,
		},
		{
			name: "says hostile texts", faults: "web-hostile-text", code: exit.CodeUnknown, kind: "unknown",
			says: "cannot be determined: family-model", hint: "Find out which model the phone is", steps: webByCall + webSeen + "failed", version: versionOld,
		},
		{
			name: "runs it already, by page", faults: noInterface, change: func(c *phonesim.Config) { c.Version = bind.Version{Major: 1, Release: 9, Fix: 2} },
			kind: "nothing-to-do", steps: webByPage + webSeen + "done", version: versionNew,
		},
		{
			name: "another model, by page", faults: noInterface, change: func(c *phonesim.Config) { c.DeviceType = "OpenScape Desk Phone CP400" },
			code: exit.CodeRefused, kind: "refused", says: "the image is not compatible: family-model", hint: "Use an image for", steps: webByPage + webSeen + "failed", version: versionOld,
		},
		{
			name: "another phone's page", faults: "web-other-mac", code: exit.CodeSettings, kind: "another-phone",
			says: "00:1A:E8:00:00:81", hint: "correct the column mac or address in the phone list", steps: webByCall + "page logged-in failed", version: versionOld,
		},
		{name: "dry run", args: []string{"--dry-run"}, kind: "checked", steps: webByCall + webSeen + "done", version: versionOld},
	}
}

func webSendRows() []faultRow {
	cut := faultRow{
		code: exit.CodeUnreachable, kind: "upload-cut", large: true, says: " of 6.0 MiB: the phone still runs V1 R4.9.0",
		hint: "the phone discards an incomplete upload", steps: webByCall + webSeen + "sending failed", version: versionOld,
	}
	cuts, stalls := cut, cut
	cuts.name, cuts.faults = "cuts", "web-cuts"
	stalls.name, stalls.faults = "stalls", "web-stalls"
	forgets := cut
	forgets.large = false
	forgets.name, forgets.faults, forgets.says = "forgets who is there", "web-logs-out", "it logged us out"
	forgets.steps, forgets.instructed = webByCall+webSeen+"sending sent answered failed", true
	refuses := faultRow{
		name: "refuses", faults: "web-refuses", code: exit.CodeRejected, kind: "page-refused", instructed: true,
		says: "it refused the image: Transfer failed: the image is not accepted; the phone still runs V1 R4.9.0", hint: "see the page's message above",
		steps: webByCall + webSent + "failed", version: versionOld,
	}
	level, early := refuses, refuses
	level.name, level.faults = "refuses its level, by page", "level-unsuitable "+noInterface
	level.steps = webByPage + webSent + "failed"
	early.name, early.faults, early.instructed, early.large = "refuses half way", "web-refuses-early", false, true
	early.says, early.steps = "the phone still runs V1 R4.9.0", webByCall+webSeen+"sending failed"
	return []faultRow{
		cuts, stalls, forgets, refuses, level, early,
		{name: "answers without end", faults: "web-huge-answer", kind: "updated", steps: webDone, version: versionNew},
		{
			name: "says ok, and stays", faults: "web-says-ok-stays", code: exit.CodeRejected, kind: "rejected", instructed: true,
			says: "its web page accepted the image, but it did not restart within 10 min and runs V1 R4.9.0", hint: "most often the stated hardware level is wrong",
			steps: webByCall + webSent + "contacted called-back failed", version: versionOld,
		},
	}
}

func webAfterRows() []faultRow {
	bad := func(name, faults, kind, says, hint, steps, version string) faultRow {
		return faultRow{name: name, faults: faults, code: exit.CodeUnverified, kind: kind, instructed: true, says: says, hint: hint, steps: steps, version: version}
	}
	never := bad("never back, by page", "never-comes-back "+noInterface, "never-back", "did not come back within", "do not cut its power",
		webByPage+webSent+"restarting failed", versionOld)
	return []faultRow{
		{name: "by page alone", faults: noInterface, kind: "updated", steps: webByPage + webSent + "restarting back done", version: versionNew},
		bad("back with the old version, by page", "reboots-with-old-version "+noInterface, "old-version", "it restarted and still runs V1 R4.9.0", "query it again later",
			webByPage+webSent+"restarting back failed", versionOld),
		never,
		bad("another key afterwards", "web-other-key-after "+noInterface, "no-answer", "it is back, but its web page does not report its version", "compare sha256:",
			webByPage+webSent+"restarting back failed", versionNew),
		{name: "another key afterwards, but it calls", faults: "web-other-key-after", kind: "updated", steps: webDone, version: versionNew},
	}
}

// TestWebFaults pushes to the page of one phone a row: exit code, error, steps, and what became of the phone. The password
// is in no output.
func TestWebFaults(t *testing.T) {
	t.Parallel()
	image, large := phoneImage(t), newImageOf(t, 6<<20)
	right, wrong := clitest.File(t, "secret", []byte(webPassword+"\n")), clitest.File(t, "wrong", []byte("wrong-canary-77\n"))
	for _, row := range webFaults() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sent := image
			if row.large {
				sent = large
			}
			inMemory(t, func(s *site) {
				phone, pin := s.pagePhone(row.faults, row.change)
				args := []string{"push", sent, phone.Address(), "--web", "--json", "--hw-level", "3"}
				own := strings.ReplaceAll(strings.Join(row.args, " "), "WRONG", wrong)
				if !strings.Contains(own, "--pin") {
					args = append(args, "--pin", pin)
				}
				if !strings.Contains(own, "--password-file") {
					args = append(args, "--password-file", right)
				}
				r := s.run(s.t.Context(), append(args, strings.Fields(strings.ReplaceAll(own, "--pin NONE", ""))...)...)
				row.check(s.t, r, phone.State())
				for _, secret := range []string{webPassword, "wrong-canary"} {
					if strings.Contains(r.out+r.errOut, secret) {
						s.t.Error("the page's password is shown")
					}
				}
			})
		})
	}
}
