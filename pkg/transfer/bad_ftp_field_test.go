package transfer_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// ftpTellWants are those of servers that do not tell whether a file is there: what can be read back is proven.
func ftpTellWants() map[string]want {
	wants := map[string]want{
		"tell-not-found-always":       {proofs: []transfer.Proof{transfer.ProofSize}},
		"tell-not-found-nor-list":     {proofs: []transfer.Proof{transfer.ProofReadBack}},
		"tell-not-found-nor-anything": fails(transfer.KindUnproven),
		"tell-not-found-nor-retr":     {proofs: []transfer.Proof{transfer.ProofSize}},
		"tell-not-found-but-listed":   {proofs: []transfer.Proof{transfer.ProofSize}},
		"tell-german":                 {proofs: []transfer.Proof{transfer.ProofSize}},
	}
	for _, tell := range badserver.Tells() {
		if _, ok := wants[tell.Name]; !ok {
			wants[tell.Name] = want{}
		}
	}
	// Nobody may rename there, and nobody knows what a file in place would replace.
	wants["tell-no-rename-no-list"] = want{kinds: []transfer.Kind{transfer.KindDenied}, code: 550, never: "STOR"}
	wants["tell-nothing-but-words-for-all"] = wants["tell-no-rename-no-list"]
	return wants
}

// TestUnknownIsNotAbsent: without leave to overwrite, a file whose absence is not known is never touched.
func TestUnknownIsNotAbsent(t *testing.T) {
	t.Parallel()
	for _, tell := range badserver.Tells() {
		for _, inPlace := range []bool{false, true} {
			name := tell.Name
			if inPlace {
				name += "-in-place"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				send(t, tell.Start(t), tell.Silent, want{kinds: []transfer.Kind{transfer.KindExists}, never: "STOR", old: true, noOverwrite: true, inPlace: inPlace, retries: 2})
				free := want{noOverwrite: true, inPlace: inPlace}
				if tell.Blind {
					free = want{kinds: []transfer.Kind{transfer.KindExists}, has: "may be there already", never: "STOR", noOverwrite: true, inPlace: inPlace}
				}
				if tell.Name == "tell-size-denied-no-list" { // RNFR says that there is no such file
					free.proofs = []transfer.Proof{transfer.ProofReadBack}
				}
				send(t, tell.Start(t), tell.Silent, free)
			})
		}
	}
}

// TestInPlaceFails: what was there before an attempt in place is not removed if nobody knows whether it is still there.
func TestInPlaceFails(t *testing.T) {
	t.Parallel()
	for _, tell := range badserver.Tells() {
		t.Run(tell.Name, func(t *testing.T) {
			t.Parallel()
			row := tell.FTPRow
			row.Faults = append(row.Faults[:len(row.Faults):len(row.Faults)], badserver.Always("STOR", badserver.Say("150 Send it.\r\n552 Over the quota.\r\n")),
				badserver.Always(badserver.Incoming, badserver.NeverAccept("x")), badserver.Always(badserver.Complete, badserver.Say("")))
			send(t, row.Start(t), row.Silent, want{kinds: []transfer.Kind{transfer.KindFull}, old: true, inPlace: true})
		})
	}
}

// ftpWindowsWants are those of servers that do not replace by renaming, and of passing faults.
func ftpWindowsWants() map[string]want {
	exists := want{kinds: []transfer.Kind{transfer.KindExists}, code: 550, old: true, once: "STOR"}
	busy := want{kinds: []transfer.Kind{transfer.KindBusy}, code: 550, retries: 2, once: "STOR"}
	busyOld := busy
	busyOld.old = true
	full := want{kinds: []transfer.Kind{transfer.KindFull}, code: 552, once: "STOR"}
	left := full
	left.left = true
	denied := want{kinds: []transfer.Kind{transfer.KindDenied}, old: true, once: "STOR"}
	return map[string]want{
		"iis-exists":            exists,
		"iis-exists-german":     exists,
		"iis-access-denied":     denied,
		"rnto-cannot-rename":    {kinds: denied.kinds, code: 553, old: true, once: "STOR"},
		"rnto-name-says-denied": exists,
		"sharing-rnto-thrice":   {attempts: 1, old: true, once: "STOR"},
		"sharing-rnto-450":      {attempts: 1, once: "STOR"},
		"sharing-rnto-german":   {attempts: 1, once: "STOR"},
		"sharing-rnto-always":   busyOld,
		"sharing-rnfr-twice":    {attempts: 1, once: "STOR"},
		"sharing-dele-thrice":   full,
		"sharing-dele-always":   left,
	}
}

