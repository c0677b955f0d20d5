package transfer_test

import "github.com/cpupdate/cpupdate/pkg/transfer"

// ftpLossWants are those of the rows that tempt: the old file stays, and nothing of ours does without a word.
func ftpLossWants() map[string]want {
	old := func(w want) want {
		w.old = true
		return w
	}
	return map[string]want{
		"no-rename-421-at-epsv":        old(fails(transfer.KindBusy)),
		"no-rename-cut-at-epsv":        old(fails(transfer.KindBroken)),
		"no-rename-150-then-552":       old(fails(transfer.KindFull)),
		"no-rename-cut-in-the-middle":  fails(transfer.KindBroken),
		"no-rename-cut-dele-450-twice": {retries: 1, attempts: 2},
		"left-then-swept":              {retries: 1, attempts: 2},
		"left-for-ever":                {kinds: []transfer.Kind{transfer.KindFull}, retries: 1, left: true},
		"mkd-450-once":                 {retries: 1, makeFolder: true, attempts: 2},
		"rnto-cut-and-no-size":         either(transfer.KindBroken),
		"rnto-lost-and-no-size":        either(transfer.KindBroken),
		"list-endless":                 either(transfer.KindUnproven, transfer.KindBroken, transfer.KindTimeout),
		"stor-532-once":                {},
		"pass-530-too-many":            {kinds: []transfer.Kind{transfer.KindBusy}, code: 530},
		"pass-421-incorrect-once":      {kinds: []transfer.Kind{transfer.KindBusy}, code: 421, retries: 1},
		"greeting-drips":               fails(transfer.KindTimeout),
		"user-drips":                   fails(transfer.KindTimeout),
	}
}
