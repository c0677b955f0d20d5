package defaults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// stored are settings that name a server.
const stored = "[defaults]\nserver = \"files.example\"\nusername = \"cp\"\n"

// try tries the stored settings, with a server that is the test's.
func try(ctx context.Context, t *testing.T, m *machine.Machine, dial option.DialFunc) exit.Code {
	t.Helper()
	var line option.Connection
	flags := pflag.NewFlagSet("defaults test", pflag.ContinueOnError)
	line.AddFlags(flags)
	route := option.Route{Command: "defaults test", UseDefaults: true}
	c := m.Report(Test(ctx, m.Console, m.Settings, m.Passwords, m.KnownHosts, dial, route, line))
	if m.Console.JSON && m.Out.Len() > 0 && !json.Valid(m.Out.Bytes()) {
		t.Errorf("the answer is no JSON: %s", m.Out)
	}
	if errs := strings.Count(m.Err.String(), "cpupdate: ") + strings.Count(m.Err.String(), `{"schema":1,"error":`); (errs == 0) != (c == exit.CodeOK) || errs > 1 {
		t.Errorf("%d errors with exit code %d: %s", errs, c, m.Err)
	}
	return c
}

// A tryStore is a server for defaults test.
type tryStore struct {
	options transfer.Options
	err     error
}

func (s tryStore) Try(context.Context) error {
	s.options.Event(transfer.Event{Step: transfer.StepFolder, Text: "firm\x1bware"})
	s.options.Event(transfer.Event{Step: transfer.StepDialog, Text: "> NOOP"})
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
			m := machine.New(t)
			m.Put(t, "config.toml", stored)
			m.Console.JSON, m.Passwords.Variable = asJSON, secret.New("canary")
			var got transfer.Access
			c := try(t.Context(), t, m, func(_ context.Context, access transfer.Access, options transfer.Options) (transfer.Store, error) {
				got = access
				options.Event(transfer.Event{Step: transfer.StepConnect, Text: "files.example:21"})
				return tryStore{options, test.err}, nil
			})
			if c != test.code || !asJSON && m.Out.String() != test.want {
				t.Errorf("%v: exit code %d\n%s%s", test.err, c, m.Out, m.Err)
			}
			var doc tryDoc
			if asJSON && (json.Unmarshal(m.Out.Bytes(), &doc) != nil || doc.OK != (c == exit.CodeOK) || len(doc.Steps) != 3 || doc.Steps[2].OK != doc.OK) {
				t.Errorf("%v: %s", test.err, m.Out)
			}
			if got.Password.Reveal() != "canary" || bytes.Contains(append(m.Out.Bytes(), m.Err.Bytes()...), []byte("canary")) {
				t.Errorf("the password is %q in %s%s", got.Password.Reveal(), m.Out, m.Err)
			}
		}
	}
}

// A leavingStore is a server on which something stays when Ctrl-C ends the test upload.
type leavingStore struct {
	tryStore
	cancel func()
}

func (s leavingStore) Try(context.Context) error {
	s.cancel()
	return &transfer.Error{Op: "sending", Left: "ftp://h/cpupdate-test.txt", Err: context.Canceled}
}

// Whatever ended the test upload, what it left behind is reported.
func TestDefaultsTestLeft(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		m := machine.New(t)
		m.Put(t, "config.toml", stored)
		m.Console.JSON = asJSON
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := try(ctx, t, m, func(context.Context, transfer.Access, transfer.Options) (transfer.Store, error) {
			return leavingStore{cancel: cancel}, nil
		})
		if c != exit.CodeInterrupted || !strings.Contains(m.Err.String(), "interrupted; left behind: ftp://h/cpupdate-test.txt") {
			t.Errorf("exit code %d\n%s", c, m.Err)
		}
		if doc := (tryDoc{}); asJSON && (json.Unmarshal(m.Out.Bytes(), &doc) != nil || m.Failure(t).Left != "ftp://h/cpupdate-test.txt") {
			t.Errorf("%s%s", m.Out, m.Err)
		}
	}
}

// TestDefaultsTestUnreachable checks that an unreachable server is shown as a failed step, and that retries are shown.
func TestDefaultsTestUnreachable(t *testing.T) {
	m := machine.New(t)
	m.Put(t, "config.toml", stored)
	c := try(t.Context(), t, m, func(_ context.Context, _ transfer.Access, options transfer.Options) (transfer.Store, error) {
		options.Event(transfer.Event{Step: transfer.StepRetry, Err: errors.New("nobody listens")})
		return nil, &transfer.Error{Op: "connecting", Server: "files.example:21", Kind: transfer.KindUnreachable}
	})
	if c != exit.CodeUnreachable || m.Out.String() != "FAIL  connect    files.example:21\n" || !strings.Contains(m.Err.String(), "nobody listens") {
		t.Errorf("exit code %d\n%s%s", c, m.Out, m.Err)
	}
}

// TestDefaultsTestNothingStored checks that no server is contacted without settings, or with invalid flags.
func TestDefaultsTestNothingStored(t *testing.T) {
	m := machine.New(t)
	dial := func(context.Context, transfer.Access, transfer.Options) (transfer.Store, error) {
		t.Error("a server is spoken to")
		return nil, errors.New("no server in this test")
	}
	if c := try(t.Context(), t, m, dial); c != exit.CodeSettings {
		t.Errorf("exit code %d", c)
	}
	route := option.Route{Command: "defaults test", UseDefaults: true}
	if err := Test(t.Context(), m.Console, m.Settings, m.Passwords, m.KnownHosts, dial, route, option.Connection{}); exit.Classify(err).Code != exit.CodeUsage {
		t.Errorf("no time to wait: %v", err)
	}
}

// TestDefaultsTestUnread checks that an answer that cannot be written is an error.
func TestDefaultsTestUnread(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		m := machine.New(t)
		m.Put(t, "config.toml", stored)
		m.Console.JSON, m.Console.Out = asJSON, brokenWriter{}
		c := try(t.Context(), t, m, func(_ context.Context, _ transfer.Access, options transfer.Options) (transfer.Store, error) {
			return tryStore{options, nil}, nil
		})
		if c != exit.CodeInternal {
			t.Errorf("JSON %v: exit code %d", asJSON, c)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }
