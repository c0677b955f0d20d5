package transfer_test

import "github.com/cpupdate/cpupdate/pkg/transfer"

func httpReplyWants() map[string]want {
	protocol := either(transfer.KindProtocol) // what is stored may be looked at all the same
	lost := either(transfer.KindBroken, transfer.KindProtocol)
	return map[string]want{
		"garbage-status-line":    protocol,
		"ftp-status-line":        protocol,
		"status-0":               protocol,
		"status-99999":           protocol,
		"status-600":             either(transfer.KindProtocol, transfer.KindRefused),
		"http-9":                 protocol,
		"http-1.0":               {},
		"200-with-page":          {},
		"202-accepted":           either(transfer.KindUnproven),
		"201-negative-length":    protocol,
		"201-two-lengths":        protocol,
		"201-cut-in-header":      lost,
		"201-cut-in-body":        {},
		"101-switching":          either(transfer.KindProtocol, transfer.KindRefused),
		"bare-lf-answer":         {},
		"split-answer":           {},
		"answer-before-body-201": fails(transfer.KindUnproven, transfer.KindProtocol, transfer.KindBroken),
	}
}

func httpStoredWants() map[string]want {
	unproven := fails(transfer.KindUnproven)
	// GET is there, and tells the size too.
	noHead := either(transfer.KindUnproven)
	return map[string]want{
		"https-stores-nothing":             unproven,
		"https-stores-empty":               unproven,
		"https-stores-less":                unproven,
		"https-stores-more":                unproven,
		"https-stores-a-changed-byte":      {unseen: true, lacks: []transfer.Proof{transfer.ProofDigest}},
		"https-stores-less-delete-refused": {kinds: unproven.kinds, left: true},
		"get-changed":                      {},
		"get-404":                          {},
		"get-cut":                          {},
		"head-without-length":              noHead,
		"head-wrong-length":                unproven,
		"head-zero-length":                 unproven,
		"head-negative-length":             either(transfer.KindUnproven, transfer.KindProtocol),
		"head-garbage-length":              either(transfer.KindUnproven, transfer.KindProtocol),
		"head-405":                         noHead,
		"head-404":                         fails(transfer.KindUnproven, transfer.KindMissing),
		"head-403":                         either(transfer.KindUnproven, transfer.KindDenied),
		"head-500":                         either(transfer.KindUnproven, transfer.KindRefused),
		"head-302":                         either(transfer.KindUnproven, transfer.KindRedirect),
		"head-cut":                         either(transfer.KindUnproven, transfer.KindBroken),
		"head-with-body":                   {},
		"head-gzip":                        noHead,
		"head-silent":                      either(transfer.KindUnproven, transfer.KindTimeout),
		"head-405-and-get-405":             unproven,
	}
}

func httpDigestWants() map[string]want {
	right := want{proofs: []transfer.Proof{transfer.ProofDigest, transfer.ProofSize}}
	unproven := fails(transfer.KindUnproven)
	lacks := []transfer.Proof{transfer.ProofDigest}
	senseless := want{either: true, kinds: unproven.kinds, lacks: lacks}
	return map[string]want{
		"repr-digest-right":                right,
		"repr-digest-one-of-two":           right,
		"repr-digest-with-parameters":      right,
		"repr-digest-in-second-line":       right,
		"repr-digest-wrong-in-second-line": unproven,
		"repr-digest-wrong":                unproven,
		"repr-digest-malformed":            senseless,
		"repr-digest-too-short":            senseless,
		"repr-digest-other-algorithm":      {lacks: lacks},
		"digest-right":                     right,
		"digest-lower-case-name":           right,
		"digest-wrong":                     unproven,
		"digest-malformed":                 senseless,
		"both-digests-contradict":          either(transfer.KindUnproven),
	}
}

