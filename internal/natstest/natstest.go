// Package natstest runs nats-servers in the process of a test, and loses their connections.
package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// ready is how long a server may take to start.
const ready = time.Minute

// Options returns the options of a server with its files in a folder.
func Options(folder string) *server.Options {
	return &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true}
}

// Run starts a server. It ends with the test.
func Run(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(ready) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// Open opens a journal.
func Open(t testing.TB, o jetstream.Options) *jetstream.Ledger {
	t.Helper()
	l, err := jetstream.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
