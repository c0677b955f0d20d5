package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestDoctorAround checks the lines about settings, clock, certificates, proxies and terminal.
func TestDoctorAround(t *testing.T) {
	t.Parallel()
	serve := func(*testing.T) []string { return []string{"--serve"} }
	put := func(name, text string, mode os.FileMode) func(t *testing.T, a *app) {
		return func(t *testing.T, a *app) {
			t.Helper()
			path := filepath.Join(a.store.Folder, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	at := func(when time.Time) func(*testing.T, *app) {
		return func(_ *testing.T, a *app) { a.clock = func() time.Time { return when } }
	}
	ahead := func(by time.Duration) func(*testing.T, *app) {
		return func(_ *testing.T, a *app) { a.clock = func() time.Time { return time.Now().Add(by) } }
	}
	https := func(t *testing.T) []string {
		s := datedHTTPS(t)
		return bySettings(s.Access(), "--pin", s.Pin().String())
	}
	for name, c := range map[string]doctorCase{
		"nothing at all": {nil, nil, exit.CodeOK, []string{
			"settings/folder ok", "settings/config ok no defaults and no profiles are stored", "settings/passwords ok no password", "settings/trusted-keys ok no keys",
			"settings/known-keys ok no keys", "settings/hardware ok the built-in table only", "certificates/service ok a new one is made for each run", "around/proxy ok no proxy variable",
			"around/input ok not a terminal", "around/output ok 80 columns, no colours", "around/progress ok a line from time to time",
		}},
		"no folder": {func(_ *testing.T, a *app) { a.store.Folder, a.store.FolderErr = "", context.DeadlineExceeded }, serve, exit.CodeSettings, []string{
			"settings/folder failed the settings folder cannot be found", "settings/hardware skipped skipped: there is no settings folder",
		}},
		"broken settings": {put("config.toml", "server = \n", 0o600), nil, exit.CodeSettings, []string{
			"settings/config failed settings .*config.toml", "server/port skipped skipped: the settings cannot be read",
		}},
		"broken settings, and not used": {put("config.toml", "server = \n", 0o600), serve, exit.CodeOK, []string{"settings/config warning settings .*config.toml"}},
		"broken settings, and a server": {func(t *testing.T, a *app) {
			withPassword(t, a)
			put("config.toml", "server = \n", 0o600)(t, a)
		}, func(t *testing.T) []string { return bySettings(badserver.NewFTP(t).Access()) }, exit.CodeOK, []string{"settings/config warning", "server/writing ok"}},
		"half a setting": {put("config.toml", "[defaults]\nusername = \"x\"\n", 0o600), nil, exit.CodeSettings, []string{
			"settings/complete failed .*server.*cpupdate defaults set", "server/name skipped skipped: no server is named",
		}},
		"no such profile": {nil, func(*testing.T) []string { return []string{"--profile", "berlin"} }, exit.CodeSettings, []string{"settings/complete failed there is no profile berlin"}},
		"no defaults":     {nil, func(*testing.T) []string { return []string{"--use-defaults"} }, exit.CodeSettings, []string{"settings/complete failed defaults: no settings are stored"}},
		"broken keys":     {put("trusted-keys/a.pem", "x", 0o600), serve, exit.CodeSettings, []string{"settings/trusted-keys failed public key .*Ed25519"}},
		"broken hardware": {put("hardware.toml", "x", 0o600), serve, exit.CodeSettings, []string{"settings/hardware failed hardware table"}},
		"own hardware":    {put("hardware.toml", "schema = 1\n", 0o600), serve, exit.CodeOK, []string{"settings/hardware ok the built-in table, and your own"}},
		"broken known":    {put("known_keys", "x\n", 0o600), serve, exit.CodeOK, []string{"settings/known-keys warning known keys"}},
		"broken known, and used": {put("known_keys", "x\n", 0o600), func(t *testing.T) []string { return bySettings(datedHTTPS(t).Access()) }, exit.CodeSettings, []string{
			"settings/complete ok", "settings/known-keys failed known keys .*line 1", "settings/password skipped skipped: the known keys cannot be read", "server/port ok",
			"server/certificate skipped skipped: the known keys cannot be read", "server/login skipped",
		}},
		"broken known, and a pin": {func(t *testing.T, a *app) {
			withPassword(t, a)
			put("known_keys", "x\n", 0o600)(t, a)
		}, https, exit.CodeOK, []string{"settings/known-keys warning known keys", "server/certificate (ok|warning) ", "server/writing ok"}},
		"broken known, and a page": {put("known_keys", "x\n", 0o600), doctorPage("", false), exit.CodeSettings, []string{
			"settings/known-keys failed known keys", "web page/port ok", "web page/certificate skipped skipped: the known keys cannot be read", "web page/form skipped",
		}},
		"broken known, and the pin of a page": {func(t *testing.T, a *app) {
			pagePassword(phonesim.DefaultPassword)(t, a)
			put("known_keys", "x\n", 0o600)(t, a)
		}, doctorPage("", true), exit.CodeOK, []string{"settings/known-keys warning known keys", "web page/form ok"}},
		"clock of 2001":  {at(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)), serve, exit.CodeSettings, []string{"clock/date failed this clock shows 2001-01-01 00:00 UTC.*NTP"}},
		"an hour ahead":  {ahead(time.Hour), https, exit.CodeOK, []string{"clock/date ok", "clock/server-date warning this clock is (59|60) min( [0-9]+ s)? ahead of the server's"}},
		"an hour behind": {ahead(-time.Hour), https, exit.CodeOK, []string{"clock/server-date warning this clock is .* behind the server's"}},
		"years ahead": {at(time.Now().AddDate(20, 0, 0)), https, exit.CodeOK, []string{
			"server/certificate warning .*expired .*accepted because its key is known", "clock/validity warning by this clock, the certificate of the server is not valid: expired",
		}},
		"no certificate": {nil, func(t *testing.T) []string {
			return []string{"--serve", "--service-cert", clitest.File(t, "a.pem", []byte("x")), "--service-key", clitest.File(t, "b.pem", []byte("x"))}
		}, exit.CodeSettings, []string{"certificates/service failed certificate", "this machine/calls failed certificate"}},
		"curve, soon": {nil, curveFlags(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(100 * time.Hour) }), exit.CodeOK, []string{
			"certificates/service warning .*, in 4 days; its key is not an RSA key .*RSA key of 2048 bits",
		}},
		"ended": {nil, curveFlags(testca.Expired), exit.CodeSettings, []string{"certificates/service failed certificate .*ended"}},
		"proxies": {func(_ *testing.T, a *app) { a.around.Proxies = []string{"HTTPS_PROXY", "no_proxy"} }, serve, exit.CodeOK, []string{
			`around/proxy ok \$HTTPS_PROXY, \$no_proxy are set, but not used`,
		}},
		"terminal": {func(_ *testing.T, a *app) {
			a.con.InTerminal, a.con.ErrTerminal, a.around.CI, a.around.NoColor = true, true, true, true
		}, serve, exit.CodeOK, []string{
			"around/input ok a terminal", "around/progress ok a progress bar; .CI is set", `around/output ok 80 columns, no colours \(\$NO_COLOR\)`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, c := range map[string]doctorCase{
		"passwords for all": {func(t *testing.T, a *app) {
			put("config.toml", "[defaults]\nserver = \"127.0.0.1\"\nport = 1\nusername = \"x\"\n", 0o600)(t, a)
			put("passwords.toml", "[defaults]\npassword = \"secret\"\n", 0o644)(t, a)
		}, nil, exit.CodeSettings, []string{"settings/passwords failed passwords .*mode 644.* chmod 600", "settings/config ok .*config.toml: defaults"}},
		"passwords": {put("passwords.toml", "[defaults]\npassword = \"secret\"\n", 0o600), serve, exit.CodeOK, []string{"settings/passwords ok .*1 password; only its owner"}},
		"in the keyring": {put("passwords.toml", "[defaults]\nkeyring = true\n[profile.a]\nkeyring = true\n", 0o600), serve, exit.CodeOK, []string{
			"settings/passwords ok .*passwords.toml: 2 passwords are in the system's keyring $",
		}},
		"in both": {put("passwords.toml", "[defaults]\nkeyring = true\n[profile.a]\npassword = \"secret\"\n", 0o600), serve, exit.CodeOK, []string{
			"settings/passwords ok .*: 1 password; only its owner can read it; 1 password is in the system's keyring $",
		}},
		"folder for all": {func(t *testing.T, a *app) {
			if err := os.Chmod(a.store.Folder, 0o777); err != nil { //nolint:gosec // that is what is to be found
				t.Fatal(err)
			}
		}, serve, exit.CodeSettings, []string{"settings/folder failed .*mode 777.* chmod go-w "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

// curveFlags returns the flags for a certificate with an elliptic curve key.
func curveFlags(change func(*x509.Certificate)) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		made := testca.NewAuthority(t).Issue(change)
		key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		certificate := clitest.File(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]}))
		return []string{"--serve", "--service-cert", certificate, "--service-key", clitest.File(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}
	}
}