func httpLoginWants() map[string]want {
	login := want{kinds: []transfer.Kind{transfer.KindLogin}, code: 401}
	ok := want{}
	return map[string]want{
		"login-basic":                           ok,
		"login-digest-md5":                      ok,
		"login-digest-no-algorithm":             ok,
		"login-digest-no-qop":                   ok,
		"login-digest-sha-256":                  ok,
		"login-digest-auth-and-int":             ok,
		"login-digest-stale-once":               ok,
		"login-digest-stale-for-ever":           login,
		"login-digest-and-basic":                ok,
		"login-digest-int-before-auth":          ok,
		"login-digest-int-only":                 login,
		"login-digest-int-only-and-basic":       ok,
		"login-digest-one-time":                 {readBack: true, proofs: []transfer.Proof{transfer.ProofReadBack}},
		"login-digest-one-time-untold":          {readBack: true, proofs: []transfer.Proof{transfer.ProofReadBack}},
		"login-cut":                             {kinds: login.kinds, retries: 5},
		"login-basic-and-digest":                ok,
		"login-two-digests":                     ok,
		"login-two-digests-weak-first":          ok,
		"login-joined-digest-basic":             ok,
		"login-joined-basic-digest":             ok,
		"login-joined-basic-token-digest":       ok,
		"login-joined-weak-first":               ok,
		"login-joined-digest-without-qop-basic": ok,
		"login-joined-digest-stale":             ok,
		"login-joined-only-unknown":             {kinds: login.kinds, code: 401, has: `of the kind "Negotiate, NTLM, Bearer"`},
		"login-digest-unknown-algorithm":        fails(transfer.KindLogin, transfer.KindProtocol),
		"login-digest-garbage":                  fails(transfer.KindLogin, transfer.KindProtocol),
		"login-digest-no-nonce":                 fails(transfer.KindLogin, transfer.KindProtocol),
		"login-negotiate":                       login,
		"login-401-for-ever":                    {kinds: login.kinds, code: 401, retries: 2},
		"login-401-digest-for-ever":             login,
		"login-401-without-way":                 login,
	}
}

func httpPageWants() map[string]want {
	denied := want{kinds: []transfer.Kind{transfer.KindDenied}, code: 403}
	return map[string]want{
		"page-html":                 denied,
		"page-escapes":              denied,
		"page-binary":               denied,
		"page-echo-password":        denied,
		"page-echo-authorization":   denied,
		"page-echo-basic":           denied,
		"status-text-escapes":       denied,
		"status-text-echo-password": denied,
		"page-gzip":                 denied,
	}
}

func httpConnectWants() map[string]want {
	noTLS := fails(transfer.KindTLS)
	cut := fails(transfer.KindTLS, transfer.KindBroken)
	slow := fails(transfer.KindTLS, transfer.KindTimeout)
	trust := want{kinds: []transfer.Kind{transfer.KindTrust}, never: "PUT"}
	return map[string]want{
		"https-closed":                      cut,
		"https-reset":                       fails(transfer.KindTLS, transfer.KindBroken, transfer.KindUnreachable),
		"https-tls-closed":                  cut,
		"https-tls-cut-in-the-middle":       cut,
		"https-tls-alert":                   noTLS,
		"https-tls-garbage":                 noTLS,
		"https-plain-http":                  noTLS,
		"https-tls-too-old":                 noTLS,
		"https-silent":                      slow,
		"https-tls-silent-in-the-middle":    slow,
		"https-tls-drips":                   slow,
		"https-h2-only":                     either(transfer.KindTLS, transfer.KindBroken, transfer.KindProtocol),
		"https-certificate-expired":         trust,
		"https-certificate-other-name":      trust,
		"https-certificate-self-signed":     trust,
		"https-certificate-other-authority": trust,
	}
}

func httpLostWants() map[string]want {
	broken := fails(transfer.KindBroken)
	timeout := want{kinds: []transfer.Kind{transfer.KindTimeout}, size: 8 << 20}
	return map[string]want{
		"https-lost-stored":          either(transfer.KindBroken),
		"https-lost-not-stored":      broken,
		"https-lost-not-stored-once": {retries: 1, attempts: 2},
		"https-cut-in-the-middle":    broken,
		"https-reset-in-the-middle":  broken,
		"https-silent-after-body":    either(transfer.KindTimeout),
		"https-silent-not-stored":    fails(transfer.KindTimeout),
		"https-stall":                timeout,
		"https-stall-in-the-middle":  timeout,
	}
}
