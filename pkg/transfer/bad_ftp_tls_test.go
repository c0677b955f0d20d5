package transfer_test

import "github.com/cpupdate/cpupdate/pkg/transfer"

func ftpRenameWants() map[string]want {
	denied := either(refusals()...) // in place, or not at all
	leaves := want{kinds: refusals(), left: true}
	noFolder := want{kinds: refusals(), makeFolder: true, never: "STOR"}
	return map[string]want{
		"rnfr-500":              either(transfer.KindRefused),
		"rnfr-502":              either(transfer.KindRefused),
		"rnfr-550":              denied,
		"rnfr-250":              either(transfer.KindProtocol),
		"rnto-exists":           {kinds: []transfer.Kind{transfer.KindExists}, code: 553, old: true},
		"rnto-550":              denied,
		"rnto-553":              either(transfer.KindName, transfer.KindDenied),
		"rnto-and-gone":         fails(transfer.KindUnproven),
		"rnto-226":              either(transfer.KindProtocol),
		"rnto-250-not-done":     {kinds: []transfer.Kind{transfer.KindUnproven}, old: true, once: "STOR"},
		"rnto-202-not-done":     {kinds: []transfer.Kind{transfer.KindUnproven}, old: true, once: "STOR"},
		"rnto-lost":             {},
		"rnto-cut-not-done":     fails(transfer.KindBroken),
		"rnto-and-dele-refused": leaves,
		"rnto-and-dele-502":     leaves,
		"mkd-250":               {makeFolder: true},
		"mkd-550":               noFolder,
		"mkd-521-there-already": {makeFolder: true, either: true, kinds: refusals()},
		"mkd-521-and-not-there": {kinds: append(refusals(), transfer.KindExists), makeFolder: true, never: "STOR"},
		"mkd-502":               noFolder,
		"cwd-550":               {kinds: []transfer.Kind{transfer.KindMissing}, code: 550, never: "STOR"},
		"cwd-200":               either(transfer.KindProtocol),
		"cwd-530":               fails(transfer.KindLogin, transfer.KindDenied, transfer.KindMissing),
	}
}

func ftpsWants() map[string]want {
	noTLS := want{kinds: []transfer.Kind{transfer.KindTLS}, never: "USER"}
	cut := want{kinds: []transfer.Kind{transfer.KindTLS, transfer.KindBroken}, never: "USER"}
	injected := want{kinds: []transfer.Kind{transfer.KindTLS, transfer.KindProtocol}, never: "USER"}
	slow := want{kinds: []transfer.Kind{transfer.KindTLS, transfer.KindTimeout}, never: "USER"}
	trust := want{kinds: []transfer.Kind{transfer.KindTrust}, never: "USER"}
	wants := map[string]want{
		"auth-500":                         noTLS,
		"auth-502":                         noTLS,
		"auth-530":                         noTLS,
		"auth-534":                         noTLS,
		"auth-421":                         {kinds: []transfer.Kind{transfer.KindBusy}, code: 421, never: "USER"},
		"auth-closed":                      cut,
		"auth-silent":                      {kinds: []transfer.Kind{transfer.KindTimeout}, never: "USER"},
		"auth-injected-reply":              injected,
		"auth-injected-logins":             injected,
		"auth-injected-half-line":          injected,
		"pbsz-refused":                     either(transfer.KindTLS),
		"prot-refused":                     {kinds: []transfer.Kind{transfer.KindTLS}, never: "STOR"},
		"prot-421":                         {kinds: []transfer.Kind{transfer.KindBusy}, code: 421, never: "STOR"},
		"session-reuse-required":           {},
		"tls-well-behaved":                 {proofs: []transfer.Proof{transfer.ProofSize}},
		"certificate-expired":              trust,
		"certificate-other-name":           trust,
		"certificate-self-signed":          trust,
		"certificate-other-authority":      trust,
		"data-certificate-expired":         fails(transfer.KindTrust),
		"data-certificate-other-authority": fails(transfer.KindTrust),
		"data-key-changed":                 either(transfer.KindTrust),
		"control-tls-too-old":              noTLS,
		"control-tls-alert":                noTLS,
		"control-tls-garbage":              noTLS,
		"control-tls-record-too-long":      noTLS,
		"control-tls-closed":               cut,
		"control-tls-cut-in-the-middle":    cut,
		"control-tls-reset":                cut,
		"control-tls-silent":               slow,
		"control-tls-silent-in-the-middle": slow,
	}
	for _, how := range []string{"alert", "garbage", "record-too-long", "closed", "cut-in-the-middle", "reset", "silent", "silent-in-the-middle"} {
		w := wants["control-tls-"+how]
		w.never = ""
		wants["data-tls-"+how] = w
	}
	return wants
}
