// Package clitest makes what tests of the command need: files and images.
package clitest

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// Section returns a whole file as a section.
func Section(t testing.TB, f *os.File) *io.SectionReader {
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
