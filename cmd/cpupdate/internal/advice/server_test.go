package advice

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Each kind has a row, and the exit code agrees with what the package says of trying again.
func TestTransferTable(t *testing.T) {
	kinds := []transfer.Kind{
		transfer.KindUnreachable, transfer.KindMachine, transfer.KindTimeout, transfer.KindBroken, transfer.KindBusy, transfer.KindTrust,
		transfer.KindTLS, transfer.KindLogin, transfer.KindMissing, transfer.KindDenied, transfer.KindExists,
		transfer.KindFull, transfer.KindName, transfer.KindRedirect, transfer.KindRefused, transfer.KindProtocol,
		transfer.KindUnproven,
	}
	for i, row := range TransferTable() {
		if i >= len(kinds) || row.Kind != kinds[i] || row.Hint == "" {
			t.Fatalf("row %d is %v", i, row)
		}
		e := &transfer.Error{Op: "sending", Server: "h:21", Kind: row.Kind, Code: 451, Reply: "no", Left: "x.part"}
		err := TransferFailure("", e)
		var errOut bytes.Buffer
		if got := (&console.Console{Err: &errOut, JSON: true}).Report(err); got != row.Code {
			t.Errorf("%s: exit code %d", row.Kind, got)
		}
		var doc struct{ Error exit.ErrorDoc }
		if err := json.Unmarshal(errOut.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		d := doc.Error
		if d.Kind != string(row.Kind) || d.Server != "h:21" || d.ReplyCode != 451 || d.Left != "x.part" {
			t.Errorf("%s: %s", row.Kind, &errOut)
		}
		if d.Retryable == nil || *d.Retryable != e.Temporary() {
			t.Errorf("%s: retryable is not %v in %s", row.Kind, e.Temporary(), &errOut)
		}
		if len(d.Hints) != 2 || !strings.Contains(d.Hints[1], "remove x.part") {
			t.Errorf("%s: hints %q", row.Kind, d.Hints)
		}
	}
	if len(TransferTable()) != len(kinds) {
		t.Errorf("%d rows for %d kinds", len(TransferTable()), len(kinds))
	}
}

func TestTransferFailure(t *testing.T) {
	pin, err := trust.ParsePin("sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	own := exit.Errorf(exit.CodeRefused, "h", "own")
	distrust := func(e *trust.Error) error {
		e.Presented = pin
		return &transfer.Error{Op: "connecting", Kind: transfer.KindTrust, Err: e}
	}
	for _, test := range []struct {
		err  error
		code exit.Code
		hint string
	}{
		{context.Canceled, exit.CodeInterrupted, ""},
		{errors.New("strange"), exit.CodeInternal, "please report"},
		{&transfer.SourceError{Err: own}, exit.CodeRefused, "h"},
		{&transfer.SourceError{Err: &bind.FormatError{Problem: bind.Changed}}, exit.CodeImage, "wait until"},
		{&transfer.SourceError{Err: errors.New("the file ends at byte 5"), Changed: true}, exit.CodeImage, "wait until"},
		{&transfer.SourceError{Err: errors.New("reading at byte 5: input/output error")}, exit.CodeImage, "its medium works"},
		{&transfer.SettingError{Setting: "username", Problem: "is missing"}, exit.CodeSettings, "cpupdate defaults set --username"},
		{&transfer.Error{Kind: transfer.KindLogin, Code: 530}, exit.CodeSettings, "--username and the password"},
		{&transfer.Error{Kind: transfer.KindLogin, Code: 332}, exit.CodeSettings, "--account"},
		{&transfer.Error{Kind: transfer.KindExists, Op: "sending"}, exit.CodeRejected, "to replace the existing file, omit --no-overwrite"},
		{&transfer.Error{Kind: transfer.KindExists, Op: "sending", Untold: true, Code: 550}, exit.CodeRejected, "omit --no-overwrite if an existing file may be replaced"},
		{&transfer.Error{Kind: transfer.KindExists, Op: transfer.OpRename, Code: 550}, exit.CodeRejected, "--in-place"},
		{&transfer.Error{Kind: transfer.KindExists, Op: "sending", Code: 553}, exit.CodeRejected, "does not let the user replace the file"},
		{&transfer.Error{Kind: transfer.KindExists, Op: "sending", Code: 412}, exit.CodeRejected, "to replace the existing file, omit --no-overwrite"},
		{&transfer.Error{Kind: transfer.KindDenied, Op: transfer.OpRename, Code: 550}, exit.CodeRejected, "--in-place"},
		{&transfer.Error{Kind: transfer.KindDenied, Op: transfer.OpRemove, Code: 550}, exit.CodeRejected, "rename and delete"},
		{&transfer.Error{Kind: transfer.KindName, Op: transfer.OpTemporary, Code: 550}, exit.CodeRejected, "names that end with .part"},
		{&transfer.Error{Kind: transfer.KindTLS, Op: "sending", Code: 425, Data: true}, exit.CodeSettings, "TLSSessionTickets on"},
		{&transfer.Error{Kind: transfer.KindTLS, Op: "starting TLS"}, exit.CodeSettings, "--legacy-tls"},
		{&transfer.Error{Kind: transfer.KindUnreachable, Op: "sending", Data: true}, exit.CodeUnreachable, "ports of passive mode"},
		{&transfer.Error{Kind: transfer.KindBusy, Op: "sending", Code: 421, Data: true}, exit.CodeUnreachable, "try again later"},
		{&transfer.Error{Kind: transfer.KindBusy, Op: transfer.OpRename, Code: 550}, exit.CodeUnreachable, "virus scanner"},
		{&transfer.Error{Kind: transfer.KindBroken, Left: "x.part"}, exit.CodeUnreachable, "remove x.part on the server: cpupdate could not remove it"},
		{&transfer.Error{Kind: transfer.KindBroken, Left: "x.part", Unsure: true}, exit.CodeUnreachable, "look for x.part on the server"},
		{distrust(&trust.Error{Err: x509.UnknownAuthorityError{}}), exit.CodeSettings, "compare " + pin.String() + " with the key from the administrator, or from the phone itself"},
		{distrust(&trust.Error{Err: x509.HostnameError{Host: "h", Certificate: &x509.Certificate{DNSNames: []string{"other"}}}}), exit.CodeSettings, "for another name"},
		{distrust(&trust.Error{Pinned: true}), exit.CodeSettings, "only if they are the same, pin it instead: --pin " + pin.String()},
	} {
		f := exit.Classify(TransferFailure("a.bind", test.err))
		if f.Code != test.code || !strings.Contains(strings.Join(f.Hints, "\n"), test.hint) {
			t.Errorf("%v: exit code %d, hints %q", test.err, f.Code, f.Hints)
		}
	}
	if TransferFailure("", nil) != nil {
		t.Error("no error became one")
	}
}

// TestLeft checks that an error names the file that stays on the server once, in its text and in its JSON.
func TestLeft(t *testing.T) {
	left := &transfer.Error{Op: "sending", Server: "h:21", Left: "x.part", Err: errors.New("why")}
	own := exit.Errorf(exit.CodeImage, "hint", "ours")
	if err := WithLeft(own, nil); err != error(own) { //nolint:errorlint // it is the very error
		t.Errorf("nothing is left: %v", err)
	}
	if err := WithLeft(left, left); err != error(left) { //nolint:errorlint // it is the very error
		t.Errorf("an error without an exit code: %v", err)
	}
	err := WithLeft(own, left)
	for range 2 {
		f := exit.Classify(err)
		if doc := exit.NewErrorDoc(err); f.Code != exit.CodeImage || strings.Count(f.Error(), "x.part") != 1 || len(f.Hints) != 2 || doc.Left != "x.part" || doc.Server != "h:21" {
			t.Errorf("%v, %q, %+v", f, f.Hints, doc)
		}
		err = WithLeft(err, left) // once more adds nothing
	}
	if !errors.Is(err, own.Err) {
		t.Error("the cause is lost")
	}
	if LeftBy(err).Left != "x.part" || LeftBy(own) != nil || LeftBy(&transfer.Error{}) != nil {
		t.Error("what is left is not found")
	}
	if err := TransferFailure("a.bind", &transfer.Error{Left: "x.part", Err: own}); strings.Count(err.Error(), "x.part") != 1 {
		t.Errorf("%v", err)
	}
}

// TestServerEnded checks that an interruption ends a transfer without an error, unless a file stays on the server.
func TestServerEnded(t *testing.T) {
	cause, left := errors.New("why"), &transfer.Error{Kind: transfer.KindDenied, Left: "x.part"}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		code exit.Code
		text string
	}{
		{t.Context(), left, exit.CodeRejected, "x.part"},
		{t.Context(), cause, exit.CodeInternal, "why"},
		{ended, cause, exit.CodeInterrupted, "interrupted"},
		{ended, left, exit.CodeInterrupted, "x.part"},
	} {
		if f := exit.Classify(ServerEnded(test.ctx, "a.bind", test.err)); f.Code != test.code || !strings.Contains(f.Error(), test.text) {
			t.Errorf("%v: %d, %v", test.err, f.Code, f)
		}
	}
	if err := ServerEnded(t.Context(), "a.bind", nil); err != nil {
		t.Error(err)
	}
}

// TestForMethod leaves out what is about another method.
func TestForMethod(t *testing.T) {
	hints := []string{"see the log; with https, check the folder; with ftp and ftps, use --mkdir", "with https, look", "with ftp and ftps, try"}
	for method, want := range map[transfer.Method][]string{
		transfer.HTTPS: {"see the log; with https, check the folder", "with https, look"},
		transfer.FTPS:  {"see the log; with ftp and ftps, use --mkdir", "with ftp and ftps, try"},
		transfer.FTP:   {"see the log; with ftp and ftps, use --mkdir", "with ftp and ftps, try"},
	} {
		if got := ForMethod(method, hints); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", method, got, want)
		}
		for _, row := range TransferTable() {
			if len(ForMethod(method, []string{row.Hint})) == 0 {
				t.Errorf("%s: nothing is left of the hint for %s", method, row.Kind)
			}
		}
	}
}
