package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A dialled is what a command would have opened a connection with.
type dialled struct {
	ran
	access transfer.Access
	trust  trust.Policy
	times  int
}

// dialFrom runs command lines with the same settings; the last one's connection is told.
func dialFrom(t *testing.T, password string, lines ...[]string) dialled {
	t.Helper()
	a, out, errOut := testApp(t, nil)
	d := dialled{}
	a.dial = func(_ context.Context, access transfer.Access, o transfer.Options) (transfer.Store, error) {
		d.access, d.trust, d.times = access, o.Trust, d.times+1
		return nil, errors.New("no server in this test")
	}
	for i, line := range lines {
		if i == len(lines)-1 && password != "" {
			a.pass.Variable = secret.New(password)
		}
		out.Reset()
		errOut.Reset()
		d.code = run(t.Context(), a, line)
		if i < len(lines)-1 && d.code != exit.CodeOK {
			t.Fatalf("%q: exit code %d\n%s", line, d.code, errOut)
		}
	}
	d.out, d.errOut = out.String(), errOut.String()
	return d
}

// Who is anonymous gets the password of the environment only by a flag; and whoever's goes out in clear, it is said.
func TestAnonymousPassword(t *testing.T) {
	image := clitest.Image(t, "cp600.bind", nil)
	line := []string{"push", image, "--minimum-version", "V1 R0.0.0", "--server", "h", "--username"}
	file := clitest.File(t, "password", []byte("mail"))
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"anonymous"}, ""},
		{[]string{"Anonymous"}, ""},
		{[]string{"anonymous", "--password-file", file}, "mail"},
		{[]string{"cp"}, "canary"},
	} {
		d := dialFrom(t, "canary", slices.Concat(line, test.args))
		warned := strings.Contains(d.errOut, "plain FTP sends the password unencrypted")
		if d.times != 1 || d.access.Password.Reveal() != test.want || warned != (test.want != "") {
			t.Errorf("%q: %q\n%s", test.args, d.access.Password.Reveal(), d.errOut)
		}
	}
}

// Each flag that says whom to trust replaces what is stored of its own kind, and no more.
func TestTrustFlags(t *testing.T) {
	image := clitest.Image(t, "cp600.bind", nil)
	ca := clitest.File(t, "ca.pem", []byte(clitest.Authority))
	old, other := "sha256:"+strings.Repeat("0", 64), "sha256:"+strings.Repeat("1", 64)
	push := []string{"push", image, "--minimum-version", "V1 R0.0.0", "--use-defaults"}
	set := func(args ...string) []string {
		return append([]string{"defaults", "set", "-q", "--server", "h", "--username", "x"}, args...)
	}
	for _, test := range []struct {
		set, args []string
		pin       string
		ca        bool
		code      exit.Code
	}{
		{set("--method", "ftps", "--pin", old), []string{"--ca", ca}, old, true, exit.CodeInternal},
		{set("--method", "ftps", "--pin", old), []string{"--pin", other}, other, false, exit.CodeInternal},
		{set("--method", "ftps", "--pin", old, "--ca", ca), []string{"--pin", other}, other, true, exit.CodeInternal},
		{set("--method", "ftps", "--pin", old), nil, old, false, exit.CodeInternal},
		{set(), nil, "", false, exit.CodeInternal},
		{set("--method", "ftps"), []string{"--pin", "sha256:00"}, "", false, exit.CodeUsage},
		{set(), []string{"--pin", old}, "", false, exit.CodeUsage},
		{set(), []string{"--ca", ca}, "", false, exit.CodeUsage},
		{set("--pin", old), nil, "", false, exit.CodeSettings},
		{set("--ca", ca), nil, "", false, exit.CodeSettings},
	} {
		d := dialFrom(t, "", test.set, slices.Concat(push, test.args))
		pin := ""
		if len(d.trust.Pins) == 1 {
			pin = d.trust.Pins[0].String()
		}
		if d.code != test.code || pin != test.pin || (d.trust.Authorities != nil) != test.ca || (d.times == 1) != (test.code == exit.CodeInternal) {
			t.Errorf("%q, %q: exit code %d, %+v\n%s", test.set, test.args, d.code, d.trust, d.errOut)
		}
	}
}
