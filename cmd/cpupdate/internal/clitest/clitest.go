// Package clitest makes what tests of the command need: files, images and certificates.
package clitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Image writes a CPB image into a new folder.
func Image(t testing.TB, name string, change func(b *bind.Builder)) string {
	t.Helper()
	b := &bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 9, Fix: 2}}
	if change != nil {
		change(b)
	}
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	payload := []byte("payload")
	if err := b.Build(context.Background(), f, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))); err != nil {
		t.Fatal(err)
	}
	return path
}

// File writes a file into a new folder.
func File(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ServiceFiles writes a certificate of this machine that phones may be shown, and its key, into files. It is made once,
// since making one takes long.
func ServiceFiles(t testing.TB) (certificate, key string) {
	t.Helper()
	made := madeOnce()
	return File(t, "service.crt", made[0]), File(t, "service.key", made[1])
}

// madeOnce is the certificate and the key in PEM.
var madeOnce = sync.OnceValue(func() [2][]byte { //nolint:gochecknoglobals // for tests only
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 1, 0, 1)},          // also that of tests in memory
		NotBefore:   time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Now().AddDate(1, 0, 0), // also in virtual time
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	return [2][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
})

// Page reads a page of docs.
func Page(t testing.TB, name string) string {
	t.Helper()
	top := "."
	for _, err := os.Stat("go.mod"); err != nil; _, err = os.Stat(filepath.Join(top, "go.mod")) {
		top = filepath.Join(top, "..")
		if len(top) > 64 {
			t.Fatal("the test does not run in a folder of the module")
		}
	}
	text, err := os.ReadFile(filepath.Join(top, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// Section is the text below a heading of a page, up to the next heading.
func Section(t testing.TB, page, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(Page(t, page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %s", page, heading)
	}
	section, _, _ := strings.Cut(after, "\n#")
	return section
}

// Authority is a certificate that signs itself.
const Authority = `-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUCn9M8bFitXS1TP5WNS55TkrbpIEwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMTg0MzI5WhgPMjEy
NjEwMjkxODQzMjlaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEhduFCGacySZv4uTy3wJ99DThqzYES9xwjlSrRziC
+TrVDghjTFnQ1whoBcvlevWWzLO7F3uEvRgbcrJWQrfmGKNTMFEwHQYDVR0OBBYE
FAS9NwSMqIVlXPEzC/nQDhRDC1yGMB8GA1UdIwQYMBaAFAS9NwSMqIVlXPEzC/nQ
DhRDC1yGMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhANazBKwx
d/6dC5uT+7DbXHFhMj8s0H3rOecgb3Xsgsp0AiAS6F2Mg/7X37tkTHxjI3pq6bYd
Hfsfx3oHzqyMJvKJJQ==
-----END CERTIFICATE-----
`

// Whole returns a whole file as a section.
func Whole(t testing.TB, f *os.File) *io.SectionReader {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(f, 0, info.Size())
}

// Left checks the file's content, "" for no file, and that nothing lies beside it.
func Left(t testing.TB, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if string(got) != want || (err == nil) != (want != "") {
		t.Errorf("the file holds %q, %v, want %q", got, err, want)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) > 1 || len(left) == 1 && want == "" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Without returns an environment without a variable.
func Without(environment []string, name string) []string {
	return slices.DeleteFunc(environment, func(line string) bool { return strings.HasPrefix(line, name+"=") })
}
