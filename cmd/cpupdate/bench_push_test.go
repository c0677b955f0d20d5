package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// BenchmarkPush sends an image of 256 MiB to each server, whose folder lies in memory, and has curl send the same file to
// the same server. Ours computes the payload's and the file's SHA-256 and compares sizes on the way; curl does neither.
// Goals: 1.25 times curl over plain FTP, 1.00 over FTPS, 1.15 over HTTPS, under 16 MiB resident.
func BenchmarkPush(b *testing.B) { benchmarkPush(b, 256<<20, 0) }

// BenchmarkPushGigabit does so on a line of 1 Gbit/s: a proxy in between lets no more through. Goal: 1.00 times curl.
func BenchmarkPushGigabit(b *testing.B) { benchmarkPush(b, 256<<20, 117_000_000) }

// BenchmarkPushSmall sends 8 MiB: what counts is how often we wait for the server. Goal: 1.05 times curl.
func BenchmarkPushSmall(b *testing.B) { benchmarkPush(b, 8<<20, 0) }

// BenchmarkPushHashed has the peer compute the digest that ours computes on the way: sha256sum, then curl. Goal: 0.80
// times.
func BenchmarkPushHashed(b *testing.B) {
	image, program := largeImage(b, 256<<20), program(b)
	for _, kind := range realservers.FTPServers() {
		b.Run(string(kind), func(b *testing.B) {
			s := realservers.Start(b, kind, realservers.Options{Root: memoryFolder(b)})
			peer := `sha256sum "$1" >/dev/null && exec curl --config "$2"`
			compare(b, pushCommand(b, program, s, s.Access, image), []string{"sh", "-c", peer, "sh", image, curlConfig(b, s, s.Access, image)})
		})
	}
}

// benchmarkPush sends to every server, on a line of so many bytes a second if that is not 0.
func benchmarkPush(b *testing.B, size, line int64) {
	image, program := largeImage(b, size), program(b)
	for _, kind := range realservers.Servers() {
		for _, tls := range []bool{false, true} {
			if kind == realservers.Nginx && !tls {
				continue
			}
			name := string(kind)
			if tls && kind != realservers.Nginx {
				name += "-tls"
			}
			b.Run(name, func(b *testing.B) {
				s := realservers.Start(b, kind, realservers.Options{TLS: tls, Root: memoryFolder(b)})
				access := s.Access
				if line > 0 {
					proxy := realservers.NewProxy(b, s)
					proxy.Limit(line)
					access = proxy.Access
				}
				compare(b, pushCommand(b, program, s, access, image), []string{"curl", "--config", curlConfig(b, s, access, image)})
			})
		}
	}
}

// memoryFolder is a folder that no disk slows down.
func memoryFolder(b *testing.B) string {
	b.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "cpupdate-bench") //nolint:usetesting // b.TempDir() is on a disk
	if err != nil {
		b.Skipf("no memory to keep files in: %v", err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func pushCommand(b *testing.B, program string, s *realservers.Server, access transfer.Access, image string) []string {
	b.Helper()
	password := filepath.Join(b.TempDir(), "password")
	if err := os.WriteFile(password, []byte(access.Password.Reveal()), 0o600); err != nil {
		b.Fatal(err)
	}
	args := []string{
		program, "push", image, "--override", "--filename", "ours.bind", "--method", string(access.Method),
		"--username", access.Username, "--password-file", password,
	}
	if access.BaseURL != "" {
		args = append(args, "--base-url", access.BaseURL)
	} else {
		args = append(args, "--server", access.Server, "--port", strconv.Itoa(access.Port))
	}
	if access.Method != transfer.FTP {
		args = append(args, "--ca", s.CAFile)
	}
	return args
}

// curlConfig writes what curl is to do into a file, since its arguments would show the password.
func curlConfig(b *testing.B, s *realservers.Server, access transfer.Access, image string) string {
	b.Helper()
	url := access.BaseURL + "/curl.bind"
	if access.BaseURL == "" {
		url = "ftp://" + net.JoinHostPort(access.Server, strconv.Itoa(access.Port)) + "/curl.bind"
	}
	config := filepath.Join(b.TempDir(), "curl")
	text := fmt.Sprintf("user = \"%s:%s\"\nsilent\nshow-error\nfail\nurl = \"%s\"\nupload-file = \"%s\"\n", access.Username, access.Password.Reveal(), url, image)
	switch access.Method {
	case transfer.FTPS:
		text += "ssl-reqd\ncacert = \"" + s.CAFile + "\"\n"
	case transfer.HTTPS:
		text += "http1.1\ncacert = \"" + s.CAFile + "\"\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return config
}
