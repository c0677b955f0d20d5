package transfer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A countedConn counts its writes.
type countedConn struct {
	net.Conn
	writes atomic.Int64
	begun  chan struct{} // is sent to when a write begins, if it is not nil
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if c.begun != nil {
		c.begun <- struct{}{}
	}
	return c.Conn.Write(p)
}

// secured returns a connection in memory whose handshake is made, the connection below it, and the server's end.
func secured(t *testing.T) (*secureConn, *countedConn, *tls.Conn) {
	t.Helper()
	here, there := net.Pipe()
	authority := testca.NewAuthority(t)
	peer := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{authority.Issue(nil)}, MinVersion: tls.VersionTLS12})
	below := &countedConn{Conn: here}
	c := newSecureConn(netconn.New(below, time.Hour), &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12})
	done := make(chan error, 1)
	go func() { done <- peer.HandshakeContext(t.Context()) }()
	if err := errors.Join(c.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = here.Close(), there.Close() })
	return c, below, peer
}

// Whatever is written at once reaches the system at once, and the peer as it was written. No time passes meanwhile: a write that takes
// long is looked after, and goes on with another one.
func TestSecureConnWritesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int{1, 16 << 10, 16<<10 + 1, chunkSize} {
			c, below, peer := secured(t)
			want := bytes.Repeat([]byte("the payload of a phone\r\n"), size/24+1)[:size]
			got := make(chan []byte, 1)
			go func() {
				read := make([]byte, size)
				_, _ = io.ReadFull(peer, read)
				got <- read
			}()
			below.writes.Store(0)
			if n, err := c.Write(want); n != size || err != nil {
				t.Errorf("%d bytes: %d, %v", size, n, err)
			}
			if n := below.writes.Load(); n != 1 {
				t.Errorf("%d bytes: %d writes", size, n)
			}
			if !bytes.Equal(<-got, want) {
				t.Errorf("%d bytes: other bytes arrived", size)
			}
		}
	})
}

// A write that fails says that nothing was written: who counts on it must not believe that the file is complete.
func TestSecureConnFails(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, chunkSize} {
		c, below, _ := secured(t)
		_ = below.Close()
		if n, err := c.Write(make([]byte, size)); n != 0 || err == nil {
			t.Errorf("%d bytes: %d, %v", size, n, err)
		}
	}
}

// Close ends a write that the peer does not take.
func TestSecureConnCloseEndsWrite(t *testing.T) {
	t.Parallel()
	c, below, _ := secured(t)
	c.batch.HoldFailedWrites(time.Hour)
	below.begun = make(chan struct{}, 2) // the write, and TLS's closing alert
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, chunkSize))
		failed <- err
	}()
	<-below.begun
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the write succeeded")
	}
}
