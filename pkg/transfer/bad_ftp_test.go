package transfer_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func ftpWants() map[string]want {
	wants := map[string]want{}
	for _, some := range []map[string]want{
		ftpReplyWants(), ftpFloodWants(), ftpHostileWants(), ftpPassiveWants(), ftpDataWants(), ftpCompleteWants(),
		ftpProofWants(), ftpRenameWants(), ftpLoginWants(), ftpStepWants(), ftpStorWants(), ftpsWants(), ftpLossWants(),
		ftpTellWants(), ftpWindowsWants(), ftpNameWants(), ftpOutOfStepWants(), ftpFormWants(),
	} {
		maps.Copy(wants, some)
	}
	return wants
}

// TestBadFTP sends a file to every bad FTP and FTPS server.
func TestBadFTP(t *testing.T) {
	t.Parallel()
	wants := ftpWants()
	for _, row := range badserver.FTPRows() {
		w, ok := wants[row.Name]
		if !ok {
			t.Errorf("%s: nobody knows what to want", row.Name)
		}
		delete(wants, row.Name)
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s := row.Start(t)
			send(t, s, row.Silent, w)
			if s.Saw("PORT") || s.Saw("EPRT") {
				t.Error("the server was asked to connect")
			}
		})
	}
	if len(wants) > 0 {
		t.Errorf("no such rows: %q", slices.Sorted(maps.Keys(wants)))
	}
}

// TestBadFTPAgain has what the usual way does not show: a file that was there, read-back, and pins.
func TestBadFTPAgain(t *testing.T) {
	t.Parallel()
	rows := map[string]badserver.FTPRow{}
	for _, row := range badserver.FTPRows() {
		rows[row.Name] = row
	}
	for _, again := range []struct {
		row string
		w   want
	}{
		{"stores-a-changed-byte-unseen", want{kinds: []transfer.Kind{transfer.KindUnproven}, readBack: true}},
		{"stores-less", want{kinds: []transfer.Kind{transfer.KindUnproven}, old: true}},
		{"complete-552", want{kinds: []transfer.Kind{transfer.KindFull}, code: 552, old: true}},
		{"complete-lost", want{old: true, proofs: []transfer.Proof{transfer.ProofSize}}},
		{"both-cut-in-the-middle", want{kinds: []transfer.Kind{transfer.KindBroken}, old: true, retries: 2}},
		{"data-stall-in-the-middle", want{kinds: []transfer.Kind{transfer.KindTimeout}, old: true, resets: true, size: 8 << 20}},
		{"421-at-rnto", want{kinds: []transfer.Kind{transfer.KindBusy}, old: true}},
		{"data-key-changed", want{kinds: []transfer.Kind{transfer.KindTrust}, pinned: true}},
		{"tls-well-behaved", want{pinned: true, readBack: true, proofs: []transfer.Proof{transfer.ProofReadBack}}},
		{"session-reuse-required", want{pinned: true, old: true}},
		{"hash-right", want{old: true, proofs: []transfer.Proof{transfer.ProofDigest, transfer.ProofSize}}},
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

// steps are the steps of the dialogue as row names have them.
func steps() []string {
	return strings.Fields("greeting user pass feat type cwd epsv stor complete size rnfr rnto")
}

// ftpStepWants are those of the rows that do the same at each step.
func ftpStepWants() map[string]want {
	wants := map[string]want{}
	for _, step := range steps() {
		wants["endless-1xx-at-"+step] = fails(transfer.KindProtocol)
		wants["421-at-"+step] = want{kinds: []transfer.Kind{transfer.KindBusy}, code: 421}
		wants["cut-at-"+step] = fails(transfer.KindBroken)
		wants["reset-at-"+step] = fails(transfer.KindBroken)
		wants["421-once-at-"+step] = want{retries: 1}
		wants["cut-once-at-"+step] = want{retries: 1}
		if step != "greeting" && step != "complete" {
			wants["silent-at-"+step] = fails(transfer.KindTimeout)
		}
	}
	wants["silent-at-quit"] = want{}
	// The password may have been refused: who sends it again may lock the account out.
	wants["cut-once-at-pass"] = want{kinds: []transfer.Kind{transfer.KindBroken}, retries: 1}
	// The connection can be reset before it counts as made.
	wants["reset-at-greeting"] = fails(transfer.KindBroken, transfer.KindUnreachable)
	// The file is complete, whatever is said of it.
	wants["cut-at-complete"] = want{attempts: 1}
	wants["reset-at-complete"] = want{attempts: 1}
	wants["421-at-complete"] = either(transfer.KindBusy)
	wants["endless-1xx-at-complete"] = either(transfer.KindProtocol)
	return wants
}

func ftpStorWants() map[string]want {
	wants := map[string]want{}
	for code, kinds := range map[int][]transfer.Kind{
		421: {transfer.KindBusy},
		450: {transfer.KindBusy},
		451: {transfer.KindBusy, transfer.KindRefused},
		452: {transfer.KindFull},
		500: {transfer.KindRefused},
		501: {transfer.KindRefused, transfer.KindName},
		502: {transfer.KindRefused},
		530: {transfer.KindLogin, transfer.KindDenied},
		532: {transfer.KindLogin, transfer.KindDenied},
		550: refusals(),
		552: {transfer.KindFull},
		553: {transfer.KindName, transfer.KindDenied},
	} {
		wants["stor-"+strconv.Itoa(code)] = want{kinds: kinds, code: code}
	}
	return wants
}
