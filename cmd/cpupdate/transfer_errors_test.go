package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

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
	for i, row := range transferTable() {
		if i >= len(kinds) || row.kind != kinds[i] || row.hint == "" {
			t.Fatalf("row %d is %v", i, row)
		}
		e := &transfer.Error{Op: "sending", Server: "h:21", Kind: row.kind, Code: 451, Reply: "no", Left: "x.part"}
		err := transferFailure("", e)
		a, _, errOut := testApp(t, nil)
		a.con.json = true
		if got := a.con.report(err); got != row.code {
			t.Errorf("%s: exit code %d", row.kind, got)
		}
		var doc struct{ Error errorDoc }
		if err := json.Unmarshal(errOut.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		d := doc.Error
		if d.Kind != string(row.kind) || d.Server != "h:21" || d.ReplyCode != 451 || d.Left != "x.part" {
			t.Errorf("%s: %s", row.kind, errOut)
		}
		if d.Retryable == nil || *d.Retryable != e.Temporary() {
			t.Errorf("%s: retryable is not %v in %s", row.kind, e.Temporary(), errOut)
		}
		if len(d.Hints) != 2 || !strings.Contains(d.Hints[1], "remove x.part") {
			t.Errorf("%s: hints %q", row.kind, d.Hints)
		}
	}
	if len(transferTable()) != len(kinds) {
		t.Errorf("%d rows for %d kinds", len(transferTable()), len(kinds))
	}
}

func TestTransferFailure(t *testing.T) {
	pin, err := trust.ParsePin("sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	own := failf(codeRefused, "h", "own")
	distrust := func(e *trust.Error) error {
		e.Presented = pin
		return &transfer.Error{Op: "connecting", Kind: transfer.KindTrust, Err: e}
	}
	for _, test := range []struct {
		err  error
		code code
		hint string
	}{
		{context.Canceled, codeInterrupted, ""},
		{errors.New("strange"), codeInternal, "please report"},
		{&transfer.SourceError{Err: own}, codeRefused, "h"},
		{&transfer.SourceError{Err: &bind.FormatError{Problem: bind.Changed}}, codeImage, "wait until"},
		{&transfer.SettingError{Setting: "username", Problem: "is missing"}, codeSettings, "cpupdate defaults set --username"},
		{&transfer.Error{Kind: transfer.KindLogin, Code: 530}, codeSettings, "--username and the password"},
		{&transfer.Error{Kind: transfer.KindLogin, Code: 332}, codeSettings, "--account"},
		{distrust(&trust.Error{Err: x509.UnknownAuthorityError{}}), codeSettings, "compare " + pin.String() + " with the key from the administrator, or from the phone itself"},
		{distrust(&trust.Error{Err: x509.HostnameError{Host: "h", Certificate: &x509.Certificate{DNSNames: []string{"other"}}}}), codeSettings, "for another name"},
		{distrust(&trust.Error{Pinned: true}), codeSettings, "only if they are the same, pin it instead: --pin " + pin.String()},
	} {
		f := classify(transferFailure("a.bind", test.err))
		if f.code != test.code || !strings.Contains(strings.Join(f.hints, "\n"), test.hint) {
			t.Errorf("%v: exit code %d, hints %q", test.err, f.code, f.hints)
		}
	}
	if transferFailure("", nil) != nil {
		t.Error("no error became one")
	}
}

// What flags say of a server becomes access data, and what is wrong with them is the flag's.
func TestAccessOptions(t *testing.T) {
	o := accessOptions{"ftps", "files.example", "2121", "acct", "cp", "firmware", "https://x/"}
	got, err := o.access("push")
	want := transfer.Access{
		Method: transfer.FTPS, Server: "files.example", Port: 2121, Account: "acct", Username: "cp", Path: "firmware", BaseURL: "https://x/",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = (&accessOptions{port: "0"}).access("push")
	if f := classify(err); f.code != codeUsage || !strings.HasPrefix(f.Error(), "--port: ") || !slices.Equal(f.hints, []string{"cpupdate help push"}) {
		t.Errorf("port 0: %v, %q", f, f.hints)
	}
	ca := newFile(t, "ca.pem", []byte(testAuthority))
	policy, err := (&trustOptions{ca, []string{"sha256:" + strings.Repeat("0", 64)}}).trust("push")
	if err != nil || policy.Authorities == nil || len(policy.Pins) != 1 {
		t.Errorf("got %+v, %v", policy, err)
	}
	if _, err := (&trustOptions{pins: []string{"x"}}).trust("push"); classify(err).code != codeUsage {
		t.Errorf("a wrong pin: %v", err)
	}
	for _, name := range []string{newFile(t, "empty.pem", nil), ca + ".missing"} {
		if _, err := (&trustOptions{ca: name}).trust("push"); classify(err).code != codeSettings {
			t.Errorf("%s: %v", name, err)
		}
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
		code code
		want string
	}{
		{nil, codeOK, ok + "ok    send       cpupdate-test\n"},
		{&transfer.Error{Kind: transfer.KindDenied}, codeRejected, ok + "FAIL  send       cpupdate-test\n"},
		{&transfer.Error{Kind: transfer.KindTimeout}, codeUnreachable, ok + "FAIL  send       cpupdate-test\n"},
		{&transfer.Error{Kind: transfer.KindUnproven}, codeUnverified, ok + "FAIL  send       cpupdate-test\n"},
	} {
		for _, asJSON := range []bool{false, true} {
			a, out, errOut := testApp(t, nil)
			a.store.settings = t.TempDir()
			a.pass.password = transfer.NewSecret("canary")
			var got transfer.Access
			a.dial = func(_ context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error) {
				got = access
				options.Event(transfer.Event{Step: transfer.StepConnect, Text: "files.example:21"})
				return tryStore{options, test.err}, nil
			}
			if c := run(t.Context(), a, []string{"defaults", "set", "-q", "--server", "files.example", "--username", "cp"}); c != codeOK {
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
			var doc tryDoc
			if asJSON && (json.Unmarshal(out.Bytes(), &doc) != nil || doc.OK != (c == codeOK) || len(doc.Steps) != 3 || doc.Steps[2].OK != doc.OK) {
				t.Errorf("%v: %s", test.err, out)
			}
			if got.Password.Reveal() != "canary" || bytes.Contains(append(out.Bytes(), errOut.Bytes()...), []byte("canary")) {
				t.Errorf("the password is %q in %s%s", got.Password.Reveal(), out, errOut)
			}
		}
	}
}

// testAuthority is a certificate that signs itself.
const testAuthority = `-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUCn9M8bFitXS1TP5WNS55TkrbpIEwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMTg0MzI5WhgPMjEy
NjEwMjkxODQzMjlaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEhduFCGacySZv4uTy3wJ99DThqzYES9xwjlSrRziC
+TrVDghjTFnQ1whoBcvlevWWzLO7F3uEvRgbcrJWQrfmGKNTMFEwHQYDVR0OBBYE
FAS9NwSMqIVlXPEzC/nQDhRDC1yGMB8GA1UdIwQYMBaAFAS9NwSMqIVlXPEzC/nQ
DhRDC1yGMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhANazBKwx
d/6dC5uT+7DbXHFhMj8s0H3rOecgb3Xsgsp0AiAS6F2Mg/7X37tkTHxjI3pq6bYd
Hfsfx3oHzqyMJvKJJQ==
-----END CERTIFICATE-----
`
