package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

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
			a.pass.Variable = secret.New("canary")
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
