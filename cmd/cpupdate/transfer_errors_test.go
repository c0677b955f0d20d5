package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Each kind has a row, and the exit code agrees with what the package says of trying again.
func TestTransferTable(t *testing.T) {
	kinds := []transfer.Kind{
		transfer.KindUnreachable, transfer.KindTimeout, transfer.KindBroken, transfer.KindBusy, transfer.KindTrust,
		transfer.KindTLS, transfer.KindLogin, transfer.KindMissing, transfer.KindDenied, transfer.KindExists,
		transfer.KindFull, transfer.KindName, transfer.KindRedirect, transfer.KindRefused, transfer.KindProtocol,
		transfer.KindUnproven,
	}
	for i, row := range advice.TransferTable() {
		if i >= len(kinds) || row.Kind != kinds[i] || row.Hint == "" {
			t.Fatalf("row %d is %v", i, row)
		}
		e := &transfer.Error{Op: "sending", Server: "h:21", Kind: row.Kind, Code: 451, Reply: "no", Left: "x.part"}
		err := advice.TransferFailure("", e)
		a, _, errOut := testApp(t, nil)
		a.con.JSON = true
		if got := a.con.Report(err); got != row.Code {
			t.Errorf("%s: exit code %d", row.Kind, got)
		}
		var doc struct{ Error exit.ErrorDoc }
		if err := json.Unmarshal(errOut.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		d := doc.Error
		if d.Kind != string(row.Kind) || d.Server != "h:21" || d.ReplyCode != 451 || d.Left != "x.part" {
			t.Errorf("%s: %s", row.Kind, errOut)
		}
		if d.Retryable == nil || *d.Retryable != e.Temporary() {
			t.Errorf("%s: retryable is not %v in %s", row.Kind, e.Temporary(), errOut)
		}
		if len(d.Hints) != 2 || !strings.Contains(d.Hints[1], "remove x.part") {
			t.Errorf("%s: hints %q", row.Kind, d.Hints)
		}
	}
	if len(advice.TransferTable()) != len(kinds) {
		t.Errorf("%d rows for %d kinds", len(advice.TransferTable()), len(kinds))
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
		{&transfer.SettingError{Setting: "username", Problem: "is missing"}, exit.CodeSettings, "cpupdate defaults set --username"},
		{&transfer.Error{Kind: transfer.KindLogin, Code: 530}, exit.CodeSettings, "--username and the password"},
		{&transfer.Error{Kind: transfer.KindLogin, Code: 332}, exit.CodeSettings, "--account"},
		{distrust(&trust.Error{Err: x509.UnknownAuthorityError{}}), exit.CodeSettings, "compare " + pin.String() + " with the key from the administrator, or from the phone itself"},
		{distrust(&trust.Error{Err: x509.HostnameError{Host: "h", Certificate: &x509.Certificate{DNSNames: []string{"other"}}}}), exit.CodeSettings, "for another name"},
		{distrust(&trust.Error{Pinned: true}), exit.CodeSettings, "only if they are the same, pin it instead: --pin " + pin.String()},
	} {
		f := exit.Classify(advice.TransferFailure("a.bind", test.err))
		if f.Code != test.code || !strings.Contains(strings.Join(f.Hints, "\n"), test.hint) {
			t.Errorf("%v: exit code %d, hints %q", test.err, f.Code, f.Hints)
		}
	}
	if advice.TransferFailure("", nil) != nil {
		t.Error("no error became one")
	}
}

// A tryStore is a server for defaults test.
type tryStore struct {
	options transfer.Options
	err     error
}

func (s tryStore) Try(context.Context) error {
	s.options.Event(transfer.Event{Step: transfer.StepFolder, Text: "firm\x1bware"})
	s.options.Event(transfer.Event{Step: transfer.StepSaid, Text: "> NOOP"})
	s.options.Event(transfer.Event{Step: transfer.StepSend, Text: "cpupdate-test"})
	return s.err
}

func (s tryStore) Put(context.Context, transfer.Upload) (transfer.Location, error) {
	return transfer.Location{}, errors.New("not asked for")
}

func (s tryStore) Close() error { return nil }

func TestDefaultsTest(t *testing.T) {
	const ok = "ok    connect    files.example:21\nok    folder     firm\\u{1b}ware\n"
	for _, test := range []struct {
		err  error
		code exit.Code
		want string
	}{
		{nil, exit.CodeOK, ok + "ok    send       cpupdate-test\n"},
		{&transfer.Error{Kind: transfer.KindDenied}, exit.CodeRejected, ok + "FAIL  send       cpupdate-test\n"},
		{&transfer.Error{Kind: transfer.KindTimeout}, exit.CodeUnreachable, ok + "FAIL  send       cpupdate-test\n"},
		{&transfer.Error{Kind: transfer.KindUnproven}, exit.CodeUnverified, ok + "FAIL  send       cpupdate-test\n"},
	} {
		for _, asJSON := range []bool{false, true} {
			a, out, errOut := testApp(t, nil)
			a.store.Folder = t.TempDir()
			a.pass.Variable = transfer.NewSecret("canary")
			var got transfer.Access
			a.dial = func(_ context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error) {
				got = access
				options.Event(transfer.Event{Step: transfer.StepConnect, Text: "files.example:21"})
				return tryStore{options, test.err}, nil
			}
			if c := run(t.Context(), a, []string{"defaults", "set", "-q", "--server", "files.example", "--username", "cp"}); c != exit.CodeOK {
				t.Fatal(errOut)
			}
			out.Reset()
			args := []string{"defaults", "test"}
			if asJSON {
				args = append(args, "--json")
			}
			c := run(t.Context(), a, args)
			ran{c, out.String(), errOut.String()}.check(t, args)
			if c != test.code || !asJSON && out.String() != test.want {
				t.Errorf("%v: exit code %d\n%s%s", test.err, c, out, errOut)
			}
			var doc defaults.TryDoc
			if asJSON && (json.Unmarshal(out.Bytes(), &doc) != nil || doc.OK != (c == exit.CodeOK) || len(doc.Steps) != 3 || doc.Steps[2].OK != doc.OK) {
				t.Errorf("%v: %s", test.err, out)
			}
			if got.Password.Reveal() != "canary" || bytes.Contains(append(out.Bytes(), errOut.Bytes()...), []byte("canary")) {
				t.Errorf("the password is %q in %s%s", got.Password.Reveal(), out, errOut)
			}
		}
	}
}
