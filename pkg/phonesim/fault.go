package phonesim

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Fault is the name of something that a phone does and others do not. Most are no faults of phones that exist, but what a
// service has to expect.
type Fault string

// A FaultInfo is a fault and what it does, a sentence without a capital and a full stop.
type FaultInfo struct {
	Name     Fault
	Sentence string
}

// Faults returns all faults, those of one step after those of the steps before.
func Faults() []FaultInfo {
	var infos []FaultInfo
	for _, row := range rows() {
		infos = append(infos, FaultInfo{row.name, row.sentence})
	}
	return infos
}

// How the contact port answers.
const (
	contactMissing = "404"
	contactGarbage = "garbage"
	contactSilent  = "silent"
	contactGetOnly = "get-only"
	contactIgnored = "ignored"
)

// What a phone in secure mode shows instead of its certificate.
const (
	showsNone  = "none"
	showsOwn   = "own"   // one that it signed itself
	showsOther = "other" // that of another phone
)

// traits are what the faults make of a phone.
type traits struct {
	contact  string // "" or one of the above
	overload bool

	tlsVersion uint16 // the highest, 0 for TLS 1.2
	rsaOnly    bool
	secure     bool
	shows      string                 // in secure mode: "" for its certificate, or one of the following
	sessions   tls.ClientSessionCache // nil for none

	inCall, forEver, noSolicited bool

	noVersion, neverVersion, failedItems, noURI     bool
	userPassword, hostile, huge, fragments          bool
	padded, reversed, badXML, constantNonce         bool
	old, closes, callsTwice, otherMACSecond         bool
	signed, signedInside, otherXML, manyBlanks      bool
	givesUp, severalStatus                          bool
	startUpToLast, reports, sameConversation        bool
	neverFetches, plainFetch, fetchesTwice          bool
	stalls, cuts, resumes, truncated, takesAnything bool
	keepsVersion, otherVersion, neverBack           bool
	elsewhere, secureAfter, otherMACAfter           bool
	noContactPort                                   bool
	web                                             webTraits

	word    string // of a status, instead of ok and failed
	reply   string // to a deployment: "", wpi.Accepted or wpi.Failed
	refusal string // why no image is installed, "" if one may be
}

// A row of the table of faults. Of one group a phone can have one fault only; the group "" has no such limit.
type row struct {
	name     Fault
	group    string
	sentence string
	set      func(*Config, *traits)
}

// rows returns the table of faults, in the order of the steps of an update.
func rows() []row {
	var all []row
	for _, part := range [][]row{contactRows(), tlsRows(), callRows(), messageRows(), deploymentRows(), fetchRows(), imageRows(), restartRows(), webRows(), transferRows()} {
		all = append(all, part...)
	}
	return all
}

// chosen returns the rows of faults.
func chosen(faults []Fault) ([]row, error) {
	var found []row
	groups := map[string]Fault{}
	for _, name := range faults {
		row, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("unknown fault %q", string(name))
		}
		group := row.group
		if group == "" {
			group = string(name)
		}
		if other, taken := groups[group]; taken && other != name {
			return nil, fmt.Errorf("the fault %s cannot be combined with %s", name, other)
		} else if taken {
			continue
		}
		groups[group] = name
		found = append(found, row)
	}
	return found, nil
}

func find(name Fault) (row, bool) {
	for _, row := range rows() {
		if row.name == name {
			return row, true
		}
	}
	return row{}, false
}

func contactRows() []row {
	contact := func(how string) func(*Config, *traits) { return func(_ *Config, t *traits) { t.contact = how } }
	return []row{
		{"ignores-contact", "contact", "acknowledges every contact request and never calls back", contact(contactIgnored)},
		{"contact-404", "contact", "has no contact path and answers 404", contact(contactMissing)},
		{"contact-garbage", "contact", "answers a contact request with data that is not HTTP", contact(contactGarbage)},
		{"contact-silent", "contact", "accepts a contact request and never answers it", contact(contactSilent)},
		{"get-only", "contact", "accepts a contact request by GET and answers 405 to a POST", contact(contactGetOnly)},
		{"no-contact-port", "contact", "has no contact port: a connection there is refused", func(_ *Config, t *traits) { t.noContactPort = true }},
		{"contact-gap", "", "acknowledges but ignores contact requests for some time after one that it obeyed (default 300 s)", func(c *Config, _ *traits) {
			orElse(&c.ContactGap, 300*time.Second)
		}},
		{"overload", "", "closes its contact port for as long as a restart takes when two contact requests arrive within a second", func(_ *Config, t *traits) { t.overload = true }},
	}
}

