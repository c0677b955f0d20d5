package option

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
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
		"--listen 18443", "--listen :65536", "--listen 127.0.0.1:-1", "--listen :x", "--advertise h:0", "--advertise h:65536", "--advertise ://h",
	} {
		err := newListen(t, strings.Fields(args)...).Validate("push")
		if codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), strings.Fields(args)[0]) {
			t.Errorf("%q: %v", args, err)
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
	} {
		host, port, err := (&Listen{Advertise: test.text}).Advertised()
		if (err != nil) != test.bad || !test.bad && (host != test.host || port != test.port) {
			t.Errorf("%q: %q, %d, %v", test.text, host, port, err)
		}
	}
}

// TestCertificate checks that the certificate is made for the advertised host, or read from files.
func TestCertificate(t *testing.T) {
	made, err := newListen(t, "--advertise", "update.example").Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(made.Certificate[0])
	if err != nil || leaf.VerifyHostname("update.example") != nil || leaf.VerifyHostname("127.0.0.1") != nil {
		t.Errorf("%v, %v", leaf.DNSNames, err)
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
	read, err := newListen(t, "--service-cert", certFile, "--service-key", keyFile).Certificate(t.Context())
	if err != nil || string(read.Certificate[0]) != string(other.Certificate[0]) {
		t.Errorf("%v", err)
	}
	for _, files := range [][2]string{{certFile, "missing"}, {"missing", keyFile}, {keyFile, certFile}} {
		_, err := newListen(t, "--service-cert", files[0], "--service-key", files[1]).Certificate(t.Context())
		if codeOf(err) != exit.CodeSettings || !strings.Contains(err.Error(), files[0]) {
			t.Errorf("%q: %v", files, err)
		}
	}
}
