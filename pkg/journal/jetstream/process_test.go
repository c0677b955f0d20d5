package jetstream_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/internal/suite"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// childFolder makes this test program a server with its files in a folder.
const childFolder = "CPUPDATE_TEST_NATS_FOLDER"

// TestMain is the server in a process of its own if a test wants that.
func TestMain(m *testing.M) {
	folder := os.Getenv(childFolder)
	if folder == "" {
		suite.SideBySide(4)
		os.Exit(m.Run())
	}
	o := options(folder)
	o.SyncAlways = true
	s, err := server.NewServer(o)
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(ready) {
		panic("the server does not start")
	}
	_, _ = os.Stdout.WriteString(s.Addr().String() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	s.Shutdown()
}

// child starts this test program as a server, and returns its address and what kills it.
func child(t *testing.T, folder string) (address string, kill func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this program
	cmd.Env = append(cmd.Environ(), childFolder+"="+folder)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cancel() // SIGKILL
		_ = cmd.Wait()
		_ = in.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), kill
}

// TestKilledServer kills the server while events are appended, many times: each event whose append has returned is there.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	address, kill := child(t, folder)
	p := natstest.NewProxy(t, start(t))
	p.LeadTo(address)
	l := open(t, jetstream.Options{URL: p.URL(), Wait: long})
	var seq journal.Seq
	for round := range 6 {
		for range 5 {
			seq = add(t, l, key, seq, "x")
		}
		answer := addLater(t, l, seq, "killed")
		if round%2 == 0 {
			seq = (<-answer).seq
		}
		p.LeadTo("")
		kill()
		address, kill = child(t, folder)
		p.LeadTo(address)
		if round%2 == 1 {
			got := <-answer
			if got.err != nil {
				t.Fatal(got.err)
			}
			seq = got.seq
		}
	}
	if got := len(journaltest.List(t, l.Read(t.Context(), key))); got != 36 {
		t.Errorf("%d events", got)
	}
}

// TestDebian runs the conformance tests against the nats-server of Debian, which is an old one, as a process of its own.
func TestDebian(t *testing.T) {
	program := natstest.Program(t)
	journaltest.Conform(t, func(t *testing.T) (one, other journal.Ledger) {
		o := jetstream.Options{URL: natstest.Start(t, program, natstest.Config(t.TempDir())).URL()}
		return open(t, o), open(t, o)
	})
}
