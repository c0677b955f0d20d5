package simulate

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
)

// TestSecureSite checks the authority that is made for phones in secure mode, and the files for push.
func TestSecureSite(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "site")
	o := newOptions(t, "--count", "3", "--fault", "2=secure-no-certificate", "--fault", "3=comes-back-secure", "--listen", "127.0.0.9", "--secure-folder", folder)
	plan, err := o.plan(t.Context(), &console.Console{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.secureSite(plan); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	for i, s := range plan {
		shown, other := s.config.Certificate.Leaf, s.config.OtherCertificate.Leaf
		if shown.Subject.CommonName != s.config.MAC || other.Subject.CommonName == s.config.MAC || len(s.config.Faults) != 1 {
			t.Errorf("phone %d: %s, %s, %v", i+1, shown.Subject, other.Subject, s.config.Faults)
		}
		for _, c := range []*x509.Certificate{shown, other} {
			if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				t.Error(err)
			}
		}
	}
	if plan[0].config.Faults[0] != "secure-mode" {
		t.Error(plan[0].config.Faults)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "service.crt"), filepath.Join(folder, "service.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1", "localhost", "127.0.0.9"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host}); err != nil {
			t.Error(host, err)
		}
	}
	info, err := os.Stat(filepath.Join(folder, "service.key"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	if err := o.secureSite(plan); err == nil {
		t.Error("the files are replaced")
	}
	o.force = true
	if err := o.secureSite(plan); err != nil {
		t.Error(err)
	}
	o.trust.folder = filepath.Join(folder, "ca.pem")
	if err := o.secureSite(plan); err == nil {
		t.Error("a file is taken for a folder")
	}
}
