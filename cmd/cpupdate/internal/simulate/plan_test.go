package simulate

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// planOf reads flags and returns what each phone will be.
func planOf(t *testing.T, args ...string) ([]simulated, error) {
	t.Helper()
	con, _, _ := newConsole()
	o := newOptions(t, args...)
	return o.plan(t.Context(), con)
}

// TestSimulatedConfig checks that every flag reaches the phone that it describes.
func TestSimulatedConfig(t *testing.T) {
	list := clitest.File(t, "site.csv", []byte("address,mac,model,hw_level,running\n127.0.0.7:8085,00:1A:E8:00:00:02,CP400,5,V1 R8.0.0\n127.0.0.8,,,,\n"))
	password := clitest.File(t, "page.secret", []byte("of the page\n"))
	tests := []struct {
		args  string
		phone int // from 1
		show  func(c phonesim.Config) any
		want  string
	}{
		{"", 1, func(c phonesim.Config) any {
			return []any{c.Listen, c.DeviceType, c.MAC, c.Level, c.SoftwareType, c.Version, c.PartNumber, c.E164, c.Service, c.Override, c.Faults}
		}, "[127.0.0.1:0 OpenScape Desk Phone CP600 00:1A:E8:00:00:01 3 Unify HFA V1 R4.9.0    false []]"},
		{"", 1, func(c phonesim.Config) any {
			return []any{c.CallDelay, c.InstallTime, c.RestartTime, c.ContactGap, c.CallLength, c.Timeout}
		}, "[0s 1s 5s 0s 0s 30s]"},
		{"--count=3 --mac=00-1a-e8-00-00-ff", 3, func(c phonesim.Config) any { return c.MAC }, "00:1A:E8:00:01:01"},
		{"--count=3 --listen=127.0.0.1:8085", 3, func(c phonesim.Config) any { return c.Listen }, "127.0.0.1:8087"},
		{"--count=2 --listen=::1", 2, func(c phonesim.Config) any { return c.Listen }, "[::1]:0"},
		{"--count=2 --listen=[::1]:9000", 2, func(c phonesim.Config) any { return c.Listen }, "[::1]:9001"},
		{"--listen=localhost:0", 1, func(c phonesim.Config) any { return c.Listen }, "localhost:0"},
		{"--count=2 --secure-listen=127.0.0.1:4430", 2, func(c phonesim.Config) any { return c.ListenSecure }, "127.0.0.1:4431"},
		{"--web=127.0.0.1 --count=2", 2, func(c phonesim.Config) any { return c.Web + " " + c.Password }, "127.0.0.1:0 "},
		{"--web=127.0.0.1:4430 --count=2", 2, func(c phonesim.Config) any { return c.Web }, "127.0.0.1:4431"},
		{"--web=:4430 --phones=" + list, 2, func(c phonesim.Config) any { return c.Web }, "127.0.0.8:4430"},
		{"--web=127.0.0.1 --web-password-file=" + password, 1, func(c phonesim.Config) any { return c.Password }, "of the page"},
		{"--web=127.0.0.1 --web-defaults=ftp://files.example:2121/cp/600/ --web-defaults-username=fw --web-defaults-password-file=" + password, 1, func(c phonesim.Config) any {
			d := c.Defaults
			return []any{d.HTTPS, d.Server, d.Port, d.Path, d.Username, d.Password, d.BaseURL}
		}, "[false files.example 2121 cp/600 fw of the page ]"},
		{"--web=127.0.0.1 --web-defaults=ftp://files.example/%2F --count=2", 2, func(c phonesim.Config) any { return c.Defaults.Server + " " + c.Defaults.Path }, "files.example /"},
		{"--web=127.0.0.1 --web-defaults=ftp://files.example", 1, func(c phonesim.Config) any { return c.Defaults }, "ftp files.example: "},
		{"--web=127.0.0.1 --web-defaults=https://files.example/cp/", 1, func(c phonesim.Config) any { return c.Defaults }, "https https://files.example/cp/"},
		{"--service=dls.example:18443", 1, func(c phonesim.Config) any { return c.Service }, "dls.example:18443"},
		{"--count=2 --e164=0049", 2, func(c phonesim.Config) any { return c.E164 }, "0050"},
		{"--model=cp205", 1, func(c phonesim.Config) any { return c.DeviceType }, "OpenScape Desk Phone CP205"},
		{"--hw-level=none", 1, func(c phonesim.Config) any { return c.Level }, "0"},
		{"--part-number=Unknown", 1, func(c phonesim.Config) any { return c.PartNumber }, "Unknown"},
		{"--minimum-version=1.3.0.0 --phone-override", 1, func(c phonesim.Config) any { return []any{c.Minimum, c.Override} }, "[V1 R3.0.0 true]"},
		{"--call-delay=1s --install-time=2s --restart-time=3m --contact-gap=4m --call-length=5m --timeout=6s", 1, func(c phonesim.Config) any {
			return []any{c.CallDelay, c.InstallTime, c.RestartTime, c.ContactGap, c.CallLength, c.Timeout}
		}, "[1s 2s 3m0s 4m0s 5m0s 6s]"},
		{"--count=2 --fault=padded --fault=2=reject-image --fault=padded", 2, func(c phonesim.Config) any { return c.Faults }, "[padded reject-image padded]"},
		{"--count=2 --fault=padded --fault=2=reject-image", 1, func(c phonesim.Config) any { return c.Faults }, "[padded]"},
		{
			"--phones=" + list, 1, func(c phonesim.Config) any { return []any{c.Listen, c.MAC, c.DeviceType, c.Level, c.Version} },
			"[127.0.0.7:8085 00:1A:E8:00:00:02 OpenScape Desk Phone CP400 5 V1 R8.0.0]",
		},
		{
			"--hw-level=2 --mac=00:1A:E8:00:00:02 --phones=" + list, 2, func(c phonesim.Config) any { return []any{c.Listen, c.MAC, c.DeviceType, c.Level, c.Version} },
			"[127.0.0.8:8085 00:1A:E8:00:00:03 OpenScape Desk Phone CP600 2 V1 R4.9.0]",
		},
		{"--listen=127.0.0.1 --phones=" + list, 2, func(c phonesim.Config) any { return c.Listen }, "127.0.0.1:0"},
	}
	for _, test := range tests {
		plan, err := planOf(t, strings.Fields(test.args)...)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if got := fmt.Sprint(test.show(plan[test.phone-1].config)); got != test.want {
			t.Errorf("%s: phone %d: %s, want %s", test.args, test.phone, got, test.want)
		}
	}
}

