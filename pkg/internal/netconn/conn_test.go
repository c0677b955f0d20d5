package netconn_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

const idle = 10 * time.Minute

// pipe returns both ends of a connection in memory, the first of them with the idle limit.
func pipe() (*netconn.Conn, net.Conn) {
	here, there := net.Pipe()
	return netconn.New(here, idle), there
}

func TestIdleLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipe()
		defer peer.Close()
		defer c.Close()
		start := time.Now()
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !c.TimedOut() || time.Since(start) != idle {
			t.Errorf("read: %d, %v after %v", n, err, time.Since(start))
		}
		start = time.Now()
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != idle {
			t.Errorf("written: %d, %v after %v", n, err, time.Since(start))
		}
		c.SetIdle(time.Second)
		start = time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > time.Second {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
	})
}

// What moves has no limit, in either direction.
func TestSlowIsNotIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipe()
		defer c.Close()
		go func() {
			for range 5 {
				time.Sleep(idle - time.Second)
				_, _ = peer.Write([]byte("x"))
			}
			for range 5 {
				time.Sleep(idle - time.Second)
				_, _ = peer.Read(make([]byte, 1))
			}
			_ = peer.Close()
		}()
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Errorf("read: %v", err)
		}
		if n, err := c.Write([]byte("12345")); n != 5 || err != nil || c.Written() != 5 || c.TimedOut() {
			t.Errorf("written: %d, %v", n, err)
		}
	})
}

func TestStopReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipe()
		defer peer.Close()
		defer c.Close()
		time.AfterFunc(time.Second, c.StopReading)
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second || c.TimedOut() {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
	})
}

// A peer that says that it leaves does not get the whole limit; one that the caller waits for gets any time.
func TestExpectCloseAndWaitForReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, peer := pipe()
		defer peer.Close()
		defer c.Close()
		time.AfterFunc(time.Second, c.ExpectClose)
		start := time.Now()
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 4*time.Second {
			t.Errorf("written: %v after %v", err, time.Since(start))
		}
		c.WaitForReads()
		time.AfterFunc(2*idle, func() { _, _ = peer.Write([]byte("x")) })
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
	})
}

// sockets returns both ends of a TCP connection on loopback, the first of them with the idle limit.
func sockets(t *testing.T) (*netconn.Conn, *net.TCPConn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := netconn.Dial(t.Context(), l.Addr().String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
	return c, peer.(*net.TCPConn)
}

func TestReset(t *testing.T) {
	t.Parallel()
	c, peer := sockets(t)
	if !c.IsIPv4() {
		t.Error("127.0.0.1 is IPv4")
	}
	c.Reset()
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer read: %v", err)
	}
	c, peer = sockets(t)
	c.ResetOnClose()
	c.CloseNormally()
	_ = c.Close()
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the peer read: %v", err)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	c, peer := sockets(t)
	if _, err := c.Write([]byte("all")); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, peer)
		_, _ = peer.Write([]byte("a ticket"))
		_ = peer.Close()
	}()
	if err := c.Drain(); err != nil {
		t.Errorf("drained: %v", err)
	}
	if got := c.Confirmed(); got != 3 {
		t.Errorf("%d bytes are confirmed", got)
	}
	if err := wasReset(t).Drain(); err == nil {
		t.Error("a peer that resets has not taken everything")
	}
	inMemory, other := pipe()
	defer other.Close()
	if err := inMemory.Drain(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a connection that cannot be closed by half: %v", err)
	}
}

// wasReset returns a TCP connection that the peer has reset.
func wasReset(t *testing.T) *netconn.Conn {
	t.Helper()
	c, peer := sockets(t)
	_ = peer.SetLinger(0)
	_ = peer.Close()
	return c
}

func TestWaitConfirmed(t *testing.T) {
	t.Parallel()
	c, _ := sockets(t)
	if _, err := c.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitConfirmed(nil); err != nil || c.Unconfirmed() != 0 || c.Sending() {
		t.Errorf("got %v, %d unconfirmed", err, c.Unconfirmed())
	}
	c.Reset()
	if got := c.Confirmed(); got != 1000 {
		t.Errorf("of a closed connection %d bytes were confirmed", got)
	}
}
