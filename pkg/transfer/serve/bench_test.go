package serve_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// benchFile is the environment variable that makes the test binary a server of the file that it names.
const benchFile = "CPUPDATE_BENCH_FILE"

// BenchmarkServe has clients fetch an image of 8 MiB at the same time from our server and from nginx, each a process of
// its own, with the same key (RSA 2048), the same cipher (TLS 1.2, ECDHE-RSA-AES128-GCM-SHA256) and the same clients.
// nginx has a worker for each processor and writes no log. The processor time is that of the server alone. Goals:
// docs/performance.md.
func BenchmarkServe(b *testing.B) {
	for _, clients := range []int{1, 100, 1000} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) { benchmarkServe(b, clients) })
	}
}

func benchmarkServe(b *testing.B, clients int) {
	folder := b.TempDir()
	image := filepath.Join(folder, name)
	if err := os.WriteFile(image, content(8<<20), 0o644); err != nil { //nolint:gosec // nginx's workers read it
		b.Fatal(err)
	}
	ours := startOurs(b, folder, image)
	peer := startNginx(b, folder)
	fetchOurs := func() served {
		return measure(b, ours.address, ours.pid, clients, func(i int) string { return ours.paths[i] }) // a file is offered to one client, as to phones
	}
	fetchPeer := func() served {
		return measure(b, peer.address, peer.pid, clients, func(int) string { return "/" + name })
	}
	fetchOurs() // once for the caches
	fetchPeer()
	var own, walls, processors []float64
	for i := 0; b.Loop(); i++ {
		var mine, other served
		if i%2 == 0 { // neither always runs first
			mine, other = fetchOurs(), fetchPeer()
		} else {
			other, mine = fetchPeer(), fetchOurs()
		}
		own = append(own, mine.wall.Seconds()*1000)
		walls = append(walls, mine.wall.Seconds()/other.wall.Seconds())
		if other.processor > 0 {
			processors = append(processors, mine.processor.Seconds()/other.processor.Seconds())
		}
	}
	b.ReportMetric(middle(own), "ms")
	b.ReportMetric(middle(walls), "x-nginx")
	if len(processors) > 0 {
		b.ReportMetric(middle(processors), "cpu-x-nginx")
	}
	if peak := residentPeak(ours.pid); peak > 0 {
		b.ReportMetric(peak, "MiB-resident")
	}
	b.ReportMetric(0, "ns/op") // both servers together: says nothing
}

// served is what it took to serve all clients: wall time, and processor time of the server.
type served struct{ wall, processor time.Duration }

// measure has clients fetch a file from a server that is a process of its own.
func measure(b *testing.B, address string, pid, clients int, path func(int) string) served {
	b.Helper()
	before := processorTime(pid)
	wall := fetchAll(b, address, path, clients)
	return served{wall, processorTime(pid) - before}
}

// processorTime returns how much processor time a process and its children have used; 0 if the system does not tell.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // after the name, which may hold blanks
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	kernel, _ := strconv.Atoi(fields[12])
	sum := time.Duration(user+kernel) * 10 * time.Millisecond // a tick
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(children)) {
		if number, err := strconv.Atoi(child); err == nil {
			sum += processorTime(number)
		}
	}
	return sum
}

// middle is the median.
func middle(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// residentPeak is the most memory that a process had, in MiB; 0 if the system does not tell.
func residentPeak(pid int) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	match := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if match == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(string(match[1]), 64)
	return n / 1024
}

// fetchAll has so many clients fetch a file at the same time, each on a connection of its own.
func fetchAll(b *testing.B, address string, path func(int) string, clients int) time.Duration {
	b.Helper()
	config := &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // what is measured is the transfer
		MinVersion:         tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		CipherSuites:     []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
	var all sync.WaitGroup
	start := time.Now()
	for i := range clients {
		all.Go(func() {
			// Many addresses, as phones have: a server may limit what comes from one.
			from := net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i%200+1))}
			if err := fetchOne(b, &net.Dialer{LocalAddr: &from}, config, address, path(i)); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	return time.Since(start)
}

func fetchOne(b *testing.B, dialer *net.Dialer, config *tls.Config, address, path string) error {
	raw, err := dialer.DialContext(b.Context(), "tcp", address)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, config)
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 64<<10), nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, answer.Body, make([]byte, 64<<10))
	if err == nil && (n != 8<<20 || answer.StatusCode != http.StatusOK) {
		err = fmt.Errorf("%d bytes: %s", n, answer.Status)
	}
	return err
}

// startNginx serves a folder with the key and certificate in it.
func startNginx(b *testing.B, folder string) server {
	b.Helper()
	realservers.Require(b, realservers.Nginx)
	program, _ := realservers.Find(realservers.Nginx)
	address := ports.Address(b)
	text := "daemon off;\nuser root;\nworker_processes auto;\nworker_rlimit_nofile 16384;\npid " + folder + "/pid;\n" +
		"events { worker_connections 4096; }\nhttp {\nsendfile on;\ntcp_nopush on;\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += fmt.Sprintf("%s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	text += "server {\nlisten " + address + " ssl backlog=4096;\nroot " + folder + ";\nssl_certificate " + folder + "/certificate.pem;\n" +
		"ssl_certificate_key " + folder + "/key.pem;\nssl_protocols TLSv1.2;\nssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;\n}\n}\n"
	if err := os.WriteFile(filepath.Join(folder, "nginx.conf"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	command := exec.CommandContext(b.Context(), program, "-e", folder+"/output", "-p", folder, "-c", folder+"/nginx.conf")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) } // its workers end with it
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = command.Wait() })
	for limit := time.Now().Add(patience); ; {
		conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return server{address: address, pid: command.Process.Pid}
		}
		if time.Now().After(limit) {
			output, _ := os.ReadFile(folder + "/output")
			b.Fatalf("nginx does not start: %v\n%s", err, output)
		}
	}
}

// A server is a process that serves a file.
type server struct {
	address string
	paths   []string // ours: one for each client
	pid     int
}

// startOurs serves a file from a process of its own, and leaves its key and certificate in the folder.
func startOurs(b *testing.B, folder, image string) server {
	b.Helper()
	command := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestServeBenchProcess$", "-test.timeout=1h") //nolint:gosec // this very program
	command.Env = append(command.Environ(), benchFile+"="+image)
	command.Dir = folder
	stdin, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 2 {
		b.Fatalf("our server says %q, %v", line, err)
	}
	return server{words[0], words[1:], command.Process.Pid}
}

// TestServeBenchProcess is our server in a benchmark.
func TestServeBenchProcess(t *testing.T) {
	image := os.Getenv(benchFile)
	if image == "" {
		t.Skip("for benchmarks only")
	}
	certificate, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for place, block := range map[string]*pem.Block{
		"certificate.pem": {Type: "CERTIFICATE", Bytes: certificate.Leaf.Raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(place, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s, err := serve.New(serve.Options{Address: "127.0.0.1:0", Certificate: certificate})
	if err != nil {
		t.Fatal(err)
	}
	line := s.Addr().String()
	content := io.NewSectionReader(file, 0, info.Size())
	for i := range 1000 {
		line += " " + s.Offer(serve.Offering{
			Name: filepath.Base(image), Content: content, Watch: func(serve.Fetch) {},
			Clients: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 1, byte(i%200 + 1)})},
		}).Path()
	}
	_, _ = io.WriteString(os.Stdout, line+"\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
