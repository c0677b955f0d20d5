package option

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// newListen is how phones are spoken to, as the flags say.
func newListen(t *testing.T, args ...string) *Listen {
	t.Helper()
	o := &Listen{}
	parse(t, o.AddFlags, args...)
	return o
}

// TestListenValidate checks valid and invalid flags.
func TestListenValidate(t *testing.T) {
	for _, args := range []string{"", "--listen :0", "--listen [::1]:18443", "--listen 127.0.0.1:18443", "--advertise h", "--service-cert a --service-key b", "--parallel 10000"} {
		if err := newListen(t, strings.Fields(args)...).Validate("push"); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, args := range []string{
		"--patience 0s", "--contact-interval -1s", "--probe-interval 0s", "--parallel 0", "--parallel 10001", "--service-cert a", "--service-key b",
		"--patience 8761h", "--listen 18443", "--listen :65536", "--listen 127.0.0.1:-1", "--listen :x", "--advertise h:0", "--advertise h:65536", "--advertise ://h",
	} {
		err := newListen(t, strings.Fields(args)...).Validate("push")
		if codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), strings.Fields(args)[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestLongest refuses times of which several cannot be counted.
func TestLongest(t *testing.T) {
	for _, flag := range []string{"--patience", "--contact-interval", "--probe-interval"} {
		if err := newListen(t, flag, "8760h").Validate("push"); err != nil {
			t.Error(err)
		}
		if err := newListen(t, flag, "500000h").Validate("push"); codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), "8760h") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	for settle, good := range map[time.Duration]bool{0: false, -1: false, time.Second: true, longest: true, longest + 1: false} {
		if err := CheckSettle("push", settle); (err == nil) != good {
			t.Errorf("%s: %v", settle, err)
		}
	}
}

// TestAdvertised checks how --advertise is parsed.
func TestAdvertised(t *testing.T) {
	for _, test := range []struct {
		text string
		host string
		port int
		bad  bool
	}{
		{"", "", 0, false},
		{"h.example", "h.example", 0, false},
		{"h.example:8443", "h.example", 8443, false},
		{"192.0.2.1", "192.0.2.1", 0, false},
		{"192.0.2.1:443", "192.0.2.1", 443, false},
		{"2001:db8::1", "2001:db8::1", 0, false},
		{"[2001:db8::1]", "2001:db8::1", 0, false},
		{"[2001:db8::1]:443", "2001:db8::1", 443, false},
		{"[2001:db8::1]:x", "", 0, true},
		{":443", "", 0, true},
		{"h:x", "", 0, true},
		{"h:65536", "", 0, true},
		{"a b", "", 0, true},
		{"h/x", "", 0, true},
		{"u@h", "", 0, true},
		{"h:1:2", "", 0, true},
		{"0.0.0.0", "", 0, true},
		{"[::]:443", "", 0, true},
		{"224.0.0.1:443", "", 0, true},
	} {
		host, port, err := (&Listen{Advertise: test.text}).Advertised()
		if (err != nil) != test.bad || !test.bad && (host != test.host || port != test.port) {
			t.Errorf("%q: %q, %d, %v", test.text, host, port, err)
		}
	}
}

// namesOf returns everything in a certificate that says whose it is.
func namesOf(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, c.EmailAddresses, []string{c.Subject.CommonName})
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestCertificate checks that the certificate is made for what phones are told to call, and for nothing else, or read from
// files.
func TestCertificate(t *testing.T) {
	for text, want := range map[string]string{"update.example": "update.example", "192.0.2.7:9": "192.0.2.7", "[2001:db8::1]": "2001:db8::1"} {
		made, forLocal, err := newListen(t, "--advertise", text).Certificate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if names := namesOf(made.Leaf); forLocal != nil || !slices.Equal(names, []string{want}) {
			t.Errorf("--advertise %s: %q", text, names)
		}
	}
	made, forLocal, err := newListen(t).Certificate(t.Context())
	if err != nil || forLocal == nil {
		t.Fatal(err)
	}
	for _, local := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0"} {
		address := netip.MustParseAddr(local)
		one, err := forLocal(address)
		if err != nil {
			t.Fatal(err)
		}
		if names := namesOf(one.Leaf); !slices.Equal(names, []string{address.Unmap().WithZone("").String()}) || trust.PinOf(one.Leaf) != trust.PinOf(made.Leaf) {
			t.Errorf("%s: %q", local, names)
		}
	}
	other, err := serve.MakeCertificate([]string{"x"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(other.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := clitest.File(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate[0]}))
	keyFile := clitest.File(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	read, _, err := newListen(t, "--service-cert", certFile, "--service-key", keyFile).Certificate(t.Context())
	if err != nil || string(read.Certificate[0]) != string(other.Certificate[0]) {
		t.Errorf("%v", err)
	}
	for _, files := range [][2]string{{certFile, "missing"}, {"missing", keyFile}, {keyFile, certFile}} {
		_, _, err := newListen(t, "--service-cert", files[0], "--service-key", files[1]).Certificate(t.Context())
		if codeOf(err) != exit.CodeSettings || !strings.Contains(err.Error(), files[0]) {
			t.Errorf("%q: %v", files, err)
		}
	}
	for _, text := range []string{"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"} {
		_, _, err := newListen(t, "--service-cert", certFile, "--service-key", clitest.File(t, "locked.pem", []byte(text))).Certificate(t.Context())
		e := (*exit.Error)(nil)
		if !errors.As(err, &e) || e.Code != exit.CodeSettings || !strings.Contains(err.Error(), "locked.pem: it is encrypted with a passphrase") || !strings.Contains(e.Hints[0], "openssl pkey") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestAgain returns the flags that another command needs for the same phones.
func TestAgain(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"":              {"--patience", "1m", "--listen", ":0"},
		" --legacy-tls": {"--legacy-tls"},
		" --phone-ca ca.pem --service-cert site/a.crt --service-key site/a.key": {"--service-key", "site/a.key", "--service-cert", "site/a.crt", "--phone-ca", "ca.pem"},
		" --phone-ca " + exit.Word("my ca.pem"):                                 {"--phone-ca", "my ca.pem"},
	} {
		if got := newListen(t, args...).Again(); got != want {
			t.Errorf("%q: %q, not %q", args, got, want)
		}
	}
}
