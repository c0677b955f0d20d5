package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A badRow is a server that misbehaves.
type badRow struct {
	name   string
	silent bool
	start  func(t *testing.T) badServer
}

type badServer interface {
	Access() transfer.Access
	Trust() trust.Policy
	Files() map[string][]byte
	WaitClosed()
}

func badRows() []badRow {
	var rows []badRow
	for _, row := range badserver.FTPRows() {
		rows = append(rows, badRow{"ftp-" + row.Name, row.Silent, func(t *testing.T) badServer { return row.Start(t) }})
	}
	for _, row := range badserver.HTTPSRows() {
		rows = append(rows, badRow{row.Name, row.Silent, func(t *testing.T) badServer { return row.Start(t) }})
	}
	return rows
}

// TestPushToBadServers pushes an image to every server that misbehaves, as a person and as a program would. Whatever
// happens is reported with an exit code of the table, in text that is safe on a terminal and that never holds the password;
// no failure ends with 0, and no success with the file missing.
func TestPushToBadServers(t *testing.T) {
	t.Parallel()
	image := clitest.Image(t, "cp600.bind", nil)
	for i, row := range badRows() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, asJSON := range []bool{false, true} {
				if row.silent && asJSON != (i%2 == 0) {
					continue // they take their time
				}
				s := row.start(t)
				r := pushTo(t, s, row.silent, image, asJSON)
				s.WaitClosed()
				checkPush(t, r, s, asJSON)
			}
		})
	}
}

// pushCodes are the exit codes that only a server can bring about, by the names of bad ones.
func pushCodes() map[string]exit.Code {
	return map[string]exit.Code{
		"ftp-greeting-never":          exit.CodeUnreachable,
		"ftp-421-at-user":             exit.CodeUnreachable,
		"ftp-reset-at-stor":           exit.CodeUnreachable,
		"503-before-body":             exit.CodeUnreachable,
		"https-silent":                exit.CodeUnreachable,
		"ftp-pass-530":                exit.CodeSettings,
		"ftp-pass-332-acct-530":       exit.CodeSettings,
		"ftp-certificate-self-signed": exit.CodeSettings,
		"ftp-auth-500":                exit.CodeSettings,
		"https-tls-too-old":           exit.CodeSettings,
		"login-401-for-ever":          exit.CodeSettings,
		"ftp-complete-552":            exit.CodeRejected,
		"ftp-stor-550":                exit.CodeRejected,
		"ftp-cwd-550":                 exit.CodeRejected,
		"403-before-body":             exit.CodeRejected,
		"301-to-host":                 exit.CodeRejected,
		"ftp-garbage-greeting":        exit.CodeRejected,
		"ftp-size-smaller":            exit.CodeUnverified,
		"ftp-hash-wrong":              exit.CodeUnverified,
		"https-stores-less":           exit.CodeUnverified,
		"head-wrong-length":           exit.CodeUnverified,
	}
}

// TestPushCodes: who reads only the exit code learns what to do.
func TestPushCodes(t *testing.T) {
	t.Parallel()
	image := clitest.Image(t, "cp600.bind", nil)
	rows := map[string]badRow{}
	for _, row := range badRows() {
		rows[row.name] = row
	}
	for name, want := range pushCodes() {
		row, ok := rows[name]
		if !ok {
			t.Errorf("there is no bad server %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := row.start(t)
			r := pushTo(t, s, row.silent, image, true)
			s.WaitClosed()
			e := r.failure(t)
			if r.code != want || e.Code != want || e.Retryable == nil || *e.Retryable != (want == exit.CodeUnreachable) {
				t.Errorf("exit code %d, want %d\n%s", r.code, want, r.errOut)
			}
		})
	}
}

// pushTo pushes the image with everything that could say too much switched on.
func pushTo(t *testing.T, s badServer, silent bool, image string, asJSON bool) ran {
	t.Helper()
	a, out, errOut := testApp(t, nil)
	a.pass.Variable = secret.New(badserver.Password)
	a.dial = func(ctx context.Context, access transfer.Access, o transfer.Options) (transfer.Store, error) {
		o.Trust, o.Pause = s.Trust(), time.Millisecond
		return transfer.Dial(ctx, access, o)
	}
	args := []string{"push", image, "--minimum-version", "V1 R0.0.0", "--retries", "0", "-v", "--filename", "cp600.bind"}
	if silent {
		args = append(args, "--timeout", "300ms")
	}
	if asJSON {
		args = append(args, "--json")
	}
	access := s.Access()
	for _, name := range []string{"method", "server", "port", "username", "account", "path", "base-url"} {
		if value := access.Get(name); value != "" {
			args = append(args, "--"+name, value)
		}
	}
	c := run(t.Context(), a, args)
	return ran{c, out.String(), errOut.String()}
}

func checkPush(t *testing.T, r ran, s badServer, asJSON bool) {
	t.Helper()
	all := r.out + r.errOut
	defer func() {
		if t.Failed() {
			t.Logf("exit code %d\n%s\n%s", r.code, r.out, r.errOut)
		}
	}()
	if strings.Contains(all, badserver.Password) {
		t.Error("the password is shown")
	}
	for _, c := range all {
		if c != '\n' && !bind.Prints(c) {
			t.Errorf("%q is shown as it is", c)
			break
		}
	}
	if allowed := []exit.Code{exit.CodeOK, exit.CodeSettings, exit.CodeUnreachable, exit.CodeRejected, exit.CodeUnverified}; !slices.Contains(allowed, r.code) {
		t.Errorf("exit code %d", r.code)
	}
	there := slices.ContainsFunc(keys(s.Files()), func(name string) bool { return filepath.Base(name) == "cp600.bind" })
	switch {
	case r.code == exit.CodeOK && !there:
		t.Error("success, but the file is not there")
	case r.code != exit.CodeOK && there && !strings.Contains(r.errOut, "left behind") && !strings.Contains(r.errOut, "may be there") && !strings.Contains(r.errOut, `"left":`):
		t.Error("the file is there, and nobody is told")
	case r.code != exit.CodeOK && !asJSON && !strings.Contains(r.errOut, "\nhint: "):
		t.Error("no hint")
	case asJSON:
		checkPushLines(t, r)
	}
}

func keys(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return names
}

// checkPushLines holds standard output to one object a line, the last of which says how it ended.
func checkPushLines(t *testing.T, r ran) {
	t.Helper()
	last := ""
	for line := range strings.Lines(r.out) {
		var doc struct {
			Schema int
			Event  string
		}
		if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.Schema != 1 || doc.Event == "" {
			t.Errorf("%v in %s", err, line)
		}
		last = doc.Event
	}
	if (last == "sent") != (r.code == exit.CodeOK) {
		t.Errorf("exit code %d, and the last line is %q", r.code, last)
	}
}
