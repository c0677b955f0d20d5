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

// BenchmarkPush sends a CPB image of 256 MiB to each server, whose folder lies in memory, and has curl send the same file
// to the same server. Ours computes the payload's SHA-256 and compares sizes on the way; curl does neither, so its
// processor time is counted with that of openssl dgst. Goals: docs/performance.md.
func BenchmarkPush(b *testing.B) {
	benchmarkPush(b, largeImage(b, 256<<20), 0, realservers.Servers()...)
}

// BenchmarkPushDescribed sends a file without a header, whose descriptor states the digest of the whole file.
func BenchmarkPushDescribed(b *testing.B) {
	benchmarkPush(b, describedImage(b, 256<<20), 0, realservers.VSFTPD, realservers.Nginx)
}

// BenchmarkPushGigabit sends through a proxy that lets 1 Gbit/s through.
func BenchmarkPushGigabit(b *testing.B) {
	benchmarkPush(b, largeImage(b, 256<<20), 117_000_000, realservers.Servers()...)
}

// BenchmarkPushSmall sends 8 MiB: what counts is how often we wait for the server.
func BenchmarkPushSmall(b *testing.B) {
	benchmarkPush(b, largeImage(b, 8<<20), 0, realservers.Servers()...)
}

// BenchmarkPushHashed has the peer compute the digest that ours computes on the way: sha256sum, then curl.
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

// benchmarkPush sends an image to each of the servers, by plain FTP, FTPS and HTTPS, on a line of so many bytes a second
// if that is not 0.
func benchmarkPush(b *testing.B, image string, line int64, servers ...realservers.Kind) {
	program := program(b)
	for _, kind := range servers {
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
				curl := []string{"curl", "--config", curlConfig(b, s, access, image)}
				compareWith(b, pushCommand(b, program, s, access, image), curl, []string{"openssl", "dgst", "-sha256", image})
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