// ftpNameWants are those of servers that do not accept every name, or no renaming.
func ftpNameWants() map[string]want {
	size := want{proofs: []transfer.Proof{transfer.ProofSize}}
	return map[string]want{
		"names-no-part":                 {old: true},
		"names-no-part-denied":          {old: true, once: "STOR"},
		"names-no-part-stor-only":       {old: true},
		"names-bind-only":               size,
		"names-bind-only-without-words": {old: true},
		"names-short-only":              {old: true},
		"names-long-without-words":      {old: true},
		"names-no-temporary":            {once: "STOR"},
		"names-no-temporary-stor-only":  size,
		"names-final-too-long":          {kinds: []transfer.Kind{transfer.KindName}, code: 550, never: "STOR"},
		"no-rename-no-delete":           {once: "STOR"},
	}
}

// ftpOutOfStepWants are those of replies that belong to no command, or that end with another code.
func ftpOutOfStepWants() map[string]want {
	protocol := fails(transfer.KindProtocol)
	otherwise := func(words string) want {
		return want{kinds: protocol.kinds, has: words, retries: 2}
	}
	return map[string]want{
		"step-226-before-size":       protocol,
		"step-226-before-hash":       protocol,
		"step-226-before-xsha256":    protocol,
		"step-226-before-rnfr":       either(transfer.KindProtocol),
		"step-226-before-rnto":       either(transfer.KindProtocol),
		"step-213-before-rnto":       either(transfer.KindProtocol),
		"step-226-then-rnto-refused": fails(transfer.KindProtocol, transfer.KindDenied),
		"step-200-before-epsv":       either(transfer.KindProtocol),
		"step-226-before-dele":       {kinds: []transfer.Kind{transfer.KindFull}, code: 552},
		"step-220-before-331":        {kinds: protocol.kinds, never: "PASS"},
		"ends-otherwise-complete":    otherwise("That was all."),
		"ends-otherwise-stor":        otherwise("Not into this folder."),
		"ends-otherwise-pass":        otherwise("Not you."),
		"ends-otherwise-greeting":    otherwise("Come in."),
		"ends-otherwise-and-closed":  otherwise("Not into this folder."),
	}
}

// ftpFormWants are those of replies in forms that standard or practice know.
func ftpFormWants() map[string]want {
	wants := map[string]want{
		"pasv-two-groups":        either(transfer.KindProtocol),
		"opts-421":               {kinds: []transfer.Kind{transfer.KindBusy}, code: 421},
		"opts-silent":            fails(transfer.KindTimeout),
		"retr-426-at-the-end":    {readBack: true, proofs: []transfer.Proof{transfer.ProofReadBack}, attempts: 1},
		"retr-cut-at-the-end":    {readBack: true, proofs: []transfer.Proof{transfer.ProofReadBack}, attempts: 1},
		"tls-strict-end":         {readBack: true, proofs: []transfer.Proof{transfer.ProofReadBack}, attempts: 1},
		"tls-strict-end-list":    {proofs: []transfer.Proof{transfer.ProofSize}},
		"greeting-200":           {},
		"auth-ssl-only-234-late": {},
	}
	for _, row := range badserver.FormRows() {
		if _, ok := wants[row.Name]; !ok {
			wants[row.Name] = want{}
		}
	}
	return wants
}
