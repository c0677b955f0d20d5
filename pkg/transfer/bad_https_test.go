package transfer_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func httpsWants() map[string]want {
	wants := map[string]want{}
	for _, some := range []map[string]want{
		statusWants(), redirectWants(), httpFloodWants(), httpReplyWants(), httpStoredWants(), httpDigestWants(),
		httpLoginWants(), httpPageWants(), httpConnectWants(), httpLostWants(), httpThroughWants(), httpDripWants(), httpOddWants(),
	} {
		maps.Copy(wants, some)
	}
	return wants
}

// TestBadHTTPS sends a file to every bad HTTPS server.
func TestBadHTTPS(t *testing.T) {
	t.Parallel()
	wants := httpsWants()
	for _, row := range badserver.HTTPSRows() {
		w, ok := wants[row.Name]
		if !ok {
			t.Errorf("%s: nobody knows what to want", row.Name)
		}
		delete(wants, row.Name)
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s := row.Start(t)
			send(t, s, row.Silent, w)
			// Nobody follows to another host, with a login or without.
			if s.Other() != nil && len(s.Other().Log()) > 0 {
				t.Errorf("the client went elsewhere: %v", s.Other().Log())
			}
			if s.Saw("PUT /elsewhere") {
				t.Error("the client went elsewhere")
			}
		})
	}
	if len(wants) > 0 {
		t.Errorf("no such rows: %q", slices.Sorted(maps.Keys(wants)))
	}
}

// TestBadHTTPSAgain has what the usual way does not show: read-back, and pins.
func TestBadHTTPSAgain(t *testing.T) {
	t.Parallel()
	rows := map[string]badserver.HTTPSRow{}
	for _, row := range badserver.HTTPSRows() {
		rows[row.Name] = row
	}
	unproven := []transfer.Kind{transfer.KindUnproven}
	for _, again := range []struct {
		row string
		w   want
	}{
		{"https-stores-a-changed-byte", want{kinds: unproven, readBack: true}},
		{"get-changed", want{kinds: unproven, readBack: true}},
		{"get-endless", want{kinds: unproven, readBack: true}},
		{"get-cut", want{kinds: append(unproven, transfer.KindBroken), readBack: true}},
		{"get-404", want{kinds: append(unproven, transfer.KindMissing), readBack: true}},
		{"https-well-behaved", want{readBack: true, pinned: true, proofs: []transfer.Proof{transfer.ProofReadBack}}},
		{"https-certificate-other-authority", want{kinds: []transfer.Kind{transfer.KindTrust}, pinned: true}},
		{"403-before-body", want{kinds: []transfer.Kind{transfer.KindDenied}, code: 403, old: true}},
		{"413-after-body", want{kinds: []transfer.Kind{transfer.KindFull}, code: 413, old: true}},
		{"https-cut-in-the-middle", want{kinds: []transfer.Kind{transfer.KindBroken}, retries: 2, old: true}},
		{"login-digest-sha-256", want{readBack: true, size: 8 << 20}},
	} {
		t.Run(again.row, func(t *testing.T) {
			t.Parallel()
			row, ok := rows[again.row]
			if !ok {
				t.Fatal("no such row")
			}
			send(t, row.Start(t), row.Silent, again.w)
		})
	}
}

// statusKinds is what a status means.
func statusKinds() map[int]transfer.Kind {
	return map[int]transfer.Kind{
		400: transfer.KindRefused,
		401: transfer.KindLogin,
		403: transfer.KindDenied,
		404: transfer.KindMissing,
		405: transfer.KindDenied,
		408: transfer.KindBusy,
		409: transfer.KindMissing,
		411: transfer.KindRefused,
		412: transfer.KindExists,
		413: transfer.KindFull,
		415: transfer.KindRefused,
		423: transfer.KindRefused,
		429: transfer.KindBusy,
		500: transfer.KindRefused,
		501: transfer.KindRefused,
		502: transfer.KindBusy,
		503: transfer.KindBusy,
		504: transfer.KindBusy,
		507: transfer.KindFull,
	}
}

func statusWants() map[string]want {
	wants := map[string]want{
		"https-well-behaved": {proofs: []transfer.Proof{transfer.ProofSize}},
		"expect-ignored":     {},
		"expect-417":         {},
		"expect-417-always":  {kinds: []transfer.Kind{transfer.KindRefused}, code: 417},
		"429-once":           {retries: 1, attempts: 2},
		"500-once":           {kinds: []transfer.Kind{transfer.KindRefused}, code: 500, retries: 1},
		"503-once":           {retries: 1, attempts: 2},
	}
	for status, kind := range statusKinds() {
		w := want{kinds: []transfer.Kind{kind}, code: status}
		switch status {
		case 412, 423:
			w.kinds = append(w.kinds, transfer.KindRefused, transfer.KindDenied, transfer.KindBusy)
		}
		wants[fmt.Sprintf("%d-after-body", status)] = w
		switch status {
		case 401, 403, 413, 429, 500, 503, 507:
			// What is reset may take the answer with it.
			cut := want{kinds: append([]transfer.Kind{transfer.KindBroken}, w.kinds...)}
			wants[fmt.Sprintf("%d-before-body", status)] = w
			wants[fmt.Sprintf("%d-after-1k-linger", status)] = w
			wants[fmt.Sprintf("%d-after-1k-reset", status)] = cut
		}
	}
	return wants
}

func redirectWants() map[string]want {
	wants := map[string]want{"304": fails(transfer.KindRedirect, transfer.KindProtocol, transfer.KindRefused)}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"path", "host", "http", "nowhere", "garbage"} {
			wants[fmt.Sprintf("%d-to-%s", status, to)] = want{kinds: []transfer.Kind{transfer.KindRedirect}, code: status}
		}
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		w := fails(transfer.KindRedirect, transfer.KindProtocol)
		wants[fmt.Sprintf("%d-to-garbage", status)] = w
	}
	return wants
}

func httpFloodWants() map[string]want {
	protocol := fails(transfer.KindProtocol)
	whileSending := fails(transfer.KindProtocol, transfer.KindBroken)
	return map[string]want{
		"endless-100":         whileSending,
		"endless-102":         whileSending,
		"endless-103":         whileSending,
		"three-1xx":           {},
		"endless-header":      protocol,
		"endless-header-line": protocol,
		"endless-status-line": protocol,
		"header-1m":           either(transfer.KindProtocol),
		"body-1g":             {},
		"body-endless-error":  {kinds: []transfer.Kind{transfer.KindDenied}, code: 403},
		"chunks-endless":      {},
		"get-endless":         {},
		"head-endless-header": fails(transfer.KindProtocol, transfer.KindUnproven),
	}
}
