package realservers_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// curl asks the server for something and returns what it says, and whether it succeeded.
func curl(t *testing.T, s *realservers.Server, a transfer.Access, name string, arguments ...string) (string, bool) {
	t.Helper()
	url := fmt.Sprintf("ftp://%s:%d/%s", a.Server, a.Port, name)
	if a.Server == "::1" {
		url = fmt.Sprintf("ftp://[::1]:%d/%s", a.Port, name)
	}
	if a.Method == transfer.HTTPS {
		url = a.BaseURL + name
	}
	all := []string{"--silent", "--show-error", "--verbose", "--fail", "--max-time", "20", "--cacert", s.CAFile}
	if a.Method == transfer.FTPS {
		all = append(all, "--ssl-reqd")
		if s.Kind == realservers.VSFTPD {
			// With TLS 1.3 curl closes the data connection without having read the server's session tickets: the kernel
			// then resets it, and vsftpd loses what it has not read yet.
			all = append(all, "--tls-max", "1.2")
		}
	}
	if a.Username != "" {
		all = append(all, "--user", a.Username+":"+a.Password.Reveal())
	}
	cmd := exec.CommandContext(t.Context(), "curl", append(append(all, arguments...), url)...)
	output, err := cmd.CombinedOutput()
	return string(output), err == nil
}

// put sends a file and reports whether curl thinks that it worked.
func put(t *testing.T, s *realservers.Server, a transfer.Access, name string, content []byte, arguments ...string) (string, bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return curl(t, s, a, name, append([]string{"--upload-file", path}, arguments...)...)
}

// each runs a test for some servers, all at once: they wait more than they work.
func each(t *testing.T, kinds []realservers.Kind, test func(t *testing.T, kind realservers.Kind)) {
	t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for _, kind := range kinds {
		all.Go(func() { t.Run(string(kind), func(t *testing.T) { test(t, kind) }) })
	}
}

func TestPutAndFetch(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("phone firmware\r\n"), 20_000)
	for name, o := range map[string]realservers.Options{
		"plain": {}, "TLS": {TLS: true}, "TLS 1.2": {TLS: true, MaxTLS12: true}, "IPv6": {IPv6: true}, "IPv6 with TLS": {IPv6: true, TLS: true},
		"empty password": {EmptyPassword: true},
		"other password": {Password: "-x y%z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
				s := realservers.Start(t, kind, o)
				if output, ok := put(t, s, s.Access, "a.bind", content); !ok {
					t.Fatal(output)
				}
				if files := fmt.Sprint(s.Files()); files != "[a.bind]" || !bytes.Equal(s.Read("a.bind"), content) {
					t.Errorf("on the disk: %s, %d bytes", files, len(s.Read("a.bind")))
				}
				target := filepath.Join(t.TempDir(), "target")
				output, ok := curl(t, s, s.Access, "a.bind", "--output", target)
				if got, err := os.ReadFile(target); !ok || err != nil || !bytes.Equal(got, content) {
					t.Errorf("fetched %d bytes, %v: %s", len(got), err, output)
				}
			})
		})
	}
}
