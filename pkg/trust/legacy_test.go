package trust_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// TestLegacy checks that broken methods are refused unless Legacy is set, and that Legacy does not change which peers
// are trusted.
func TestLegacy(t *testing.T) {
	t.Parallel()
	const tls12 = tls.VersionTLS12
	for _, c := range []struct {
		name   string
		bits   int
		config *tls.Config
		modern bool // it is accepted in any case
	}{
		{"modern", 2048, &tls.Config{MinVersion: tls12}, true},
		{"CBC with forward secrecy", 2048, suites(tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA), true},
		{"CBC with SHA-256", 2048, suites(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), false},
		{"TLS 1.0", 2048, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
		{"TLS 1.1", 2048, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"RSA key exchange", 2048, suites(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), false},
		{"RSA key exchange and CBC", 2048, suites(tls.TLS_RSA_WITH_AES_128_CBC_SHA), false},
		{"3DES", 2048, suites(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), false},
		{"3DES and RSA key exchange", 2048, suites(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), false},
		{"RC4", 2048, suites(tls.TLS_RSA_WITH_RC4_128_SHA), false},
		{"RSA-1024", 1024, &tls.Config{MinVersion: tls12}, false},
		{"all of it", 1024, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			certificate := *testca.New(t, testca.Options{RSA: c.bits})
			c.config.Certificates = []tls.Certificate{certificate}
			address := serveTLS(t, c.config)
			pinned := trust.Policy{Pins: []trust.Pin{trust.PinOf(certificate.Leaf)}}
			if err := handshake(t, address, pinned); (err == nil) != c.modern {
				t.Errorf("without: %v", err)
			} else if weak := (*trust.WeakKeyError)(nil); c.name == "RSA-1024" && (!errors.As(err, &weak) || weak.Bits != 1024) {
				t.Errorf("without: %v", err)
			}
			pinned.Legacy = true
			if err := handshake(t, address, pinned); err != nil {
				t.Errorf("with: %v", err)
			}
			for name, p := range map[string]trust.Policy{
				"not trusted": {Legacy: true},
				"another pin": {Legacy: true, Pins: []trust.Pin{{1}}},
				"another key": {Legacy: true, Known: []trust.Known{{}}},
			} {
				if err := handshake(t, address, p); trust.AsError(err) == nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestLegacyOpenSSL checks the same with OpenSSL, as far as it still supports it.
func TestLegacyOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI openssl must be installed")
		}
		t.Skip("openssl is not installed")
	}
	folder := t.TempDir()
	certificate := *testca.New(t, testca.Options{RSA: 2048})
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "both.pem")
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Leaf.Raw})...)
	if err := os.WriteFile(file, both, 0o600); err != nil {
		t.Fatal(err)
	}
	pinned := trust.Policy{Pins: []trust.Pin{trust.PinOf(certificate.Leaf)}}
	legacy := pinned
	legacy.Legacy = true
	for name, args := range map[string][]string{
		"TLS 1.0":          {"-tls1", "-cipher", "ALL:@SECLEVEL=0"},
		"TLS 1.1":          {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"},
		"RSA key exchange": {"-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveOpenSSL(t, append([]string{"-cert", file, "-key", file}, args...))
			if err := handshake(t, address, pinned); err == nil {
				t.Error("without: it is taken")
			}
			if err := handshake(t, address, legacy); err != nil {
				t.Errorf("with: %v", err)
			}
		})
	}
}

func suites(suite uint16) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}
}

// serveTLS accepts TLS connections, and echoes what it receives.
func serveTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// serveOpenSSL starts openssl s_server on a port of its own.
func serveOpenSSL(t *testing.T, args []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"s_server", "-accept", "127.0.0.1:0", "-rev"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	accept := regexp.MustCompile(`^ACCEPT (127\.0\.0\.1:\d+)`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := accept.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return m[1]
		}
	}
	t.Skip("this openssl does not do it any more")
	return ""
}

// handshake connects, and sends a word that must come back.
func handshake(t *testing.T, address string, p trust.Policy) error {
	t.Helper()
	dialer := net.Dialer{Timeout: time.Minute}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	secure := tls.Client(conn, p.TLS("127.0.0.1"))
	if err := secure.HandshakeContext(t.Context()); err != nil {
		return err
	}
	if _, err := io.WriteString(secure, "x\n"); err != nil {
		return err
	}
	_, err = io.ReadFull(secure, make([]byte, 2))
	return err
}