func tlsRows() []row {
	secure := func(shows string) func(*Config, *traits) {
		return func(_ *Config, t *traits) { t.secure, t.shows = true, shows }
	}
	return []row{
		{"secure-mode", "secure", "is in secure mode: hangs up on a service whose certificate its own authorities did not sign", func(_ *Config, t *traits) { t.secure = true }},
		{"secure-no-certificate", "secure", "is in secure mode and presents no certificate", secure(showsNone)},
		{"secure-own-certificate", "secure", "is in secure mode and presents a certificate that it signed itself", secure(showsOwn)},
		{"secure-other-certificate", "secure", "is in secure mode and presents the certificate of another phone", secure(showsOther)},
		{"tls-1.0-only", "tls", "speaks nothing newer than TLS 1.0", func(_ *Config, t *traits) { t.tlsVersion = tls.VersionTLS10 }},
		{"tls-1.3", "tls", "speaks TLS 1.3 too", func(_ *Config, t *traits) { t.tlsVersion = tls.VersionTLS13 }},
		{"rsa-kex-only", "tls", "supports only cipher suites with RSA key exchange and CBC", func(_ *Config, t *traits) { t.rsaOnly = true }},
		{"resumes-tls", "", "resumes its TLS sessions", func(_ *Config, t *traits) { t.sessions = tls.NewLRUClientSessionCache(4) }},
	}
}

func callRows() []row {
	return []row{
		{"calls-late", "", "calls back some time after the contact request (default 90 s)", func(c *Config, _ *traits) { orElse(&c.CallDelay, 90*time.Second) }},
		{"calls-twice", "", "calls back twice for each contact request", func(_ *Config, t *traits) { t.callsTwice = true }},
		{"close-connections", "", "opens a connection for every message and announces it", func(_ *Config, t *traits) { t.closes = true }},
		{"busy", "call", "is in a call for some time (default 60 s); if told to, it calls back when the call ends", func(c *Config, t *traits) {
			orElse(&c.CallLength, 60*time.Second)
			t.inCall = true
		}},
		{"busy-forever", "call", "is in a call that does not end", func(_ *Config, t *traits) { t.inCall, t.forEver = true, true }},
		{"busy-no-solicited", "call", "is in a call like busy, but has old firmware that does not call back when the call ends", func(c *Config, t *traits) {
			orElse(&c.CallLength, 60*time.Second)
			t.inCall, t.noSolicited = true, true
		}},
		{"overload-gives-up", "", "does not call again after a service ended the conversation with the reason overload", func(_ *Config, t *traits) { t.givesUp = true }},
		{"other-mac", "", "has another MAC address from its second call on", func(_ *Config, t *traits) { t.otherMACSecond = true }},
	}
}

func messageRows() []row {
	set := func(field func(*traits) *bool) func(*Config, *traits) {
		return func(_ *Config, t *traits) { *field(t) = true }
	}
	return []row{
		{"no-version", "version", "reports its version only when queried", set(func(t *traits) *bool { return &t.noVersion })},
		{"never-version", "version", "never reports its version", set(func(t *traits) *bool { return &t.neverVersion })},
		{"part-number-unknown", "", "reports its part number as Unknown", func(c *Config, _ *traits) { c.PartNumber = "Unknown" }},
		{"failed-items", "", "has items of status failed among the others, including its part number", set(func(t *traits) *bool { return &t.failedItems })},
		{"no-contact-uri", "", "does not report its contact address", set(func(t *traits) *bool { return &t.noURI })},
		{"user-pwd", "", "sends its user's password in clear", set(func(t *traits) *bool { return &t.userPassword })},
		{"hostile-text", "", "has a device type of 60 KB with terminal control sequences", set(func(t *traits) *bool { return &t.hostile })},
		{"padded", "", "puts spaces and line breaks around every value", set(func(t *traits) *bool { return &t.padded })},
		{"attributes-reversed", "", "writes attributes in the opposite order", set(func(t *traits) *bool { return &t.reversed })},
		{"spaces-in-version", "", "reports its version with several spaces in it", set(func(t *traits) *bool { return &t.manyBlanks })},
		{"signed", "signature", "sends each message within an XML signature, which nobody can verify", set(func(t *traits) *bool { return &t.signed })},
		{"signature-inside", "signature", "sends each message with an XML signature in it, which nobody can verify", set(func(t *traits) *bool { return &t.signedInside })},
		{"other-xml", "", "writes XML otherwise: byte order mark, prefixes, another namespace, capitals, a list for each item", set(func(t *traits) *bool { return &t.otherXML })},
		{"constant-nonce", "", "uses the same nonce for every message", set(func(t *traits) *bool { return &t.constantNonce })},
		{"fragments", "", "sends its first message, and all items when queried for them, in fragments", set(func(t *traits) *bool { return &t.fragments })},
		{"bad-xml", "xml", "sends XML that is not well-formed", set(func(t *traits) *bool { return &t.badXML })},
		{"huge-message", "xml", "sends more than 1 MiB in one message", set(func(t *traits) *bool { return &t.huge })},
		{"old-xml", "", "aborts at chunks, at the entities for & < > and at text before the XML", set(func(t *traits) *bool { return &t.old })},
	}
}

