package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestWeakKeyAsksNothing checks that no password is prompted for if no peer may receive it, and that the error for a
// short key names the flag that accepts it.
func TestWeakKeyAsksNothing(t *testing.T) {
	t.Parallel()
	weak := madeCertificate{bits: 1024}.make(t)
	old := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
	page := func(certificate *tls.Certificate, faults string) []string {
		phone := startPhone(t, strings.TrimSpace(noInterface+" "+faults), func(c *phonesim.Config) { c.Web, c.WebCertificate = "127.0.0.1:0", certificate })
		flags, _ := webFlags(phone)
		return slices.Concat([]string{"push", phoneImage(t), phone.Address()}, flags, serviceFlags(t))
	}
	ftps := func(certificate *tls.Certificate, config *tls.Config) []string {
		return []string{
			"push", clitest.Image(t, "cp600.bind", nil), "--minimum-version", "V1 R0.0.0", "--retries", "0",
			"--method", "ftps", "--server", "127.0.0.1", "--port", startPeer(t, "ftps", certificate, config).port(), "--username", "cp",
		}
	}
	strong := madeCertificate{}.make(t)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a page with a short key":   {page(weak, ""), "its RSA key has 1024 bits"},
		"a page with TLS 1.0":       {page(strong, "web-tls-1.0"), "no TLS connection to its web page can be established"},
		"a server with a short key": {ftps(weak, nil), "its RSA key has 1024 bits"},
		"a server with TLS 1.0":     {ftps(strong, old), "no secure connection"},
	} {
		for _, terminal := range []bool{true, false} {
			a, said := terminalApp(t, "yes\n")
			a.con.InTerminal = terminal
			if !terminal {
				a.pass.Variable = secret.New("canary")
			}
			a.con.Ask = func(_ context.Context, question string) (string, error) {
				t.Errorf("%s: it asks %q", name, question)
				return "canary", nil
			}
			if ended := run(t.Context(), a, c.args); ended != exit.CodeSettings || !strings.Contains(said(), c.says) || !strings.Contains(said(), "--legacy-tls") {
				t.Errorf("%s, terminal %v: exit code %d\n%s", name, terminal, ended, said())
			}
		}
	}
}

// TestPinsOfMany checks that pins for several phones do not let one phone pass for another: a phone whose key is known
// must present it.
func TestPinsOfMany(t *testing.T) {
	t.Parallel()
	first, second := madeCertificate{}.make(t), madeCertificate{}.make(t)
	a, _ := terminalApp(t, "")
	line := "host:443 " + trust.PinOf(first.Leaf).String() + "\n"
	if err := os.WriteFile(filepath.Join(a.store.Folder, settings.KnownKeysFile), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	pins := trust.Policy{Pins: []trust.Pin{trust.PinOf(first.Leaf), trust.PinOf(second.Leaf)}}
	for _, c := range []struct {
		peer   string
		peers  int
		shows  *tls.Certificate
		denied bool
	}{
		{"host:443", 2, first, false}, {"host:443", 2, second, true}, {"host:443", 1, second, false}, {"other:443", 2, second, false},
	} {
		p, err := a.hosts.PolicyAmong(pins, c.peer, c.peers)
		if err != nil {
			t.Fatal(err)
		}
		err = p.TLS("host").VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.shows.Leaf}})
		if changed := trust.AsError(err); (err != nil) != c.denied || c.denied && len(changed.Known) != 1 {
			t.Errorf("%s of %d: %v", c.peer, c.peers, err)
		}
	}
}

// TestKnownKeysOfOthers checks that a list that other users can change is neither trusted nor changed.
func TestKnownKeysOfOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no such bits")
	}
	for mode, open := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o664: true, 0o622: true, 0o666: true} {
		a, said := terminalApp(t, "")
		path := filepath.Join(a.store.Folder, settings.KnownKeysFile)
		line := "host:443 sha256:" + strings.Repeat("0", 64) + "\n"
		if err := errors.Join(os.WriteFile(path, []byte(line), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		want := exit.CodeOK
		if open {
			want = exit.CodeSettings
		}
		_, err := a.hosts.PolicyFor(trust.Policy{}, "host:443")
		if (err != nil) != open {
			t.Errorf("mode %03o: %v", mode, err)
		}
		if c := run(t.Context(), a, []string{"trust", "add", "host", "--pin", "sha256:" + strings.Repeat("1", 64)}); c != want {
			t.Errorf("mode %03o: exit code %d", mode, c)
		}
		if open && !strings.Contains(said(), "users other than its owner can change it (mode") {
			t.Errorf("mode %03o: %s", mode, said())
		}
		text, err := os.ReadFile(path)
		if err != nil || (string(text) == line) != open {
			t.Errorf("mode %03o: %q, %v", mode, text, err)
		}
	}
}

// TestProfileDefaults checks that a profile called defaults has its own password in the keyring.
func TestProfileDefaults(t *testing.T) {
	t.Parallel()
	a, _ := terminalApp(t, "")
	a.con.InTerminal, a.pass.Keyring = false, newMemoryKeyring()
	for _, table := range []struct{ profile, password string }{{"", "first canary"}, {"defaults", "second canary"}} {
		a.con.In = strings.NewReader(table.password)
		args := []string{"defaults", "set", "--server", "files.example", "--username", "cp", "--password-stdin"}
		if table.profile != "" {
			args = append(args, "--profile", table.profile)
		}
		if c := run(t.Context(), a, args); c != exit.CodeOK {
			t.Fatalf("exit code %d", c)
		}
	}
	for profile, want := range map[string]string{"": "first canary", "defaults": "second canary"} {
		if got, err := a.pass.Password(t.Context(), a.store.Place(), profile); err != nil || got.Secret.Reveal() != want {
			t.Errorf("%q: %q, %v", profile, got.Secret.Reveal(), err)
		}
	}
}
