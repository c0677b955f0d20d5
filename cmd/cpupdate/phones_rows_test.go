package main

import (
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// reachRows are phones that cannot be asked to call.
func reachRows() []faultRow {
	return []faultRow{
		{
			name: "contact 404", faults: "contact-404", code: exit.CodeRejected, kind: "not-a-phone",
			says: "refused with status 404, phones answer 204", hint: "check the address", steps: "failed", version: versionOld,
		},
		{
			name: "contact garbage", faults: "contact-garbage", code: exit.CodeRejected, kind: "not-a-phone",
			says: "the answer is not HTTP", hint: "check the address", steps: "failed", version: versionOld,
		},
		{
			name: "contact silent", faults: "contact-silent", code: exit.CodeUnreachable, kind: "unreachable",
			says: "it cannot be reached", hint: "keep it on power and LAN", steps: "failed", version: versionOld,
		},
		{
			name: "no contact port", faults: "no-contact-port", code: exit.CodeUnreachable, kind: "unreachable",
			says: "it cannot be reached", hint: "no firewall blocks its contact port (8085 by default)", steps: "failed", version: versionOld,
		},
		{name: "contact by GET", faults: "get-only", kind: "updated", steps: stepsOfDone, version: versionNew, commands: 1},
	}
}

// callRows are phones that took note, and call late, in a strange way or not at all.
func callRows() []faultRow {
	old := func(code exit.Code, kind, says, hint string) faultRow {
		return faultRow{code: code, kind: kind, says: says, hint: hint, steps: "(contacted )*failed", version: versionOld}
	}
	named := func(r faultRow, name, faults string) faultRow {
		r.name, r.faults = name, faults
		return r
	}
	const modern, firewall = "if it is an old phone, use --legacy-tls", "open the port for the phone's call in this machine's firewall"
	return []faultRow{
		named(old(exit.CodeUnreachable, "no-call-back", "call", firewall),
			"never calls", "ignores-contact"),
		named(old(exit.CodeSettings, "tls", "it calls back, but no TLS connection can be established", modern), "TLS 1.0", "tls-1.0-only"),
		named(old(exit.CodeSettings, "tls", "it calls back, but no TLS connection can be established", modern), "RSA key exchange", "rsa-kex-only"),
		named(old(exit.CodeSettings, "not-trusted", "it calls back, but does not trust the certificate of this machine: TLS alert: ", "with --service-cert, check that an authority which the phone trusts signed it"), "secure mode", "secure-mode"),
		named(old(exit.CodeRejected, "garbled", "its message cannot be parsed", "check that it is a phone of this family"), "bad XML", "bad-xml"),
		{
			name: "TLS 1.0, let in", faults: "tls-1.0-only", args: []string{"--legacy-tls"}, kind: "updated",
			steps: stepsOfDone, version: versionNew, commands: 1,
		},
		{
			name: "RSA key exchange, let in", faults: "rsa-kex-only", args: []string{"--legacy-tls"}, kind: "updated",
			steps: stepsOfDone, version: versionNew, commands: 1,
		},
		{
			name: "calls late", faults: "calls-late", change: func(c *phonesim.Config) { c.CallDelay = 300 * time.Millisecond }, kind: "updated",
			steps: stepsOfDone, version: versionNew, commands: 1,
		},
		{name: "calls twice", faults: "calls-twice", kind: "updated", steps: ".*done", version: versionNew, commands: 1},
	}
}

// checkRows are phones that are asked, and told nothing, or that have to be asked for something.
func checkRows() []faultRow {
	const stepsToFailed = "contacted called-back checked failed"
	return []faultRow{
		{
			name: "says its version when asked", faults: "no-version", kind: "updated",
			steps: "contacted reading called-back checked told fetched restarting back contacted reading called-back done", version: versionNew, commands: 1,
		},
		{
			name: "never says its version", faults: "never-version", code: exit.CodeUnknown, kind: "unknown",
			says: "cannot be determined: downgrade, same-version", hint: "--running", steps: "contacted reading called-back checked failed", version: versionOld,
		},
		{
			name: "runs it already", change: func(c *phonesim.Config) { c.Version = bind.Version{Major: 1, Release: 9, Fix: 2} }, kind: "nothing-to-do",
			steps: "contacted called-back checked done", version: versionNew,
		},
		{
			name: "another model", change: func(c *phonesim.Config) { c.DeviceType = "OpenScape Desk Phone CP400" }, code: exit.CodeRefused, kind: "refused",
			says: "the image is not compatible: family-model", hint: "Use an image for", steps: stepsToFailed, version: versionOld,
		},
		{
			name: "another type of software", change: func(c *phonesim.Config) { c.SoftwareType = "Unify SIP" }, code: exit.CodeRefused, kind: "refused",
			says: "the image is not compatible: software-type", hint: "--allow-type-change", steps: stepsToFailed, version: versionOld,
		},
		{
			name: "runs a newer version", change: func(c *phonesim.Config) { c.Version = bind.Version{Major: 2} }, code: exit.CodeRefused, kind: "refused",
			says: "the image is not compatible: downgrade", hint: "--allow-downgrade", steps: stepsToFailed, version: "V2 R0.0.0",
		},
	}
}

// instructedRows are phones that answer when they are told.
func instructedRows() []faultRow {
	const round = "contacted called-back checked told busy"
	return []faultRow{
		{name: "accepts", faults: "accepts", kind: "updated", steps: stepsToInstructed + " accepted fetched restarting back contacted called-back done", version: versionNew, commands: 1},
		{
			name: "refuses", faults: "refuse-deployment", code: exit.CodeRejected, kind: "not-taken", instructed: true,
			says: "it refused the update", hint: "its settings may forbid updates", steps: stepsToInstructed + " failed", version: versionOld, commands: 1,
		},
		{
			name: "in a call for ever", faults: "busy-forever", args: []string{"--patience", "9m30s"}, code: exit.CodeUnreachable, kind: "busy",
			says: "it has been in a call for ", hint: "--priority immediate", steps: round + "( " + round + ")* failed", version: versionOld, commands: -1,
		},
		{
			name: "in a call", faults: "busy", change: untilBusy, kind: "updated",
			steps: round + "( " + round + ")*( contacted)? called-back checked told fetched restarting back contacted called-back done", version: versionNew, commands: -1,
		},
		{
			name: "in a call, and forgets", faults: "busy-no-solicited", change: untilBusy, kind: "updated",
			steps: round + "( " + round + ")* " + stepsOfDone, version: versionNew, commands: -1,
		},
		{
			name: "in a call, immediate", faults: "busy-forever", args: []string{"--priority", "immediate"}, kind: "updated",
			steps: stepsOfDone, version: versionNew, commands: 1,
		},
		{name: "says nothing", faults: "silent-deployment", kind: "updated", steps: stepsOfDone, version: versionNew, commands: 1},
	}
}

// fetchRows are phones that do not fetch, or not as others do.
func fetchRows() []faultRow {
	cut := faultRow{
		code: exit.CodeUnreachable, kind: "cut", instructed: true, says: " of 3145", hint: "the phone keeps its old software",
		steps: stepsToInstructed + " fetching failed", version: versionOld, commands: 1,
	}
	stalls, cuts, says := cut, cut, cut
	stalls.name, stalls.faults = "stalls", "stalls-mid-download"
	cuts.name, cuts.faults = "cuts", "cut-mid-download"
	stalls.steps = stepsToInstructed + " fetching( contacted)*( called-back)? failed" // it is asked before it is given up
	cuts.steps = stalls.steps
	says.name, says.faults, says.says = "cuts, and says so", "cut-mid-download status-ok", "it reports that its update failed, after "
	never := faultRow{
		code: exit.CodeUnreachable, kind: "never-fetched", instructed: true, says: "it received the update command, but did not request the image within",
		hint: "no firewall blocks it", steps: stepsToInstructed + " failed", version: versionOld, commands: 1,
	}
	fetchless, plain := never, never
	fetchless.name, fetchless.faults = "never fetches", "never-fetches"
	plain.name, plain.faults, plain.only, plain.steps = "fetches without TLS", "fetch-no-tls", "https", stepsToInstructed+" failed"
	plain.code, plain.kind, plain.says, plain.hint = exit.CodeRejected, "asks-otherwise", "the request came without TLS; it sent", "no firewall is the cause"
	return []faultRow{
		fetchless, plain, stalls, cuts, says,
		{name: "cuts and goes on", faults: "cut-and-resumes", kind: "updated", steps: stepsOfDone, version: versionNew, commands: 1},
		{name: "fetches twice", faults: "fetches-twice", kind: "updated", steps: stepsOfDone, version: versionNew, commands: 1},
	}
}

// installRows are phones that have the whole image.
func installRows() []faultRow {
	rejected := func(name, faults string) faultRow {
		return faultRow{
			name: name, faults: faults, code: exit.CodeRejected, kind: "rejected", instructed: true,
			says: "it fetched the whole image", hint: "most often the stated hardware level is wrong",
			steps: stepsOfRejected, version: versionOld, commands: 1,
		}
	}
	bad := func(name, faults, kind, says, hint, steps, version string) faultRow {
		return faultRow{
			name: name, faults: faults, code: exit.CodeUnverified, kind: kind, instructed: true,
			says: says, hint: hint, steps: steps, version: version, commands: 1,
		}
	}
	neverBack := bad("never back", "never-comes-back", "never-back", "it went down to restart and did not come back within", "do not cut its power", stepsToRestart+" failed", versionOld)
	elsewhere := bad("back elsewhere", "comes-back-elsewhere", "never-back", "did not come back within", "it may have a new address", stepsToRestart+" failed", versionNew)
	secure := bad("back in secure mode", "comes-back-secure", "no-answer", "it is back, but does not report its version", "query it again", stepsToRestart+" back contacted failed", versionNew)
	return []faultRow{
		rejected("rejects it", "reject-image"),
		rejected("takes it for another device's", "wrong-device"),
		rejected("takes its level for unsuitable", "level-unsuitable"),
		rejected("loses a byte", "truncated"),
		{
			name: "says that it failed", faults: "status-failed", code: exit.CodeRejected, kind: "says-failed", instructed: true,
			says: "it reports that its update failed", hint: "check the phone's display", steps: stepsToFetched + " failed", version: versionOld, commands: 1,
		},
		{
			name: "says that it failed, among other files", faults: "status-several status-failed signature-inside", code: exit.CodeRejected, kind: "says-failed",
			instructed: true, says: "it reports that its update failed", hint: "check the phone's display", steps: stepsToFetched + " failed", version: versionOld, commands: 1,
		},
		{
			name: "says another word, and stays as it is", faults: "status-other-word reject-image spaces-in-version", code: exit.CodeRejected, kind: "rejected",
			instructed: true, says: "did not restart within 10 min and runs V1 R4.9.0: it reported the status deferred for the image", hint: "see the phone's display",
			steps: stepsOfRejected, version: versionOld, commands: 1,
		},
		{name: "says that it is well", faults: "status-ok", kind: "updated", steps: stepsOfDone, version: versionNew, commands: 1},
		{
			name: "does not look at it", faults: "takes-any-image", kind: "updated",
			steps: stepsOfDone, version: versionNew, commands: 1,
		},
		bad("back with the old version", "reboots-with-old-version", "old-version", "it restarted and still runs V1 R4.9.0", "query it again later",
			stepsToRestart+" back contacted called-back failed", versionOld),
		bad("back with another version", "restarts-with-other-version", "old-version", "which is neither the old nor the new software", "query it again later",
			stepsToRestart+" back contacted called-back failed", "V1 R9.2.1"),
		neverBack, elsewhere, secure,
		bad("back with another MAC", "comes-back-other-mac", "another-phone", "another phone answers at this address", "which phone has that address now",
			stepsToRestart+" back contacted failed", versionNew),
		bad("another MAC at its second call", "other-mac", "another-phone", "which it reported before", "which phone has that address now",
			stepsToRestart+" back contacted failed", versionNew),
		{
			name: "does not call after it refused", faults: "reject-image contact-gap", change: func(c *phonesim.Config) { c.ContactGap = time.Hour }, code: exit.CodeUnverified, kind: "no-answer", instructed: true,
			says: "it was not observed to restart, and does not report its version", hint: "query it again", steps: stepsToFetched + " contacted failed", version: versionOld, commands: 1,
		},
	}
}

// oddRows are phones that are updated in spite of what they do.
func oddRows() []faultRow {
	var rows []faultRow
	for _, faults := range []string{
		"close-connections", "part-number-unknown", "failed-items", "no-contact-uri", "padded", "attributes-reversed", "constant-nonce", "fragments",
		"spaces-in-version", "signed", "signature-inside", "other-xml", "status-several", "status-other-word", "overload-gives-up",
		"signed other-xml spaces-in-version padded attributes-reversed fragments status-several status-other-word",
		"old-xml", "contact-gap", "padded attributes-reversed constant-nonce fragments old-xml close-connections accepts status-ok",
	} {
		rows = append(rows, faultRow{name: faults, faults: faults, kind: "updated", steps: "contacted .* done", version: versionNew, commands: 1})
	}
	return append(rows,
		faultRow{name: "start-up to us", faults: "start-up-to-last", kind: "updated", steps: stepsToRestart + "( back( contacted called-back)?)? done", version: versionNew, commands: 1},
		faultRow{name: "reports in the same call", faults: "status-same-call accepts status-ok", kind: "updated", steps: "contacted .* done", version: versionNew, commands: 1},
	)
}
