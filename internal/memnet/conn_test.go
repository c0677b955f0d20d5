package memnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/cpupdate/cpupdate/internal/memnet"
)

// A wire is the network below a test: the one in memory, or the system's.
type wire struct {
	listen func(ctx context.Context, network, address string) (net.Listener, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// onBoth runs a test over memory and, on Linux, over a loopback connection of the system: both have to do the same.
func onBoth(t *testing.T, test func(t *testing.T, w wire)) {
	t.Helper()
	n := memnet.New()
	wires := map[string]wire{"memory": {n.Listen, n.Dial}}
	if runtime.GOOS == "linux" { // others report some ends of a connection with other errors
		wires["system"] = wire{(&net.ListenConfig{}).Listen, (&net.Dialer{}).DialContext}
	}
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// conn is what both networks offer.
type conn interface {
	net.Conn
	CloseWrite() error
	CloseRead() error
	SetLinger(seconds int) error
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// connect returns both ends of a connection.
func (w wire) connect(t *testing.T) (client, server conn) {
	t.Helper()
	l, err := w.listen(t.Context(), "tcp", "127.0.0.1:0")
	fatal(t, err)
	defer l.Close()
	there, err := w.dial(t.Context(), "tcp", l.Addr().String())
	fatal(t, err)
	here, err := l.Accept()
	fatal(t, err)
	t.Cleanup(func() {
		_ = there.Close()
		_ = here.Close()
	})
	return there.(conn), here.(conn)
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want fails unless an error is the one that is wanted, and an error of the network.
func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	op := (*net.OpError)(nil)
	if !errors.Is(err, wanted) || !errors.Is(err, io.EOF) && !errors.As(err, &op) {
		t.Errorf("%s: %v, want %v", what, err, wanted)
	}
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	fatal(t, err)
}

// receive reads as many bytes as a text has, and compares.
func receive(t *testing.T, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Errorf("it reads %q, %v, want %q", b, err, text)
	}
}

// next reads one byte, of which there should be none, and returns the error.
func next(c net.Conn) error {
	n, err := c.Read(make([]byte, 1))
	if n > 0 {
		return errors.New("a byte")
	}
	return err
}

func TestTalk(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		send(t, client, "hello")
		send(t, client, " there")
		receive(t, server, "hello there")
		send(t, server, "hi")
		receive(t, client, "hi")
		if client.RemoteAddr().String() != server.LocalAddr().String() || server.RemoteAddr().String() != client.LocalAddr().String() {
			t.Errorf("%v to %v, %v to %v", client.LocalAddr(), client.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
		}
		if a, ok := client.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.Equal(net.IPv4(127, 0, 0, 1)) || a.Port == 0 {
			t.Errorf("the address is %v", client.RemoteAddr())
		}
	})
}

func TestEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		send(t, client, "question")
		fatal(t, client.CloseWrite())
		_, err := client.Write([]byte("x"))
		want(t, "a write after CloseWrite", err, syscall.EPIPE)
		text, err := io.ReadAll(server)
		if err != nil || string(text) != "question" {
			t.Errorf("the server reads %q, %v", text, err)
		}
		send(t, server, "answer")
		fatal(t, server.Close())
		text, err = io.ReadAll(client)
		if err != nil || string(text) != "answer" {
			t.Errorf("the client reads %q, %v", text, err)
		}
		want(t, "a second close", server.Close(), net.ErrClosed)
		want(t, "a read after close", next(server), net.ErrClosed)
		_, err = server.Write([]byte("x"))
		want(t, "a write after close", err, net.ErrClosed)
		want(t, "a deadline after close", server.SetDeadline(time.Now()), net.ErrClosed)
		want(t, "CloseWrite after close", server.CloseWrite(), net.ErrClosed)
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		send(t, client, "half")
		fatal(t, client.SetLinger(0))
		fatal(t, client.Close())
		receive(t, server, "half")
		want(t, "a read after a reset", next(server), syscall.ECONNRESET)
		want(t, "the next one", next(server), io.EOF)
		_, err := server.Write([]byte("x"))
		want(t, "a write after a reset", err, syscall.EPIPE)
		want(t, "CloseWrite after a reset", server.CloseWrite(), syscall.ENOTCONN)
		fatal(t, server.Close())
	})
}

func TestResetIsTakenBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		fatal(t, client.SetLinger(0))
		fatal(t, client.SetLinger(-1))
		fatal(t, client.Close())
		want(t, "a read", next(server), io.EOF)
	})
}

// Who closes without having read everything resets the connection.
func TestUnread(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		send(t, client, "unread")
		receive(t, server, "un")
		fatal(t, server.Close())
		want(t, "a read", next(client), syscall.ECONNRESET)
		_, err := client.Write([]byte("x"))
		want(t, "a write", err, syscall.EPIPE)
	})
}

// Who writes to a peer that has closed is answered with a reset.
func TestWriteToClosed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		fatal(t, server.Close())
		want(t, "a read", next(client), io.EOF)
		send(t, client, "x")
		for { // until the answer has come
			if _, err := client.Write([]byte("x")); err != nil {
				want(t, "a later write", err, syscall.EPIPE)
				break
			}
		}
		want(t, "a read after that", next(client), io.EOF)
	})
}

