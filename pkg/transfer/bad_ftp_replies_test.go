package transfer_test

import "github.com/cpupdate/cpupdate/pkg/transfer"

func ftpReplyWants() map[string]want {
	return map[string]want{
		"split-replies":            {},
		"multi-line-replies":       {},
		"multi-line-other-codes":   {},
		"multi-line-repeated-code": {},
		"bare-lf":                  {},
		"no-text":                  either(transfer.KindProtocol),
		"10000-line-greeting":      either(transfer.KindProtocol),
		"10000-line-complete":      either(transfer.KindProtocol),
		"feat-refused":             {},
		"feat-one-line":            {},
		"feat-garbage":             {},
		"opts-refused":             {},
		"syst-refused":             {},
		"pwd-refused":              {},
		"pwd-garbage":              {},
		"quit-refused":             {},
		"type-refused":             {kinds: []transfer.Kind{transfer.KindRefused, transfer.KindProtocol}, never: "STOR"},
	}
}

func ftpFloodWants() map[string]want {
	protocol := fails(transfer.KindProtocol)
	return map[string]want{
		"64k-greeting":                either(transfer.KindProtocol),
		"64k-refusal":                 {kinds: append(refusals(), transfer.KindProtocol)},
		"endless-line-greeting":       protocol,
		"endless-line-stor":           protocol,
		"endless-line-complete":       either(transfer.KindProtocol),
		"endless-multi-line-greeting": protocol,
		"endless-multi-line-complete": either(transfer.KindProtocol),
		"endless-feat":                protocol,
		"endless-empty-lines":         protocol,
		"endless-zeros":               protocol,
	}
}

func ftpHostileWants() map[string]want {
	protocol := fails(transfer.KindProtocol)
	login := want{kinds: []transfer.Kind{transfer.KindLogin}, code: 530}
	cut := fails(transfer.KindBroken, transfer.KindProtocol)
	return map[string]want{
		"greeting-escapes":         {},
		"greeting-escapes-refused": {kinds: []transfer.Kind{transfer.KindLogin, transfer.KindRefused}, code: 530},
		"login-escapes":            login,
		"stor-550-escapes":         {kinds: refusals(), code: 550},
		"complete-552-escapes":     {kinds: []transfer.Kind{transfer.KindFull}, code: 552},
		"not-utf8":                 {kinds: refusals(), code: 550},
		"carriage-returns":         {kinds: refusals(), code: 550, has: "three"},
		"echo-password-refused":    {kinds: login.kinds, code: 530, has: "cannot log in with"},
		"echo-password-multi-line": {kinds: login.kinds, code: 530, has: "Go away."},
		"echo-password-later":      {kinds: refusals(), code: 550, has: "denied to"},
		"echo-password-accepted":   {},
		"echo-password-garbage":    protocol,
		"echo-account":             login,
		"no-line-end-then-close":   cut,
		"no-line-end-complete":     either(cut.kinds...),
		"garbage-greeting":         protocol,
		"http-greeting":            protocol,
		"garbage-user":             {kinds: protocol.kinds, never: "PASS"},
		"garbage-stor":             protocol,
		"garbage-complete":         either(transfer.KindProtocol),
		"code-too-short":           {kinds: protocol.kinds, never: "PASS"},
		"code-too-long":            {kinds: protocol.kinds, never: "PASS"},
		"code-of-no-class":         {kinds: protocol.kinds, never: "PASS"},
		"code-000":                 {kinds: protocol.kinds, never: "PASS"},
		"multi-line-cut":           cut,
		"two-replies-at-once":      either(transfer.KindProtocol, transfer.KindRefused),
	}
}

func ftpLoginWants() map[string]want {
	login := fails(transfer.KindLogin)
	confused := fails(transfer.KindLogin, transfer.KindProtocol)
	return map[string]want{
		"user-530":              {kinds: login.kinds, code: 530, never: "PASS"},
		"user-230":              {never: "PASS"},
		"user-232":              either(transfer.KindProtocol, transfer.KindLogin),
		"pass-530":              {kinds: login.kinds, code: 530, has: "Login incorrect.", retries: 2},
		"pass-202":              {},
		"user-332-acct-230":     {},
		"user-332-acct-331":     either(transfer.KindLogin, transfer.KindProtocol),
		"pass-332-acct-230":     {},
		"pass-332-acct-202":     {},
		"pass-332-acct-530":     {kinds: login.kinds, code: 530},
		"acct-332-for-ever":     confused,
		"user-331-for-ever":     confused,
		"greeting-120-then-220": {},
		"greeting-530":          {kinds: []transfer.Kind{transfer.KindLogin, transfer.KindRefused}, code: 530},
		"greeting-554":          {kinds: []transfer.Kind{transfer.KindRefused, transfer.KindDenied, transfer.KindBusy}, code: 554},
		"greeting-closed":       fails(transfer.KindBroken, transfer.KindUnreachable),
		"greeting-reset":        fails(transfer.KindBroken, transfer.KindUnreachable),
		"greeting-never":        fails(transfer.KindTimeout),
		"greeting-120-never":    fails(transfer.KindTimeout, transfer.KindBusy),
	}
}
