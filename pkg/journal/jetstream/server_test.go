package jetstream_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// ready is how long a server may take to start.
const ready = time.Minute

// options returns the options of a server of this process, with its files in a folder.
func options(folder string) *server.Options {
	return &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true}
}

// run starts a server.
func run(t *testing.T, o *server.Options) *server.Server {
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

// start starts a server with a new folder.
func start(t *testing.T) *server.Server {
	t.Helper()
	return run(t, options(t.TempDir()))
}

// open opens the journal of a server.
func open(t *testing.T, o jetstream.Options) *jetstream.Ledger {
	t.Helper()
	l, err := jetstream.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
