package option

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// parse reads flags that add declares.
func parse(t *testing.T, add func(*pflag.FlagSet), args ...string) {
	t.Helper()
	flags := pflag.NewFlagSet("push", pflag.ContinueOnError)
	add(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
}

// newRoute is the route that the flags name.
func newRoute(t *testing.T, args ...string) *Route {
	t.Helper()
	o := &Route{Command: "push"}
	parse(t, func(flags *pflag.FlagSet) {
		o.AddFlags(flags)
		flags.StringVar(&o.Profile, "profile", "", "")
	}, args...)
	return o
}

// codeOf is the exit code of an error, or of none.
func codeOf(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	return exit.Classify(err).Code
}

// TestRouteValidate checks that only one route can be chosen, and that an error names the flag.
func TestRouteValidate(t *testing.T) {
	for _, test := range []struct {
		args string
		bad  string // what the error names; none is expected if it is empty
	}{
		{"", ""},
		{"--server h", ""},
		{"--use-defaults", ""},
		{"--profile berlin", ""},
		{"--profile no/good", "no/good"},
		{"--password-stdin --password-file x", "--password-"},
		{"--use-defaults --server h --port 21", "--server, --port"},
		{"--profile berlin --server h", "--profile"},
		{"--serve", ""},
		{"--serve --method https", ""},
		{"--serve --method ftp", ""},
		{"--serve --method ftps", "--method ftps"},
		{"--serve --use-defaults", "--use-defaults"},
		{"--serve --profile berlin", "--profile"},
		{"--serve --server h", "--server"},
		{"--serve --pin x", "--pin"},
		{"--serve --ca x", "--ca"},
		{"--serve --password-stdin", "--serve"},
		{"--web", ""},
		{"--web --web-port 4430 --pin x --password-stdin", ""},
		{"--web-port 4430", "--web-port"},
		{"--web --web-port 0", "--web-port"},
		{"--web --web-port 65536", "--web-port"},
		{"--web --serve", "--serve"},
		{"--web --use-defaults", "--use-defaults"},
		{"--web --profile berlin", "--profile"},
		{"--web --path x", "--path"},
	} {
		err := newRoute(t, strings.Fields(test.args)...).Validate()
		switch {
		case test.bad == "" && err != nil, test.bad != "" && codeOf(err) != exit.CodeUsage:
			t.Errorf("%q: %v", test.args, err)
		case err != nil && (!strings.Contains(err.Error(), test.bad) || len(exit.Classify(err).Hints) == 0):
			t.Errorf("%q: %v does not name %s, or has no hint", test.args, err, test.bad)
		}
	}
}

// storedSettings are the defaults and a profile.
const storedSettings = `[defaults]
method = "ftps"
server = "files.example"
username = "cp"
hw-level = 3
[profile.berlin]
server = "b.example"
username = "anonymous"
[profile.half]
username = "cp"
[profile.odd]
server = "o.example"
username = "cp"
pin = ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]
`

// TestDestination checks destinations from flags and from stored settings.
func TestDestination(t *testing.T) {
	pin := "sha256:" + strings.Repeat("1", 64)
	for _, test := range []struct {
		args   string
		stored string
		code   exit.Code
		server string
		origin string
		note   bool
	}{
		{"--server h --username x", "", exit.CodeOK, "h", "flags", false},
		{"--method https --base-url https://h/x/ --pin " + pin, "", exit.CodeOK, "", "flags", false},
		{"--server h --username x --pin " + pin, "", exit.CodeUsage, "", "", false},
		{"--method ftps --server h --username x --pin 1", "", exit.CodeUsage, "", "", false},
		{"--method ftps --server h --username x --ca missing", "", exit.CodeSettings, "", "", false},
		{"--server h", "", exit.CodeUsage, "", "", false},
		{"--port 0", "", exit.CodeUsage, "", "", false},
		{"", "", exit.CodeUsage, "", "", false},
		{"--use-defaults", "", exit.CodeSettings, "", "", false},
		{"--use-defaults", "[profile.berlin]\nserver = \"h\"\n", exit.CodeSettings, "", "", false},
		{"", storedSettings, exit.CodeOK, "files.example", "defaults", true},
		{"--use-defaults", storedSettings, exit.CodeOK, "files.example", "defaults", false},
		{"--profile berlin", storedSettings, exit.CodeOK, "b.example", "profile berlin", false},
		{"--profile paris", storedSettings, exit.CodeSettings, "", "", false},
		{"--profile half", storedSettings, exit.CodeSettings, "", "", false},
		{"--profile odd", storedSettings, exit.CodeSettings, "", "", false},
		{"--profile berlin --pin " + pin, storedSettings, exit.CodeUsage, "", "", false},
		{"--use-defaults --pin 1", storedSettings, exit.CodeUsage, "", "", false},
		{"--use-defaults", "server = \n", exit.CodeSettings, "", "", false},
	} {
		m := machine.New(t)
		if test.stored != "" {
			m.Put(t, "config.toml", test.stored)
		}
		d, err := newRoute(t, strings.Fields(test.args)...).Destination(t.Context(), m.Console, m.Settings, m.Passwords)
		if codeOf(err) != test.code || (m.Err.Len() > 0) != test.note {
			t.Errorf("%q: %v\n%s", test.args, err, m.Err)
			continue
		}
		if err == nil && (d.Access.Server != test.server || d.Origin != test.origin) {
			t.Errorf("%q: %+v", test.args, d)
		}
		if err != nil && len(exit.Classify(err).Hints) == 0 {
			t.Errorf("%q: %v has no next step", test.args, err)
		}
	}
}

// TestNoServer checks the hints if no server is named.
func TestNoServer(t *testing.T) {
	m := machine.New(t)
	if _, err := newRoute(t).Destination(t.Context(), m.Console, m.Settings, m.Passwords); !errors.Is(err, ErrNoServer) {
		t.Errorf("%v", err)
	}
	m.Put(t, "config.toml", "[profile.berlin]\nserver = \"h\"\n")
	_, err := newRoute(t, "--use-defaults").Destination(t.Context(), m.Console, m.Settings, m.Passwords)
	if hints := exit.Classify(err).Hints; len(hints) != 2 || !strings.Contains(hints[0], "berlin") {
		t.Errorf("%q", hints)
	}
	m.Put(t, "config.toml", "[profile.berlin]\nusername = \"h\"\n")
	_, err = newRoute(t, "--profile", "berlin").Destination(t.Context(), m.Console, m.Settings, m.Passwords)
	if hints := exit.Classify(err).Hints; len(hints) != 1 || !strings.Contains(hints[0], "--profile berlin --server") {
		t.Errorf("%q", hints)
	}
}

// TestTrustInstead checks that --ca and --pin each replace only the stored setting of the same name.
func TestTrustInstead(t *testing.T) {
	ca := clitest.File(t, "ca.pem", []byte(clitest.Authority))
	old, other := "sha256:"+strings.Repeat("0", 64), "sha256:"+strings.Repeat("1", 64)
	m := machine.New(t)
	m.Put(t, "config.toml", "[defaults]\nmethod = \"ftps\"\nserver = \"h\"\nusername = \"x\"\npin = [\""+old+"\"]\n")
	for _, test := range []struct {
		args []string
		pin  string
		ca   bool
	}{
		{nil, old, false}, {[]string{"--ca", ca}, old, true}, {[]string{"--pin", other}, other, false}, {[]string{"--pin", other, "--ca", ca}, other, true},
	} {
		d, err := newRoute(t, append(test.args, "--use-defaults")...).Destination(t.Context(), m.Console, m.Settings, m.Passwords)
		if err != nil || len(d.Trust.Pins) != 1 || d.Trust.Pins[0].String() != test.pin || (d.Trust.Authorities != nil) != test.ca {
			t.Errorf("%q: %+v, %v", test.args, d, err)
		}
	}
}

// TestLogin checks which password is used, and that plain FTP yields a warning.
func TestLogin(t *testing.T) {
	file := clitest.File(t, "password", []byte("mail"))
	for _, test := range []struct {
		args []string
		want string
		code exit.Code
	}{
		{[]string{"--username", "anonymous"}, "", exit.CodeOK},
		{[]string{"--username", "Anonymous"}, "", exit.CodeOK},
		{[]string{"--username", "anonymous", "--password-file", file}, "mail", exit.CodeOK},
		{[]string{"--username", "cp"}, "canary", exit.CodeOK},
		{[]string{"--username", "cp", "--password-file", file + ".missing"}, "", exit.CodeSettings},
	} {
		m := machine.New(t)
		m.Passwords.Variable = secret.New("canary")
		o := newRoute(t, append([]string{"--server", "h"}, test.args...)...)
		d, err := o.Destination(t.Context(), m.Console, m.Settings, m.Passwords)
		if err != nil {
			t.Fatal(err)
		}
		err = o.Login(t.Context(), m.Console, m.Passwords, m.KnownHosts, d, transfer.Options{})
		if warned := m.Err.Len() > 0; codeOf(err) != test.code || d.Access.Password.Reveal() != test.want || warned != (test.want != "") {
			t.Errorf("%q: %q, %v\n%s", test.args, d.Access.Password.Reveal(), err, m.Err)
		}
	}
}

// TestLoginStored checks that a stored password is used for its own server only.
func TestLoginStored(t *testing.T) {
	m := machine.New(t)
	m.Put(t, "config.toml", "[defaults]\nserver = \"files.example\"\nusername = \"cp\"\n")
	m.Put(t, "passwords.toml", "[defaults]\npassword = \"canary\"\n")
	for _, args := range [][]string{{"--use-defaults"}, {"--server", "other.example", "--username", "cp"}} {
		o := newRoute(t, args...)
		d, err := o.Destination(t.Context(), m.Console, m.Settings, m.Passwords)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Login(t.Context(), m.Console, m.Passwords, m.KnownHosts, d, transfer.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := d.Access.Password.Reveal(); (got == "canary") != (d.Origin != "flags") {
			t.Errorf("%q: %q", args, got)
		}
	}
}

// TestLoginUnknown checks that unreadable known keys and an interruption end the login before a password is read.
func TestLoginUnknown(t *testing.T) {
	m := machine.New(t)
	m.Put(t, settings.KnownKeysFile, "x\n")
	o := newRoute(t, "--method", "ftps", "--server", "h", "--username", "cp", "--password-file", "missing")
	d, err := o.Destination(t.Context(), m.Console, m.Settings, m.Passwords)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Login(t.Context(), m.Console, m.Passwords, m.KnownHosts, d, transfer.Options{}); codeOf(err) != exit.CodeSettings || strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
	m.Put(t, settings.KnownKeysFile, "")
	m.Console.InTerminal = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Login(ctx, m.Console, m.Passwords, m.KnownHosts, d, transfer.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestHinted checks that the hint about a missing password is added only if that can be the cause.
func TestHinted(t *testing.T) {
	refused := &transfer.Error{Kind: transfer.KindLogin, Code: 530}
	for _, test := range []struct {
		err    error
		access transfer.Access
		want   int
	}{
		{exit.New(exit.CodeSettings, refused, "h"), transfer.Access{Username: "cp"}, 2},
		{exit.New(exit.CodeSettings, refused, "h"), transfer.Access{Username: "cp", Password: secret.New("x")}, 1},
		{exit.New(exit.CodeSettings, refused, "h"), transfer.Access{Username: "Anonymous"}, 1},
		{exit.New(exit.CodeSettings, refused, "h"), transfer.Access{}, 1},
		{exit.New(exit.CodeRejected, &transfer.Error{Kind: transfer.KindDenied}, "h"), transfer.Access{Username: "cp"}, 1},
	} {
		f := exit.Classify((&Destination{Access: test.access}).Hinted(test.err))
		if len(f.Hints) != test.want || !slices.Contains(f.Hints, "h") {
			t.Errorf("%v, %+v: %q", test.err, test.access, f.Hints)
		}
	}
	if err := (&Destination{}).Hinted(nil); err != nil {
		t.Error(err)
	}
}

// TestPeer checks the address of the web page of a phone.
func TestPeer(t *testing.T) {
	o := newRoute(t, "--web", "--web-port", "4430")
	for address, want := range map[string]string{
		"192.0.2.50": "192.0.2.50:4430", "192.0.2.50:8085": "192.0.2.50:4430", "phone.example": "phone.example:4430", "[2001:db8::1]:8085": "[2001:db8::1]:4430",
	} {
		if got := o.Web.Peer(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
