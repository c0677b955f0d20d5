package natstest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Debian is the nats-server program of Debian, where .ci/servers puts it.
const Debian = "/usr/lib/cpupdate-test/nats-server"

// Program returns Debian's nats-server. A machine that has none skips the test, unless it is a machine of CI.
func Program(t testing.TB) string {
	t.Helper()
	if runtime.GOOS == "windows" { // also where the files of Linux can be seen, as under Wine
		t.Skip("the nats-server of Debian is a program of Linux")
	}
	if _, err := os.Stat(Debian); err != nil {
		if os.Getenv("CI") != "" { //nolint:forbidigo // this package is for tests: CI decides what a missing program means
			t.Fatalf("%v: run .ci/servers", err)
		}
		t.Skip("there is no nats-server: run .ci/servers")
	}
	return Debian
}

// A Process is a nats-server as a process of its own.
type Process struct {
	Addr    string // HOST:PORT for clients
	Monitor string // HOST:PORT of its figures; "" without them
	Cmd     *exec.Cmd
}

// Config returns the configuration of a server on loopback with its files in a folder, and with figures. More lines are about JetStream.
func Config(folder string, jetstream ...string) string {
	return fmt.Sprintf("listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\njetstream {\n  store_dir: %q\n%s}\n", filepath.ToSlash(folder), strings.Join(jetstream, "\n")+"\n")
}

// Start starts a nats-server program with a configuration. It ends with the test.
func Start(t testing.TB, program, config string) *Process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats-server.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Process{Cmd: exec.CommandContext(context.WithoutCancel(t.Context()), program, "-c", file)}
	log, err := p.Cmd.StderrPipe()
	if err == nil {
		err = p.Cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Cmd.Process.Kill()
		_ = p.Cmd.Wait()
	})
	var said strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "Server is ready") {
		said.WriteString(lines.Text() + "\n")
		for text, address := range map[string]*string{"Listening for client connections on ": &p.Addr, "Starting http monitor on ": &p.Monitor} {
			if _, rest, found := strings.Cut(lines.Text(), text); found {
				*address = strings.TrimSpace(rest)
			}
		}
	}
	if _, _, err := net.SplitHostPort(p.Addr); err != nil {
		t.Fatalf("%s does not start: %v\n%s", program, err, said.String())
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return p
}

// URL returns the address for a client on this machine.
func (p *Process) URL() string { return "nats://" + p.Addr }

// Figures reads a page of the server's figures, such as varz.
func (p *Process) Figures(t testing.TB, page string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Monitor+"/"+page, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", page, answer.Status, err)
	}
}