func deploymentRows() []row {
	return []row{
		{"refuse-deployment", "reply", "answers a deployment with failed", func(_ *Config, t *traits) { t.reply = wpi.Failed }},
		{"accepts", "reply", "answers a deployment with accepted before it fetches", func(_ *Config, t *traits) { t.reply = wpi.Accepted }},
		{"silent-deployment", "reply", "does not answer a deployment, as without any fault", func(_ *Config, t *traits) { t.reply = "" }},
		{"status-same-call", "", "reports on a file in the conversation in which it got the command to fetch it", func(_ *Config, t *traits) { t.sameConversation = true }},
	}
}

func fetchRows() []row {
	return []row{
		{"never-fetches", "fetch", "gets the command to fetch and never does", func(_ *Config, t *traits) { t.neverFetches = true }},
		{"stalls-mid-download", "fetch", "stops reading half way and keeps the connection", func(_ *Config, t *traits) { t.stalls = true }},
		{"cut-mid-download", "fetch", "cuts the connection half way and gives up", func(_ *Config, t *traits) { t.cuts = true }},
		{"cut-and-resumes", "fetch", "cuts the connection half way and fetches the rest over another", func(_ *Config, t *traits) { t.cuts, t.resumes = true, true }},
		{"fetches-twice", "fetch", "fetches the whole image a second time before it installs it", func(_ *Config, t *traits) { t.fetchesTwice = true }},
		{"fetch-no-tls", "", "requests an HTTPS file without TLS", func(_ *Config, t *traits) { t.plainFetch = true }},
	}
}

func imageRows() []row {
	refuse := func(why string) func(*Config, *traits) { return func(_ *Config, t *traits) { t.refusal = why } }
	return []row{
		{"reject-image", "image", "installs no image and gives no reason", refuse("it installs no image")},
		{"wrong-device", "image", "treats every image as one for another device", refuse("it is for another device")},
		{"level-unsuitable", "image", "treats its hardware level as unsupported by every image", refuse("the hardware level is not supported")},
		{"truncated", "image", "loses the last byte of an image", func(_ *Config, t *traits) { t.truncated = true }},
		{"takes-any-image", "image", "also installs files without a known header, and takes type and version from the deployment", func(_ *Config, t *traits) { t.takesAnything = true }},
		{"status-failed", "status", "installs no image and reports that in a status message", func(_ *Config, t *traits) {
			t.reports = true
			if t.refusal == "" {
				t.refusal = "it installs no image"
			}
		}},
		{"status-ok", "status", "reports on an image in a status message before it restarts or goes on", func(_ *Config, t *traits) { t.reports = true }},
		{"status-other-word", "status", "reports on an image in a status message with the word deferred, before it restarts or goes on", func(_ *Config, t *traits) {
			t.reports, t.word = true, "deferred"
		}},
		{"status-several", "", "reports on an image and on two other files in one status message, which say the opposite", func(_ *Config, t *traits) {
			t.reports, t.severalStatus = true, true
		}},
	}
}

func restartRows() []row {
	return []row{
		{"reboots-with-old-version", "outcome", "restarts for a new image and still runs the old version", func(_ *Config, t *traits) { t.keepsVersion = true }},
		{"restarts-with-other-version", "outcome", "restarts with a version that is not the image's", func(_ *Config, t *traits) { t.otherVersion = true }},
		{"never-comes-back", "back", "goes down for a new image and stays down", func(_ *Config, t *traits) { t.neverBack = true }},
		{"comes-back-elsewhere", "back", "comes back from an update at another port", func(_ *Config, t *traits) { t.elsewhere = true }},
		{"comes-back-secure", "secure", "comes back from an update in secure mode", func(_ *Config, t *traits) { t.secureAfter = true }},
		{"comes-back-other-mac", "", "comes back from an update with another MAC address", func(_ *Config, t *traits) { t.otherMACAfter = true }},
		{"start-up-to-last", "", "also reports its start to the address that it called last", func(_ *Config, t *traits) { t.startUpToLast = true }},
	}
}

func orElse(d *time.Duration, otherwise time.Duration) {
	if *d == 0 {
		*d = otherwise
	}
}
