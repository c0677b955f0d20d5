package trustcmd

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// pinOf is a key of which each digit is the same.
func pinOf(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// add makes a key known, as the flags say.
func add(t *testing.T, m *machine.Machine, peer string, args ...string) error {
	t.Helper()
	var o AddOptions
	flags := pflag.NewFlagSet("trust add", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Add(t.Context(), m.Console, m.KnownHosts, o, peer)
}

func codeOf(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	return exit.Classify(err).Code
}

// listed are the known keys.
func listed(t *testing.T, m *machine.Machine) []knownKeyDoc {
	t.Helper()
	m.Out.Reset()
	m.Console.JSON = true
	if err := List(m.Console, m.KnownHosts); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Keys []knownKeyDoc }
	if err := json.Unmarshal(m.Out.Bytes(), &doc); err != nil {
		t.Fatalf("%v in %s", err, m.Out)
	}
	m.Console.JSON = false
	m.Out.Reset()
	return doc.Keys
}

// TestAddListRemove adds keys, lists them, and removes them one by one and all at once.
func TestAddListRemove(t *testing.T) {
	m := machine.New(t)
	if keys := listed(t, m); len(keys) != 0 {
		t.Errorf("%v", keys)
	}
	if err := List(m.Console, m.KnownHosts); err != nil || !strings.Contains(m.Out.String(), settings.KnownKeysFile) {
		t.Errorf("%v, %s", err, m.Out)
	}
	for _, err := range []error{
		add(t, m, "files.example", "--pin", pinOf("1"), "--pin", pinOf("2"), "--comment", "the\u00e9 server"),
		add(t, m, "ftp.example", "--method", "ftps", "--pin", pinOf("3")),
		add(t, m, "192.0.2.50:4430", "--pin", pinOf("4")),
		add(t, m, "192.0.2.50:4430", "--pin", pinOf("4")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	keys := listed(t, m)
	if len(keys) != 4 || keys[0].FirstSeen == "" {
		t.Fatalf("%+v", keys)
	}
	peers := map[string]int{}
	for _, k := range keys {
		peers[k.Peer]++
	}
	if peers["files.example:443"] != 2 || peers["ftp.example:21"] != 1 || peers["192.0.2.50:4430"] != 1 {
		t.Errorf("%v", peers)
	}
	if err := List(m.Console, m.KnownHosts); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if !strings.Contains(m.Out.String(), k.Pin) || !strings.Contains(m.Out.String(), k.Comment) {
			t.Errorf("%+v is missing\n%s", k, m.Out)
		}
	}
	if err := Remove(t.Context(), m.Console, m.KnownHosts, "files.example", []string{pinOf("1")}); err != nil {
		t.Error(err)
	}
	if err := Remove(t.Context(), m.Console, m.KnownHosts, "192.0.2.50:4430", nil); err != nil {
		t.Error(err)
	}
	if keys := listed(t, m); len(keys) != 2 {
		t.Errorf("%+v", keys)
	}
}

// TestRemoveUnknown checks that removing an unknown key is an error that names the known peers of the host.
func TestRemoveUnknown(t *testing.T) {
	m := machine.New(t)
	if err := add(t, m, "files.example:8443", "--pin", pinOf("1")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		peer string
		pins []string
		code exit.Code
		hint string
	}{
		{"files.example", nil, exit.CodeSettings, "files.example:8443"},
		{"files.example:8443", []string{pinOf("2")}, exit.CodeSettings, "files.example:8443"},
		{"other.example", nil, exit.CodeSettings, "cpupdate trust list"},
		{"files.example", []string{"x"}, exit.CodeUsage, ""},
		{"x y", nil, exit.CodeUsage, ""},
	} {
		err := Remove(t.Context(), m.Console, m.KnownHosts, test.peer, test.pins)
		if codeOf(err) != test.code || !strings.Contains(strings.Join(exit.Classify(err).Hints, " "), test.hint) {
			t.Errorf("%s, %q: %v, %q", test.peer, test.pins, err, exit.Classify(err).Hints)
		}
	}
	m.Put(t, settings.KnownKeysFile, "x\n")
	if err := List(m.Console, m.KnownHosts); codeOf(err) != exit.CodeSettings {
		t.Errorf("a list that is broken: %v", err)
	}
}

// TestAddRefused checks that invalid flags and an invalid list are refused.
func TestAddRefused(t *testing.T) {
	m := machine.New(t)
	for _, args := range [][]string{{"--pin", "x"}, {"--method", "ftp"}, {"--timeout", "0s"}, {"--comment", "a\x1bb"}} {
		if err := add(t, m, "h", args...); codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := add(t, m, "x y"); codeOf(err) != exit.CodeUsage {
		t.Errorf("%v", err)
	}
	m.Put(t, settings.KnownKeysFile, "x\n")
	if err := add(t, m, "127.0.0.1:1"); codeOf(err) != exit.CodeSettings {
		t.Errorf("a list that is broken: %v", err)
	}
}

// TestAddShown checks that a presented key is added after the answer yes only, and that a script gets an error.
func TestAddShown(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.StartTLS()
	defer server.Close()
	peer, pin := server.Listener.Addr().String(), trust.PinOf(server.Certificate()).String()
	for _, test := range []struct {
		terminal bool
		typed    string
		code     exit.Code
	}{{false, "", exit.CodeSettings}, {true, "no\n", exit.CodeSettings}, {true, "yes\n", exit.CodeOK}} {
		m := machine.New(t)
		m.Console.InTerminal, m.Console.In = test.terminal, strings.NewReader(test.typed)
		err := add(t, m, peer)
		if codeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), pin) {
			t.Errorf("typed %q: %v", test.typed, err)
		}
		m.Console.InTerminal = false
		keys := listed(t, m)
		if (len(keys) == 1) != (err == nil) || err == nil && keys[0].Pin != pin {
			t.Errorf("typed %q: %+v", test.typed, keys)
		}
		if err == nil {
			if err := add(t, m, peer); err != nil || len(listed(t, m)) != 1 {
				t.Errorf("once more: %v", err)
			}
		}
	}
}

// TestHinted checks that the hints speak of PEER, and not of flags that the command does not have.
func TestHinted(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []transfer.Kind{transfer.KindUnreachable, transfer.KindTimeout, transfer.KindTLS, transfer.KindProtocol} {
		for _, legacy := range []bool{false, true} {
			f := exit.Classify((&AddOptions{legacy: legacy}).hinted(exit.New(exit.CodeUnreachable, &transfer.Error{Kind: kind}, "a flag")))
			if len(f.Hints) != 1 || f.Hints[0] == "a flag" || f.Code != exit.CodeUnreachable || seen[f.Hints[0]] && (!legacy || kind == transfer.KindTLS) {
				t.Errorf("%s, legacy %v: %q", kind, legacy, f.Hints)
			}
			seen[f.Hints[0]] = true
		}
	}
	plain := errors.New("odd")
	if err := new(AddOptions).hinted(plain); err != plain { //nolint:errorlint // it is the very error
		t.Errorf("%v", err)
	}
	m := machine.New(t)
	if err := add(t, m, "127.0.0.1:1"); codeOf(err) != exit.CodeUnreachable || len(exit.Classify(err).Hints) != 1 {
		t.Errorf("%v", err)
	}
}
