package transfer_test

import "github.com/cpupdate/cpupdate/pkg/transfer"

func ftpPassiveWants() map[string]want {
	ok, protocol := want{}, fails(transfer.KindProtocol)
	odd := either(transfer.KindProtocol, transfer.KindUnreachable) // PASV is still there
	unreachable := fails(transfer.KindUnreachable)
	noAnswer := fails(transfer.KindTimeout, transfer.KindUnreachable)
	intruder := fails(transfer.KindUnproven, transfer.KindBroken)
	return map[string]want{
		"pasv-foreign-host":    ok,
		"epsv-refused":         ok,
		"epsv-522":             ok,
		"epsv-port-closed":     ok,
		"epsv-port-blocked":    ok,
		"pasv-port-closed":     unreachable,
		"pasv-port-blocked":    noAnswer,
		"both-ports-closed":    unreachable,
		"both-ports-blocked":   noAnswer,
		"pasv-garbage":         protocol,
		"pasv-too-few-numbers": protocol,
		"pasv-numbers-too-big": protocol,
		"pasv-port-0":          fails(transfer.KindProtocol, transfer.KindUnreachable),
		"pasv-refused-too":     fails(transfer.KindRefused, transfer.KindProtocol),
		"epsv-garbage":         odd,
		"epsv-port-0":          odd,
		"epsv-port-too-big":    odd,
		"epsv-negative-port":   odd,
		"epsv-intruder-empty":  intruder,
		"epsv-intruder-other":  intruder,
	}
}

func ftpDataWants() map[string]want {
	noData := fails(transfer.KindUnreachable, transfer.KindBroken, transfer.KindBusy, transfer.KindRefused)
	lies := fails(transfer.KindBroken, transfer.KindUnproven)
	broken, full := fails(transfer.KindBroken), want{kinds: []transfer.Kind{transfer.KindFull}, size: 8 << 20}
	early := full
	early.resets = true
	return map[string]want{
		"data-never-accepted":         fails(transfer.KindTimeout),
		"data-never-accepted-425":     noData,
		"data-closed-at-once":         broken,
		"data-closed-at-once-226":     lies,
		"data-reset-at-once":          broken,
		"data-reset-at-once-226":      lies,
		"data-reset-once":             {retries: 1, attempts: 2},
		"data-stall":                  {kinds: []transfer.Kind{transfer.KindTimeout}, size: 8 << 20, resets: true},
		"data-stall-in-the-middle":    {kinds: []transfer.Kind{transfer.KindTimeout}, size: 8 << 20, resets: true},
		"data-stall-once":             {retries: 1, attempts: 2, size: 8 << 20, resets: true},
		"both-cut-in-the-middle":      broken,
		"both-cut-in-the-middle-once": {retries: 1, attempts: 2},
		"stor-425":                    noData,
		"stor-150-twice":              either(transfer.KindProtocol),
		"stor-125":                    {},
		"stor-226-at-once":            fails(transfer.KindProtocol, transfer.KindUnproven),
		"ascii-unless-type-i":         {proofs: []transfer.Proof{transfer.ProofSize}},
		"forgets-what-was-reset":      {kinds: []transfer.Kind{transfer.KindBusy, transfer.KindRefused}, code: 451},
		"early-552-stops-reading":     early,
		"early-552-goes-on-reading":   full,
		"early-452-stops-reading":     early,
		"early-421-stops-reading":     {kinds: []transfer.Kind{transfer.KindBusy}, size: 8 << 20, resets: true},
		"early-226-goes-on-reading":   either(transfer.KindProtocol, transfer.KindUnproven),
	}
}

func ftpCompleteWants() map[string]want {
	full := want{kinds: []transfer.Kind{transfer.KindFull}}
	local := want{kinds: []transfer.Kind{transfer.KindBusy, transfer.KindRefused}, code: 451}
	leaves := local
	leaves.left = true
	lost := fails(transfer.KindBroken, transfer.KindUnproven)
	return map[string]want{
		"complete-250":                    {},
		"complete-426":                    {kinds: []transfer.Kind{transfer.KindBroken, transfer.KindBusy}, code: 426},
		"complete-451":                    local,
		"complete-451-once":               {retries: 1, either: true, kinds: local.kinds, code: 451},
		"complete-452":                    full,
		"complete-550":                    {kinds: refusals(), code: 550},
		"complete-551":                    {kinds: refusals(), code: 551},
		"complete-552":                    full,
		"complete-553":                    fails(transfer.KindName, transfer.KindDenied),
		"complete-350":                    fails(transfer.KindProtocol),
		"complete-451-dele-refused":       leaves,
		"complete-552-dele-cut":           {kinds: full.kinds, code: 552, unsure: true},
		"complete-never":                  either(transfer.KindTimeout),
		"complete-lost":                   {attempts: 1, proofs: []transfer.Proof{transfer.ProofSize}},
		"complete-reset":                  {attempts: 1, proofs: []transfer.Proof{transfer.ProofSize}},
		"complete-lost-file-short":        lost,
		"complete-lost-file-changed":      lost,
		"complete-lost-nobody-answers":    {kinds: []transfer.Kind{transfer.KindBroken, transfer.KindUnreachable}, unsure: true},
		"complete-lost-short-once":        {retries: 1, attempts: 2},
		"control-dropped-during-data":     {},
		"control-dropped-during-data-421": either(transfer.KindBusy),
	}
}

func ftpProofWants() map[string]want {
	unproven := fails(transfer.KindUnproven)
	senseless := either(transfer.KindUnproven, transfer.KindProtocol) // MLST is still there
	size := want{proofs: []transfer.Proof{transfer.ProofSize}}
	digest := want{proofs: []transfer.Proof{transfer.ProofDigest}}
	noDigest := want{lacks: []transfer.Proof{transfer.ProofDigest}}
	noSense := want{lacks: noDigest.lacks, either: true, kinds: senseless.kinds}
	wants := map[string]want{
		"stores-more":                   unproven,
		"stores-less":                   unproven,
		"stores-nothing":                unproven,
		"stores-other-line-ends":        unproven,
		"stores-a-changed-byte":         unproven,
		"stores-a-changed-byte-xsha256": unproven,
		"stores-a-changed-byte-unseen":  {unseen: true, lacks: noDigest.lacks},
		"forgets-the-file":              unproven,
		"size-bigger":                   unproven,
		"size-smaller":                  unproven,
		"size-zero":                     unproven,
		"size-modulo-64k":               unproven,
		"size-negative":                 senseless,
		"size-too-big-a-number":         senseless,
		"size-garbage":                  senseless,
		"size-empty":                    senseless,
		"size-trailing-blank":           size,
		"size-with-unit":                senseless,
		"size-502-mlst":                 size,
		"size-502-list":                 size,
		"size-502-nothing-else":         {either: true, kinds: unproven.kinds, lacks: []transfer.Proof{transfer.ProofSize}},
		"size-502-nor-retr":             unproven,
		"size-550-always":               either(transfer.KindUnproven),
		"hash-other-algorithm":          noDigest,
	}
	for _, command := range []string{"hash-", "xsha256-"} {
		wants[command+"right"] = digest
		wants[command+"uppercase"] = digest
		wants[command+"wrong"] = unproven
		wants[command+"too-short"] = noSense
		wants[command+"garbage"] = noSense
		wants[command+"empty"] = noSense
		wants[command+"refused"] = noDigest
		wants[command+"unknown-after-all"] = noDigest
	}
	return wants
}
