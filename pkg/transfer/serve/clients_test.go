package serve_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// curl gets a file, goes on with half of one, and does not talk HTTP/2.
func TestServeCurl(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	file := content(2 << 20)
	d := open(t, nil)
	half := filepath.Join(t.TempDir(), "half")
	if err := os.WriteFile(half, file[:1<<20], 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(args ...string) ([]byte, error) {
		args = append([]string{"-q", "--silent", "--show-error", "--fail", "--cacert", d.ca, "--max-time", "20"}, args...)
		return exec.CommandContext(t.Context(), program, args...).Output()
	}
	o, w := d.offer(file)
	if out, err := curl("--http2", "-w", "%{stderr}%{http_version}", d.url(o.Path())); err != nil || !bytes.Equal(out, file) {
		t.Errorf("whole: %v", err)
	}
	w.complete()
	if out, err := curl("-r", "5-9", d.url(o.Path())); err != nil || !bytes.Equal(out, file[5:10]) {
		t.Errorf("range: %v", err)
	}
	if out, err := curl("-I", d.url(o.Path())); err != nil || !bytes.Contains(out, []byte("HTTP/1.1 200")) || !bytes.Contains(out, []byte("Content-Length: 2097152\r\n")) {
		t.Errorf("HEAD: %q, %v", out, err)
	}
	if _, err := curl("-C", "-", "-o", half, d.url(o.Path())); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(half); err != nil || !bytes.Equal(got, file) {
		t.Errorf("resumed: %v", err)
	}
	again, _ := d.offer(file)
	_, _ = curl("-C", "-", "-o", half, d.url(again.Path())) // it asks for what lies behind the last byte
	if f := again.State(); f.Requests != 1 || !f.Perhaps || f.Cut {
		t.Errorf("a client that has the whole file: %+v", f)
	}
	if _, err := curl("--http2-prior-knowledge", "--no-alpn", d.url(o.Path())); err == nil {
		t.Error("it talks HTTP/2")
	}
}

// Old phones are served if that is wanted, and only then.
func TestServeLegacy(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	for _, c := range []struct {
		args    []string
		without bool // also served without Legacy
	}{
		{[]string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		{[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		{[]string{"-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"}, false},
		{[]string{"-tls1_2", "-cipher", "AES256-SHA:@SECLEVEL=0"}, false},
		{[]string{"-tls1_2", "-cipher", "AES128-GCM-SHA256"}, false},
		{[]string{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}, true},
		{[]string{"-tls1_2", "-curves", "P-521"}, true},
		{[]string{"-tls1_3"}, true},
	} {
		for _, legacy := range []bool{true, false} {
			d := open(t, func(o *serve.Options) { o.Legacy = legacy })
			o, w := d.offer([]byte("the file's bytes"))
			args := append([]string{"s_client", "-quiet", "-no_ign_eof", "-connect", d.handing.Addr().String()}, c.args...)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			command := exec.CommandContext(ctx, program, args...)
			command.Stdin = strings.NewReader("GET " + o.Path() + " HTTP/1.0\r\n\r\n")
			// Standard input ends before the answer is there: -ign_eof waits for it.
			command.Args = append(command.Args, "-ign_eof")
			out, _ := command.CombinedOutput()
			cancel()
			served := bytes.Contains(out, []byte("the file's bytes"))
			if served != (legacy || c.without) {
				t.Errorf("%v, legacy %v: %s", c.args, legacy, out)
			}
			if served {
				w.complete()
			} else {
				d.troubled(noHandshake)
			}
		}
	}
}

// A certificate is what phones can read.
func TestMakeCertificate(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	made, err := serve.MakeCertificate([]string{"192.0.2.10", "laptop.example.net", "::ffff:192.0.2.11", "fe80::1%eth0"}, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := made.Leaf
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	for _, host := range []string{"192.0.2.10", "192.0.2.11", "laptop.example.net", "fe80::1"} {
		for _, at := range []time.Time{now.Add(-23 * time.Hour), now.Add(29 * 24 * time.Hour)} {
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: at}); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	if leaf.Subject.CommonName != "192.0.2.10" || leaf.SignatureAlgorithm != x509.SHA256WithRSA || leaf.IsCA {
		t.Errorf("%v %v", leaf.Subject, leaf.SignatureAlgorithm)
	}
	for _, hosts := range [][]string{nil, {""}, {"a b"}} {
		if _, err := serve.MakeCertificate(hosts, now); err == nil {
			t.Errorf("%q has a certificate", hosts)
		}
	}
}