// A connection that waits is woken by its own end, its deadline and its peer.
func TestWoken(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		for _, c := range []struct {
			name   string
			wake   func(client, server conn) error
			wanted error
		}{
			{"close", func(client, _ conn) error { return client.Close() }, net.ErrClosed},
			{"deadline", func(client, _ conn) error { return client.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
			{"later deadline", func(client, _ conn) error { return client.SetDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
			{"reset", func(_, server conn) error {
				_ = server.SetLinger(0)
				return server.Close()
			}, syscall.ECONNRESET},
		} {
			client, server := w.connect(t)
			read, written := make(chan error, 1), make(chan error, 1)
			go func() { read <- next(client) }()
			if c.name != "reset" { // of two that wait only one is told of it
				fatal(t, client.SetWriteBuffer(4<<10))
				fatal(t, server.SetReadBuffer(4<<10))
				go func() {
					_, err := client.Write(make([]byte, 32<<20))
					written <- err
				}()
				receive(t, server, string(make([]byte, 100)))
			}
			fatal(t, c.wake(client, server))
			want(t, c.name+", a read", <-read, c.wanted)
			if c.name != "reset" {
				want(t, c.name+", a write", <-written, c.wanted)
			}
		}
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		send(t, client, "x")
		fatal(t, server.SetReadDeadline(time.Unix(1, 0)))
		err := next(server)
		want(t, "a read that is late, though there is something", err, os.ErrDeadlineExceeded)
		if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() || !strings.Contains(err.Error(), "i/o timeout") {
			t.Errorf("it is no timeout: %v", err)
		}
		fatal(t, server.SetReadDeadline(time.Time{}))
		receive(t, server, "x")
		fatal(t, server.SetWriteDeadline(time.Unix(1, 0)))
		_, err = server.Write([]byte("x"))
		want(t, "a write that is late, though there is room", err, os.ErrDeadlineExceeded)
		fatal(t, server.SetDeadline(time.Now().Add(time.Hour)))
		send(t, server, "y")
		receive(t, client, "y")
	})
}

func TestCloseRead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		client, server := w.connect(t)
		fatal(t, server.CloseRead())
		want(t, "a read", next(server), io.EOF)
		send(t, server, "still")
		receive(t, client, "still")
	})
}

func TestListen(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		l, err := w.listen(t.Context(), "tcp", "127.0.0.1:0")
		fatal(t, err)
		address := l.Addr().String()
		_, err = w.listen(t.Context(), "tcp", address)
		want(t, "a port that is taken", err, syscall.EADDRINUSE)
		waiting, err := w.dial(t.Context(), "tcp", address)
		fatal(t, err)
		defer waiting.Close()
		fatal(t, l.(interface{ SetDeadline(at time.Time) error }).SetDeadline(time.Unix(1, 0)))
		_, err = l.Accept()
		want(t, "an accept that is late", err, os.ErrDeadlineExceeded)
		fatal(t, l.Close())
		want(t, "a connection that nobody accepted", next(waiting), syscall.ECONNRESET)
		_, err = l.Accept()
		want(t, "an accept after close", err, net.ErrClosed)
		want(t, "a second close", l.Close(), net.ErrClosed)
		_, err = w.dial(t.Context(), "tcp", address)
		want(t, "a closed port", err, syscall.ECONNREFUSED)
		again, err := w.listen(t.Context(), "tcp", address)
		fatal(t, err)
		fatal(t, again.Close())
	})
}

// One that listens on every host is reached on each, and knows on which.
func TestUnspecified(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		l, err := w.listen(t.Context(), "tcp4", ":0")
		fatal(t, err)
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		_, err = w.listen(t.Context(), "tcp4", net.JoinHostPort("127.0.0.7", port))
		want(t, "one of its addresses", err, syscall.EADDRINUSE)
		for _, host := range []string{"127.0.0.1", "127.0.0.9"} {
			there, err := w.dial(t.Context(), "tcp", net.JoinHostPort(host, port))
			fatal(t, err)
			here, err := l.Accept()
			fatal(t, err)
			if got := here.LocalAddr().String(); got != net.JoinHostPort(host, port) {
				t.Errorf("it was reached at %s", got)
			}
			fatal(t, there.Close())
			fatal(t, here.Close())
		}
	})
}

func TestBadAddresses(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w wire) {
		for _, c := range [][2]string{{"udp9", "127.0.0.1:1"}, {"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:x"}, {"tcp4", "[::1]:1"}} {
			op := (*net.OpError)(nil)
			if _, err := w.dial(t.Context(), c[0], c[1]); !errors.As(err, &op) {
				t.Errorf("dial %v: %v", c, err)
			}
			if _, err := w.listen(t.Context(), c[0], c[1]); !errors.As(err, &op) {
				t.Errorf("listen %v: %v", c, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.dial(ctx, "tcp", "127.0.0.1:1")
		if err == nil || !strings.HasSuffix(err.Error(), "operation was canceled") {
			t.Errorf("a context that has ended: %v", err)
		}
		ctx, cancel = context.WithDeadline(t.Context(), time.Unix(1, 0))
		defer cancel()
		_, err = w.dial(ctx, "tcp", "127.0.0.1:1")
		if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() || !strings.HasSuffix(err.Error(), "i/o timeout") {
			t.Errorf("a time that is over: %v", err)
		}
	})
}

// TestConformance is the check of package nettest.
func TestConformance(t *testing.T) {
	t.Parallel()
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		n := memnet.New()
		l, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, nil, err
		}
		client, err := n.Dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			return nil, nil, nil, err
		}
		server, err := l.Accept()
		return client, server, func() {
			_ = client.Close()
			_ = server.Close()
			_ = l.Close()
		}, err
	})
}

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("192.0.2.2")
)

func ExampleNetwork() {
	n := memnet.New()
	ctx := context.Background()
	l, _ := n.Listen(ctx, "tcp", there.String()+":443")
	defer l.Close()
	client, _ := n.DialFrom(ctx, here, "tcp", there.String()+":443")
	defer client.Close()
	server, _ := l.Accept()
	defer server.Close()
	host, _, _ := net.SplitHostPort(server.RemoteAddr().String())
	fmt.Println(host, n)
	// Output: 192.0.2.1 [192.0.2.2:443]
}
