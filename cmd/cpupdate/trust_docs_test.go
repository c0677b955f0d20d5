package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDocsTrust runs what docs/trust.md shows, against a server with a self-signed key that changes.
func TestDocsTrust(t *testing.T) {
	t.Parallel()
	const (
		pin, other = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
		day        = "2026-11-23"
	)
	page := readPage(t, "trust.md")
	s := newDocShell(t)
	first, second := madeCertificate{names: []string{"localhost"}}.make(t), madeCertificate{}.make(t)
	server := startPeer(t, "https", first, nil)
	pins := map[string]string{pin: server.pin().String()}
	server.certificate.Store(second)
	pins[other] = server.pin().String()
	server.certificate.Store(first)
	shell := func(line string) string {
		line = strings.ReplaceAll(line, "files.example", server.address)
		for shown, real := range pins {
			line = strings.ReplaceAll(line, shown, real)
		}
		text := s.run(line)
		for shown, real := range pins {
			text = strings.ReplaceAll(text, real, shown)
		}
		text = strings.ReplaceAll(text, time.Now().UTC().Format(time.DateOnly), day)
		text = asExample(text, server.address, 443)
		text = strings.ReplaceAll(text, filepath.Join(s.home, "Library", "Application Support"), s.home)
		for _, r := range []struct{ pattern, by string }{
			{regexp.QuoteMeta(s.home), "/home/ada/.config"},
			{`cpupdate-test\.[0-9a-f]+`, "cpupdate-test.7d19c2a4"},
			{`PEER +KEY`, "PEER               KEY"},
			{`files\.example:443 +sha256`, "files.example:443  sha256"},
		} {
			text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.by)
		}
		return text
	}
	comparePage(t, page.path, 5, func(info string) func(string) string {
		switch info {
		case "console peer":
			return shell
		case "console changed":
			server.certificate.Store(second)
			return shell
		}
		return nil
	})
}