// TestSimulatedTrust checks that what phones trust and present in secure mode is read from files.
func TestSimulatedTrust(t *testing.T) {
	certificate, err := serve.MakeCertificate([]string{"phone"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := clitest.File(t, "phone.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	keyFile := clitest.File(t, "phone.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	plan, err := planOf(t, "--fault", "secure-mode", "--ca", certFile, "--phone-cert", certFile, "--phone-key", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	c := plan[0].config
	if c.Certificate == nil || !bytes.Equal(c.Certificate.Certificate[0], certificate.Certificate[0]) {
		t.Error("the phone shows another certificate, or none")
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	if c.Authorities == nil || !c.Authorities.Equal(pool) {
		t.Error("the phone trusts others")
	}
}

// TestFaultNames checks that every fault can be given, and that a wrong name leads to the right one.
func TestFaultNames(t *testing.T) {
	for _, f := range phonesim.Faults() {
		if n, name, err := faultOf("2="+string(f.Name), 2); err != nil || n != 2 || name != string(f.Name) {
			t.Errorf("%s: %d, %q, %v", f.Name, n, name, err)
		}
	}
	for name, want := range map[string]string{
		"reject-images": "reject-image", "Never_Fetches": "never-fetches", "tls": "tls-1.0-only tls-1.3 resumes-tls fetch-no-tls web-tls-1.0",
		"busyy": "busy", "nevercomesback": "never-comes-back", "xyzzy": "", "": "", "a": "", strings.Repeat("a", 1<<20): "",
	} {
		if got := strings.Join(console.Alike(name, FaultNames()), " "); got != want {
			t.Errorf("%.20q is like %q, want %q", name, got, want)
		}
	}
}

// TestPlanRefused checks that invalid flags are refused before any phone starts.
func TestPlanRefused(t *testing.T) {
	list := func(text string) string { return "--phones=" + clitest.File(t, "site.csv", []byte(text)) }
	many := "address\n"
	for i := range maxSimulated + 1 {
		many += fmt.Sprintf("phone%d.example\n", i)
	}
	for _, test := range []struct {
		args string
		code exit.Code
		says string
	}{
		{"--count=0", exit.CodeUsage, "--count"},
		{"--count=1001", exit.CodeUsage, "--count"},
		{"--listen=", exit.CodeUsage, "--listen"},
		{"--listen=127.0.0.1:x", exit.CodeUsage, "--listen"},
		{"--listen=u@h", exit.CodeUsage, "--listen"},
		{"--listen=0.0.0.0", exit.CodeUsage, "--listen"},
		{"--listen=127.0.0.1:65535 --count=2", exit.CodeUsage, "65535"},
		{"--secure-listen=127.0.0.1", exit.CodeUsage, "--secure-listen"},
		{"--secure-listen=127.0.0.1:x", exit.CodeUsage, "--secure-listen"},
		{"--web=127.0.0.1:x", exit.CodeUsage, "--web"},
		{"--web=:0", exit.CodeUsage, "--web"},
		{"--web=:x", exit.CodeUsage, "--web"},
		{"--service=h", exit.CodeUsage, "--service"},
		{"--service=h:0", exit.CodeUsage, "--service"},
		{"--service=:1", exit.CodeUsage, "--service"},
		{"--call-delay=-1s", exit.CodeUsage, "--call-delay"},
		{"--install-time=-1s", exit.CodeUsage, "--install-time"},
		{"--timeout=0s", exit.CodeUsage, "--timeout"},
		{"--model=X", exit.CodeUsage, "--model"},
		{"--model=a\x1bb", exit.CodeUsage, "--model"},
		{"--software-type=a\x1bb", exit.CodeUsage, "--software-type"},
		{"--hw-level=x", exit.CodeUsage, "--hw-level"},
		{"--running=x", exit.CodeUsage, "--running"},
		{"--e164=+49", exit.CodeUsage, "--e164"},
		{"--e164=1234567890123456", exit.CodeUsage, "--e164"},
		{"--mac=x", exit.CodeUsage, "--mac"},
		{"--mac=ff:ff:ff:ff:ff:ff --count=2", exit.CodeUsage, "--mac"},
		{"--fault=0=padded", exit.CodeUsage, "--fault"},
		{"--fault=x=padded", exit.CodeUsage, "--fault"},
		{"--fault=2=padded", exit.CodeUsage, "--fault"},
		{"--fault=paded", exit.CodeUsage, "paded"},
		{"--fault=xyzzy", exit.CodeUsage, "xyzzy"},
		{"--phone-cert=x", exit.CodeUsage, "--phone-key"},
		{"--phone-cert=missing --phone-key=missing", exit.CodeSettings, "missing"},
		{"--ca=missing", exit.CodeSettings, "missing"},
		{"--ca=" + clitest.File(t, "ca.pem", []byte("x")), exit.CodeSettings, "ca.pem"},
		{"--web-password-file=missing", exit.CodeSettings, "missing"},
		{"--web-defaults=ftp://h/", exit.CodeUsage, "--web"},
		{"--web=127.0.0.1 --web-defaults=http://h/", exit.CodeUsage, "--web-defaults"},
		{"--web=127.0.0.1 --web-defaults=ftp://u:p@h/", exit.CodeUsage, "--web-defaults"},
		{"--web=127.0.0.1 --web-defaults-username=u", exit.CodeUsage, "--web-defaults"},
		{"--web=127.0.0.1 --web-defaults=ftp://h/ --web-defaults-password-file=missing", exit.CodeSettings, "missing"},
		{"--phones=missing", exit.CodeSettings, "missing"},
		{list("address\n"), exit.CodeSettings, "site.csv"},
		{list(many), exit.CodeSettings, "1001"},
		{list("address,model\n127.0.0.1,X\n"), exit.CodeSettings, "line 2"},
	} {
		_, err := planOf(t, strings.Fields(test.args)...)
		if f := exit.Classify(err); err == nil || f.Code != test.code || !strings.Contains(f.Error(), test.says) || len(f.Hints) == 0 {
			t.Errorf("%q: %v", test.args, err)
		}
	}
}

// TestCountDigits checks that numbers count up with the same number of digits.
func TestCountDigits(t *testing.T) {
	for first, want := range map[string]string{"": "", "0": "2", "0049": "0051", "99": "101"} {
		if got := countDigits(first, 2); got != want {
			t.Errorf("%q: %q, want %q", first, got, want)
		}
	}
}

// TestTakenMAC checks that MAC addresses of the list are not assigned again.
func TestTakenMAC(t *testing.T) {
	list := clitest.File(t, "site.csv", []byte("address,mac\n127.0.0.1,\n127.0.0.2,00:1A:E8:00:00:01\n127.0.0.3,\n"))
	plan, err := planOf(t, "--phones="+list)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"00:1A:E8:00:00:02", "00:1A:E8:00:00:01", "00:1A:E8:00:00:03"} {
		if got := plan[i].config.MAC; got != want {
			t.Errorf("phone %d is %s, want %s", i+1, got, want)
		}
	}
}
